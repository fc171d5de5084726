/**
 * Everything that is told about one request when somebody looks at it: the verdict, the steps, the choice of a backend,
 * heads, bodies and times. Made on demand from the recording, never sent unasked.
 * Must hold plain JSON only; secrets are masked unless `revealed` says otherwise.
 */
import type { Location } from "./location.ts";
import type { Row, RowState } from "./traffic.ts";

export interface TimelineStep {
  readonly phase: string;
  readonly label: string;
  readonly sentence: string;
  /** "off": not reached. "shadow": would have refused. */
  readonly state: "ok" | "stop" | "off" | "shadow" | "skipped";
  readonly location?: Location;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
}

/** Every route of the listener, and the condition on which it lost. */
export interface RouteCandidate {
  readonly route: string;
  readonly match: string;
  readonly verdict: "chosen" | "lost";
  /** "path /orders does not match /cart", "less specific: prefix /" ... */
  readonly why: string;
  readonly location?: Location;
}

export interface EndpointCandidate {
  readonly label: string;
  readonly url: string;
  readonly verdict: "chosen" | "lost" | "excluded";
  readonly why: string;
  readonly inFlight: number;
  readonly weight: number;
  readonly location?: Location;
}

/** One header field through the gateway. Undefined = not there. Masked values read "•••• (masked)". */
export interface FieldJourney {
  readonly name: string;
  readonly client?: string;
  readonly gateway?: string;
  readonly upstream?: string;
  readonly reply?: string;
  /** Which side: request fields show client -> upstream, response fields upstream -> client. */
  readonly side: "request" | "response";
  /** Who changed it: policy name, or "gateway". */
  readonly changedBy?: string;
  readonly location?: Location;
}

export interface BodyView {
  /** Bytes on the wire. */
  readonly size: number;
  /** Bytes captured. */
  readonly captured: number;
  readonly contentType: string;
  readonly contentEncoding: string;
  /** Base64 of what was captured; absent when evicted. */
  readonly base64?: string;
  readonly evicted: boolean;
}

export interface TimingSpan {
  readonly name: "decide" | "queue" | "connect" | "send" | "wait" | "receive";
  readonly attempt: number;
  /** Milliseconds after arrival. */
  readonly start: number;
  readonly duration: number;
}

export interface AttemptView {
  readonly number: number;
  readonly endpoint: string;
  /** "200 in 12 ms", "connection refused" */
  readonly outcome: string;
  readonly failed: boolean;
  /** Why it was tried again, or why not. */
  readonly then: string;
  readonly reusedConnection: boolean;
}

/** What there is to tell of a layer-4 connection instead of headers and bodies. */
export interface ConnectionView {
  /** "127.0.0.1:50122" */
  readonly client: string;
  readonly destination: string;
  /** "postgres :5432"; "" when none was reached. */
  readonly server: string;
  readonly serverName?: string;
  /** PROXY headers as lines. */
  readonly proxyReceived?: string;
  readonly proxySent?: string;
  /** "CD", and the same in words; "" while it is open. */
  readonly termination: string;
  readonly ended: string;
  /** What this layer sees, and what it cannot. */
  readonly sees: readonly string[];
  readonly hidden: readonly string[];
}

/** One listener's part in a request that passed several listeners of this gateway. */
export interface LayerView {
  /** Of its row. */
  readonly id: number;
  /** 0 for the outermost listener. */
  readonly depth: number;
  readonly listener: string;
  readonly layer: 4 | 7;
  /** The listener's protocol: "TCP", "TLS", "HTTP", "HTTPS", "UDP". */
  readonly speaks: string;
  /** It is the row that is being looked at. */
  readonly current: boolean;
  readonly state: RowState;
  /** 0 = none. */
  readonly status: number;
  readonly termination?: string;
  /** "TCP connection", "GET /orders/7" */
  readonly what: string;
  /** What proves that it belongs behind the layer before it; "" for the outermost. */
  readonly link: string;
  /** Older requests of this connection that are not listed. */
  readonly more: number;
  /** What this listener knew when it decided. */
  readonly knows: readonly { readonly name: string; readonly value: string }[];
  /** What it cannot know. */
  readonly hidden: readonly string[];
  /** What it asked before it let pass. */
  readonly steps: readonly Pick<TimelineStep, "label" | "sentence" | "state">[];
  /** How the target was chosen, in a sentence. */
  readonly balance: string;
  /** "orders :4001"; "" when none was reached. */
  readonly target: string;
  /** Milliseconds; -1 while pending. */
  readonly duration: number;
}

export interface Verdict {
  readonly refused: boolean;
  readonly status: number;
  readonly title: string;
  readonly sentence: string;
  /** urn:switchyard:<kind>:<reason> */
  readonly type?: string;
  readonly policy?: string;
  readonly location?: Location;
  readonly fixes: readonly { readonly title: string; readonly location: Location; readonly newText: string }[];
}

export interface Detail {
  readonly row: Row;
  /** Read from a file: nothing of it came through this gateway. `decided`: the file holds Switchyard's decision. */
  readonly imported?: { readonly archive: string; readonly decided: boolean };
  /** What was sent on its behalf, oldest first; absent = nothing. */
  readonly children?: readonly Row[];
  readonly verdict: Verdict;
  /** Who is calling, and what may they do? */
  readonly gateway: readonly TimelineStep[];
  /** Where should it go? */
  readonly balancer: readonly TimelineStep[];
  readonly routes: readonly RouteCandidate[];
  readonly balance?: {
    readonly algorithm: string;
    readonly sentence: string;
    readonly seed: string;
    readonly candidates: readonly EndpointCandidate[];
  };
  readonly fields: readonly FieldJourney[];
  readonly requestBody: BodyView;
  readonly responseBody: BodyView;
  readonly timing: readonly TimingSpan[];
  readonly attempts: readonly AttemptView[];
  /** Layer 4 only. */
  readonly connection?: ConnectionView;
  /** Every listener of this gateway that the request passed, outermost first; absent when it was one. */
  readonly layers?: readonly LayerView[];
  /** A shell line that sends it again; "" for layer 4. Secrets masked unless revealed. */
  readonly curl: string;
  /** The same for PowerShell, 5.1 and later. */
  readonly curlPowerShell: string;
  /** Secrets in this detail are shown. */
  readonly revealed: boolean;
}
