/**
 * Every message between gateway, extension and page, and the version they must agree on.
 * All values are plain JSON. Must not import anything.
 *
 * One RPC (birpc) carries them over three roads: the child-process channel (extension and gateway), the webview's
 * postMessage (page and extension, which relays), and a loopback WebSocket (browser page and gateway).
 */

export const CONTRACT_VERSION = 1;

/** One writer per event. A gap in `seq`, or another `generation`, means: ask for a snapshot. */
export interface Stamp {
  /** Changes whenever the gateway starts. */
  readonly generation: string;
  readonly seq: number;
}

/** A place in the policy file; lines and columns count from 1. */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

// ---- Traffic ---------------------------------------------------------------------------------------------------

export type RowState =
  | "pending" // …
  | "ok" // ✓
  | "clientError" // !  4xx from the backend
  | "upstreamError" // ✕  5xx from the backend, or the gateway could not get an answer
  | "rejected" // ⛨  refused by a policy or by the router
  | "aborted"; // the client went away first

/** The line that each request draws: a dot per phase that ran, a square where it stopped, a fork over the replicas. */
export interface Track {
  /** Phases that ran, in order: "route", "screen", "identify", ... */
  readonly phases: readonly string[];
  /** The last of `phases` refused. */
  readonly stopped: boolean;
  /** Index into `phases` of one that let pass with a warning (shadow refusal); -1 = none. */
  readonly warned: number;
  /** Replicas of the chosen service; 0 when it was not reached. */
  readonly replicas: number;
  /** Index of the chosen one; -1 = none. */
  readonly chosen: number;
  /** Indexes of excluded ones. */
  readonly excluded: readonly number[];
  /** The chosen one failed. */
  readonly failed: boolean;
  /** Text alternative, e.g. "stopped at the rate limit". */
  readonly say: string;
}

/** One line of the traffic table. */
export interface Row {
  readonly id: number;
  /** Epoch milliseconds of arrival. */
  readonly at: number;
  readonly state: RowState;
  /** More words for `is:`: retried, replay, simulated. */
  readonly tags: readonly string[];
  /** Layer 4: "tcp", "udp", "tls". Such a row has no method and status; `path` is what the client connected to, `host` the SNI. */
  readonly protocol: "http/1.1" | "h2" | "grpc" | "websocket" | "tcp" | "udp" | "tls";
  readonly method: string;
  readonly host: string;
  /** With the query. */
  readonly path: string;
  /** 0 while pending, or when there was none. */
  readonly status: number;
  /** Of a gRPC call, whose HTTP status is always 200: 0 OK to 16 UNAUTHENTICATED. Absent until it is told. */
  readonly grpcStatus?: number;
  readonly listener: string;
  readonly route?: string;
  readonly service?: string;
  /** ":4001" */
  readonly endpoint?: string;
  /** Consumer or token subject. */
  readonly caller?: string;
  readonly client: string;
  /** Name of the policy that refused. */
  readonly policy?: string;
  /** First failing fact, else the balancing reason. */
  readonly why: string;
  /** Milliseconds; -1 while pending. */
  readonly duration: number;
  /** Milliseconds to the first response byte; -1 when there was none. */
  readonly firstByte: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly attempts: number;
  /** Plan revision that judged it. */
  readonly revision: number;
  readonly track: Track;
  /** Layer 4: HAProxy's termination state ("--", "CD", "SC"); absent while open and at layer 7. */
  readonly termination?: string;
  /** Heads and bodies were evicted from the ring; the row and its decision remain. */
  readonly evicted: boolean;
  /** What the unsaved policy would make of it, when that is another thing: tagged "changed". */
  readonly whatIf?: RowShift;
  /** The request on whose behalf it was sent: a part of an aggregate, a renewal, a mirrored copy. */
  readonly parent?: number;
}

export interface RowShift {
  readonly change: "rejected" | "admitted" | "elsewhere";
  /** Status under the saved policy and under the unsaved one; 0 = nobody knows what the backend would answer. */
  readonly before: number;
  readonly after: number;
  /** "per-user 0 of 40, next in 1.3 s" */
  readonly why: string;
  /** Something about it had to be assumed: see WhatIfView.assumptions. */
  readonly assumed: boolean;
}

export interface TrafficCounts {
  readonly stamp: Stamp;
  /** Rows in the ring. */
  readonly total: number;
  /** Rows that match the filter. Positions of matched rows run from `first` (grows as rows are evicted) to `first + matched`. */
  readonly matched: number;
  readonly first: number;
  /** Rows evicted since the start or the last clear. */
  readonly dropped: number;
  readonly recording: boolean;
  /** Requests per second and share refused over the last ten seconds. */
  readonly perSecond: number;
  readonly rejectedShare: number;
  /** 95th percentile of duration over the last ten seconds, milliseconds; -1 = none. */
  readonly p95: number;
}

/** Sent at most ten times a second, only to who watches. */
export interface TrafficDelta extends TrafficCounts {
  /** New matching rows, oldest first, at most 200; `appendedAt` is the position of the first. When more came, they are left out and must be asked for. */
  readonly appended: readonly Row[];
  readonly appendedAt: number;
  /** Rows sent before or shown before that have changed since (pending ones that ended). */
  readonly changed: readonly Row[];
}

export interface TrafficWindow extends TrafficCounts {
  readonly from: number;
  readonly rows: readonly Row[];
}

export interface TrafficQuery {
  readonly filter: string;
  /** Position of the first row wanted. Negative counts from the end. */
  readonly from: number;
  /** At most 500. */
  readonly count: number;
}

/** How a filter text was understood. */
export interface FilterVerdict {
  readonly ok: boolean;
  /** In words: "rejected, on route orders". */
  readonly description: string;
  readonly problem?: { readonly message: string; readonly start: number; readonly end: number };
}

export interface Suggestion {
  /** Replaces [start, end) of the filter text. */
  readonly insert: string;
  readonly start: number;
  readonly end: number;
  readonly label: string;
  /** Rows that it would leave; -1 = not counted. */
  readonly count: number;
}

// ---- Detail ----------------------------------------------------------------------------------------------------

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

/** What became of a request that a person had sent through the gateway. */
export type SendResult =
  /** @see Row.id: 0 = no row, as nothing is recorded at the moment. `status`: 0 = there was no answer (yet). */
  | { readonly kind: "sent"; readonly id: number; readonly status: number }
  /** Nothing was sent, and why, in a sentence. */
  | { readonly kind: "refused"; readonly message: string }
  /** Nothing was sent: the edited text is no request. `line` counts from 1. */
  | { readonly kind: "invalid"; readonly line: number; readonly message: string };

/** A recorded request as a text to be edited, secrets masked. */
export type DraftResult =
  { readonly kind: "draft"; readonly text: string } | { readonly kind: "refused"; readonly message: string };

/** An HTTP Archive (HAR 1.2). */
export interface HarExport {
  readonly text: string;
  /** Entries in it, and requests that matched: open, evicted and layer-4 ones are not in it, nor more than a thousand. */
  readonly count: number;
  readonly matched: number;
}

// ---- What if ----------------------------------------------------------------------------------------------------

/** The recorded requests under a policy that is not saved, beside what the saved one makes of them. */
export interface WhatIfView {
  readonly total: number;
  readonly rejected: number;
  readonly admitted: number;
  /** The same verdict, but another reason, answer, route, service or replica. */
  readonly elsewhere: number;
  /** What the recording cannot say: a token that was never checked. */
  readonly unknown: number;
  readonly same: number;
  readonly assumptions: readonly string[];
  /** How long the answer took, milliseconds. */
  readonly milliseconds: number;
}

export type WhatIfResult =
  | {
      readonly kind: "compared";
      readonly view: WhatIfView;
      readonly shifts: readonly (RowShift & { readonly id: number })[];
    }
  | { readonly kind: "invalid"; readonly message: string; readonly line: number }
  /** No request is recorded. */
  | { readonly kind: "nothing" }
  /** Another text was asked about meanwhile. */
  | { readonly kind: "superseded" };

/** An edit of the text that was asked about, under which the request was seen to pass. */
export interface PassingFix {
  readonly title: string;
  readonly edits: readonly { readonly offset: number; readonly endOffset: number; readonly newText: string }[];
  /** From 1. */
  readonly line: number;
  /** What else it changes. */
  readonly view: WhatIfView;
}

// ---- Services, routes, limits -----------------------------------------------------------------------------------

export interface EndpointView {
  readonly index: number;
  readonly label: string;
  readonly url: string;
  readonly health:
    | "up"
    | "down"
    | "ejected"
    | "drain"
    | "maintenance"
    | "unknown"
    // Of replicas that the gateway runs, and of those that leave.
    | "starting"
    | "restarting"
    | "leaving"
    | "forbidden";
  /** "up", "ejected, back in 18 s after 5 failures", ... */
  readonly sentence: string;
  readonly inFlight: number;
  readonly weight: number;
  /** Milliseconds; -1 = none yet. */
  readonly latency: number;
  readonly perSecond: number;
  /** 0..1 of the service's traffic. */
  readonly share: number;
  /** Of the time to the first byte over the last ten seconds, milliseconds; -1 = no answer in that time. */
  readonly p50?: number;
  readonly p95?: number;
  /** Share of attempts that failed, 0 to 1, in steps of ten seconds, oldest first; -1 = none in that time. */
  readonly history?: readonly number[];
  /** What a person, or the file, decided about it. */
  readonly admin?: AdminState;
  /** Set while something is simulated on it: "down", "300 ms latency", "503 for 20% of requests". */
  readonly simulation?: string;
  /** Its process is the gateway's: `replicaLog` has its output. */
  readonly managed?: boolean;
  readonly location?: Location;
}

export type AdminState = "Up" | "Drain" | "Maintenance";

/** What a person may pretend of one replica, to see what the policy makes of it. Ends with the gateway. */
export type Simulation =
  /** Connections are refused; active checks fail. */
  | { readonly kind: "down" }
  /** Added before each attempt, 1 to 600000 ms. */
  | { readonly kind: "latency"; readonly milliseconds: number }
  /** Answered in its place with a 4xx or 5xx, for 1 to 100 per cent of the attempts. */
  | { readonly kind: "errors"; readonly status: number; readonly percent: number };

export interface SimulationView {
  readonly service: string;
  readonly url: string;
  /** ":4001" */
  readonly label: string;
  readonly simulation: Simulation;
  /** "down", "300 ms latency", "503 for 20% of requests" */
  readonly words: string;
}

export interface ServiceView {
  readonly name: string;
  /** What stands in the way of its requests, or may soon: "circuit breaker open: 14 of 20 attempts failed, a trial in 12 s". */
  readonly sentence?: string;
  readonly algorithm: string;
  readonly healthy: number;
  readonly total: number;
  readonly perSecond: number;
  /** Set when the gateway runs the replicas: how many there are to be; 1 to 32. */
  readonly scale?: number;
  readonly endpoints: readonly EndpointView[];
  readonly location?: Location;
}

export interface RouteView {
  readonly name: string;
  /** "GET POST /orders" */
  readonly summary: string;
  readonly perSecond: number;
  /** 0..1 over the last minute. */
  readonly rejectedShare: number;
  /** 95th percentile of the duration over the last ten seconds, milliseconds; absent = no request in that time. */
  readonly p95?: number;
  readonly total: number;
  readonly location?: Location;
}

export interface LimitKeyView {
  readonly key: string;
  readonly left: number;
  readonly capacity: number;
  /** Milliseconds from `at` until one more is admitted; 0 = now. */
  readonly nextIn: number;
  readonly fullIn: number;
  readonly rejected: number;
  /** A person froze it: it neither refills nor empties. */
  readonly frozen?: boolean;
}

/** What a person does to one bucket. */
export type BucketChange =
  | { readonly kind: "reset" | "freeze" | "thaw" }
  /** 0 to the bucket's capacity. */
  | { readonly kind: "set"; readonly left: number };

/** `undoBucket` takes the token back until then, epoch milliseconds. */
export interface BucketUndo {
  readonly token: number;
  readonly until: number;
  readonly undoable: boolean;
}

/** Ends with the gateway. */
export interface FrozenBucket {
  readonly identity: string;
  readonly name: string;
  readonly key: string;
}

export interface LimitView {
  /** Step identity: what `changeBucket` takes. */
  readonly identity: string;
  readonly name: string;
  readonly owner: string;
  readonly algorithm: string;
  /** "20 per 1m by jwt.sub" */
  readonly text: string;
  readonly capacity: number;
  /** Refill per second. */
  readonly perSecond: number;
  /** Emptiest first, at most as many as asked for. */
  readonly keys: readonly LimitKeyView[];
  readonly keyCount: number;
  readonly emptyCount: number;
  /** Its buckets can be frozen and set; else they can be reset only. */
  readonly adjustable?: boolean;
  readonly location?: Location;
}

/** Epoch milliseconds `at` lets the view run its countdowns by itself. */
export interface LimitsView {
  readonly stamp: Stamp;
  readonly at: number;
  /** Why quotas are not kept over a restart. */
  readonly problem?: string;
  readonly limits: readonly LimitView[];
}

/** One stored answer, or a URL whose answers are not stored. */
export interface CacheEntryView {
  readonly url: string;
  readonly state: "fresh" | "stale" | "uncacheable";
  /** Why: "12 s old, fresh for 60 s (max-age)". */
  readonly sentence: string;
  readonly status: number;
  readonly size: number;
  readonly hits: number;
  /** Names of request fields that select it. */
  readonly selectors: readonly string[];
}

export interface CacheView {
  /** What `purgeCache` takes. */
  readonly identity: string;
  /** "route catalog" */
  readonly owner: string;
  readonly bytes: number;
  readonly maxSize: number;
  readonly count: number;
  /** Since the cache is there: answered from it, and sent on. */
  readonly hits: number;
  readonly misses: number;
  /** Latest used first, then what is not stored; at most as many as asked for. */
  readonly entries: readonly CacheEntryView[];
  readonly location?: Location;
}

export interface CachesView {
  readonly at: number;
  readonly caches: readonly CacheView[];
}

export interface ServicesView {
  readonly stamp: Stamp;
  readonly at: number;
  readonly services: readonly ServiceView[];
  readonly routes: readonly RouteView[];
}

// ---- Policy and status ------------------------------------------------------------------------------------------

export interface DiagnosticView {
  /** SY101 ... */
  readonly code: string;
  readonly severity: "error" | "warning" | "hint";
  readonly message: string;
  readonly location: Location;
  readonly endLine: number;
  readonly endColumn: number;
}

// ---- Analytics ---------------------------------------------------------------------------------------------------

/** The last minute, the last fifteen, or everything since the gateway started. */
export type AnalyticsWindow = "1m" | "15m" | "all";

/** What happened to the whole gateway, a route, a service or a consumer. */
export interface SeriesView {
  readonly kind: "gateway" | "route" | "service" | "consumer";
  readonly name: string;
  readonly requests: number;
  readonly perSecond: number;
  /** 0..1: answered 5xx, or not at all, by fault of the backend. */
  readonly errorShare: number;
  /** 0..1: refused by the gateway. */
  readonly rejectedShare: number;
  /** Milliseconds, off by at most a thirty-second of themselves; -1 = nothing was timed. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Of bodies. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Requests, oldest first: by ten seconds of the last minute, else by minute of the last fifteen. */
  readonly history: readonly number[];
}

/** Counts since the start. */
export interface PolicyCostView {
  readonly identity: string;
  readonly name: string;
  readonly kind: string;
  /** "route/orders" */
  readonly owner: string;
  /** Requests that it gave a verdict on. */
  readonly judged: number;
  readonly refused: number;
  /** Would have refused, had it not been in shadow. */
  readonly shadowed: number;
  /** Requests whose time in it was measured. */
  readonly samples: number;
  /** Microseconds for one request on average; -1 = none was measured. */
  readonly micros: number;
  /** Its first call took no longer for 95 in 100. */
  readonly microsP95: number;
  readonly location: Location;
}

export interface AnalyticsView {
  readonly stamp: Stamp;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly window: AnalyticsWindow;
  /** That the window looks back. */
  readonly seconds: number;
  /** One request in that many has its policies timed. */
  readonly oneIn: number;
  readonly series: readonly SeriesView[];
  readonly policies: readonly PolicyCostView[];
}

export interface PolicyStatus {
  readonly file: string;
  /** Counts accepted edits from 1. */
  readonly revision: number;
  /** Epoch milliseconds when the running plan was accepted. */
  readonly acceptedAt: number;
  /** The latest text was refused: the plan above keeps serving. */
  readonly invalid: boolean;
  readonly diagnostics: readonly DiagnosticView[];
}

export interface ListenerStatus {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  readonly problem?: string;
}

export interface GatewayStatus {
  readonly stamp: Stamp;
  readonly state: "running" | "draining";
  readonly listeners: readonly ListenerStatus[];
  readonly policy: PolicyStatus;
  readonly perSecond: number;
  /** Refused in the last ten seconds. */
  readonly rejected: number;
  /** Services with fewer healthy endpoints than they have: "orders 2/3". */
  readonly unhealthy: readonly string[];
  /** What people pretend at the moment; absent = nothing. */
  readonly simulations?: readonly SimulationView[];
  /** Buckets that a person froze; absent = none. */
  readonly frozen?: readonly FrozenBucket[];
  readonly processId: number;
}

export interface Hello {
  readonly version: number;
  readonly generation: string;
  readonly status: GatewayStatus;
}

export type ProposeResult =
  | { readonly kind: "accepted"; readonly revision: number; readonly diagnostics: readonly DiagnosticView[] }
  | { readonly kind: "invalid"; readonly diagnostics: readonly DiagnosticView[] }
  | { readonly kind: "conflict"; readonly revision: number }
  /** The plan is good but a listener could not be opened; the old plan serves. */
  | { readonly kind: "failed"; readonly message: string };

export interface ExplainRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly clientIp?: string;
}

/** What the watcher wants to be told. Absent = nothing of that kind. Replaces what was asked for before. */
export interface Topics {
  readonly traffic?: { readonly filter: string };
  readonly services?: boolean;
  readonly limits?: { readonly search?: string; readonly count?: number };
  readonly status?: boolean;
  readonly whatIf?: boolean;
}

/** What the gateway answers. Each call is answered, fails as a rejection with an Error, or times out. */
export interface GatewayFunctions {
  hello(version: number): Hello | Promise<Hello>;
  watch(topics: Topics): void | Promise<void>;
  parseFilter(filter: string): FilterVerdict | Promise<FilterVerdict>;
  suggest(filter: string, caret: number): Suggestion[] | Promise<Suggestion[]>;
  rows(query: TrafficQuery): TrafficWindow | Promise<TrafficWindow>;
  /** `reveal` shows secrets: only after the person asked for it. undefined = evicted. */
  detail(id: number, reveal: boolean): Detail | undefined | Promise<Detail | undefined>;
  lastRejection(): Detail | undefined | Promise<Detail | undefined>;
  /** The newest requests that match, as an HTTP Archive with their decisions. Secrets stay masked. */
  exportHar(filter: string): HarExport | Promise<HarExport>;
  /** Really sends a recorded request again, through the listener that it came to; the new row is tagged "replay". */
  replayRequest(id: number): SendResult | Promise<SendResult>;
  /** A recorded request as HTTP text: comments after "#", request line, fields, an empty line, the body. */
  requestDraft(id: number): DraftResult | Promise<DraftResult>;
  /** Sends the edited text through the listener that request `id` came to. Masks left as they were mean the recorded values. */
  sendDraft(id: number, text: string): SendResult | Promise<SendResult>;
  services(): ServicesView | Promise<ServicesView>;
  limits(search: string, count: number): LimitsView | Promise<LimitsView>;
  /** @param search part of a URL. @param count entries for each cache. */
  caches(search: string, count: number): CachesView | Promise<CachesView>;
  /** @param identity of one cache, "" = all. @param prefix "host/path" that URLs begin with, "" = all. @returns how many answers went. */
  purgeCache(identity: string, prefix: string): number | Promise<number>;
  analytics(window: AnalyticsWindow): AnalyticsView | Promise<AnalyticsView>;
  changeBucket(identity: string, key: string, change: BucketChange): BucketUndo | Promise<BucketUndo>;
  /** Puts a bucket back as it was before the change. */
  undoBucket(token: number): void | Promise<void>;
  /** What a person decides about one replica. `Up` readmits: an ejection ends too. */
  setAdmin(service: string, url: string, admin: AdminState): void | Promise<void>;
  /** null ends the simulation. */
  simulate(service: string, url: string, simulation: Simulation | null): void | Promise<void>;
  clearSimulations(): void | Promise<void>;
  /** 1 to 32. Resolves once the plan has them; new ones get requests when healthy, leaving ones drain. */
  scale(service: string, replicas: number): void | Promise<void>;
  /** The latest output of a replica that the gateway runs, its own remarks between. undefined = there is none. */
  replicaLog(service: string, url: string): string | undefined | Promise<string | undefined>;
  status(): GatewayStatus | Promise<GatewayStatus>;
  policyText(): { text: string; revision: number } | Promise<{ text: string; revision: number }>;
  /** `basedOn` = the revision the edit started from; -1 = whatever runs. */
  propose(text: string, basedOn: number): ProposeResult | Promise<ProposeResult>;
  explain(request: ExplainRequest): Detail | Promise<Detail>;
  /** Decides the recorded requests again under `text`. `show`: every watcher sees what would change, until `endWhatIf`. */
  whatIf(text: string, show: boolean): WhatIfResult | Promise<WhatIfResult>;
  endWhatIf(): void | Promise<void>;
  /** The least edits of `text` (null = of the policy that serves) under which a refused request would pass. */
  passingFixes(id: number, text: string | null): PassingFix[] | Promise<PassingFix[]>;
  clearTraffic(): void | Promise<void>;
  setRecording(on: boolean): void | Promise<void>;
  stop(): void | Promise<void>;
}

/** What a watcher (extension or page) may be told. All are events: nobody waits for an answer. */
export interface WatcherFunctions {
  traffic(delta: TrafficDelta): void;
  servicesChanged(view: ServicesView): void;
  limitsChanged(view: LimitsView): void;
  statusChanged(status: GatewayStatus): void;
  /** null = nothing is previewed. */
  whatIfChanged(view: WhatIfView | null): void;
}

/** What the page may ask of the window it is shown in; answered by the extension, or by the page's own browser host. */
export interface HostFunctions {
  openLocation(location: Location): void;
  openDetail(id: number): void;
  startGateway(): void;
  copyText(text: string): void;
  /** Opens a captured body or the whole trace as a document. */
  openText(title: string, language: string, text: string): void;
  /** Makes an edit that `passingFixes` gave for the policy as it is in the editor; it is not saved. */
  applyFix(id: number, title: string): void;
  /** Opens a recorded request as a text that is edited and sent. */
  editRequest(id: number): void;
  /** Saves, or takes back, the edits of the policy that "what if" is about. */
  savePolicy(): void;
  revertPolicy(): void;
}

/** The gateway process as the window that shows the page sees it. */
export interface HostState {
  readonly gateway: "stopped" | "starting" | "running" | "lost";
  /** For people: why it is not running. */
  readonly message?: string;
  /** False in an untrusted workspace: nothing may be started or changed. */
  readonly trusted: boolean;
}

/** What a command of the window wants the page to show or do. */
export type PageIntent =
  | { readonly kind: "filter"; readonly filter: string }
  | { readonly kind: "detail"; readonly id: number }
  | { readonly kind: "focusFilter" }
  | { readonly kind: "freeze" };

/** Asked by the page once it listens; in VS Code only. */
export interface HostQueries {
  ready(): HostState | Promise<HostState>;
}

/** What the window tells the page that it shows. All are events. In VS Code only. */
export interface PageFunctions {
  hostState(state: HostState): void;
  intent(intent: PageIntent): void;
}
