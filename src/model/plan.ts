/**
 * The Plan: what one accepted edit compiles to. Immutable, swapped whole.
 * Must not hold anything that changes while requests are served; that is State.
 */
import type { Phase, SourceRange } from "./basics.ts";
import type { FactRequest } from "./arrival.ts";
import type { Act, AnyPolicy } from "./policy.ts";
import type { PlanEndpoint } from "./endpoint.ts";
import type { PathMatch } from "./path-match.ts";
import type { Balancer, AnyBalancerKind } from "./balancer.ts";
import type { PlanBackendTls, PlanTls } from "./tls.ts";

export interface PlanListener {
  readonly name: string;
  readonly protocol: "HTTP" | "HTTPS" | "TCP" | "UDP" | "TLS";
  /** Set for HTTPS: how TLS is ended here. */
  readonly tls?: PlanTls;
  readonly port: number;
  /** Addresses to bind; default 127.0.0.1 and ::1. */
  readonly addresses: readonly string[];
  /** Steps of the listener stage: indexes into plan.steps, in phase order. */
  readonly steps: readonly number[];
  /** Set: every connection begins with a PROXY header, and only these address ranges may connect. */
  readonly proxyProtocol?: { readonly trusted: readonly string[] };
  /** For internal calls: some steps do not ask what comes through it (`PlanStep.bypassedBy`). */
  readonly trusted?: boolean;
  /** Layer 4: connections (UDP: sessions) at a time; absent = no limit of our own. */
  readonly maxConnections?: number;
  readonly source: SourceRange;
}

export interface PlanStep {
  readonly index: number;
  /** e.g. "route/orders/rateLimit/per-user": what state is carried by. Unique within a plan. */
  readonly identity: string;
  /** The name under `policies:`, or the kind when written in place. */
  readonly name: string;
  readonly kind: string;
  readonly phase: Phase;
  readonly policy: AnyPolicy;
  readonly config: unknown;
  readonly act: Act<unknown>;
  /** That of the policy: read with every answer, where all policies would be as many shapes of object. */
  readonly replyFields: AnyPolicy["replyFields"];
  /** How many limits that a request may meet besides this one, and that were read before, say the very same. */
  readonly twin: number;
  readonly shadow: boolean;
  /** Set in the phases that a trusted listener bypasses: indexes into plan.listeners. */
  readonly bypassedBy?: ReadonlySet<number>;
  /** Set for a policy that stands on a service (index into plan.services): it speaks only when that one is drawn. */
  readonly service?: number;
  /** Set for a policy that stands on a listener (index into plan.listeners): it shapes only what came through that one. */
  readonly listener?: number;
  /** Compiled `when`; absent when always. True lets the step run; one that fails to evaluate counts as true. */
  readonly when?: (x: import("./arrival.ts").Passage) => boolean;
  readonly source: SourceRange;
}

export interface PlanMatch {
  readonly path: PathMatch;
  /** Empty = any. Upper case as written. */
  readonly methods: readonly string[];
  /** A CORS preflight counts as the method that it asks for. */
  readonly preflights?: boolean;
  /** Names lower case. */
  readonly headers: readonly FieldMatch[];
  readonly query: readonly FieldMatch[];
  readonly source: SourceRange;
}

export interface FieldMatch {
  readonly name: string;
  readonly value: string;
  /** Set when not `value` itself is wanted, but what it says in words. */
  readonly test?: (found: string | undefined) => boolean;
  /** What was found is a secret, and is not told. */
  readonly hidden?: boolean;
}

export interface PlanBackend {
  /** Index into plan.services. */
  readonly service: number;
  readonly weight: number;
  readonly source: SourceRange;
}

/** Milliseconds; 0 = none. */
export interface Timeouts {
  /** Until a connection to the endpoint stands, TLS included. */
  readonly connect: number;
  /** Whole exchange, from the request head to the last response byte. */
  readonly request: number;
  /** One attempt, from its start to the response head. */
  readonly backendRequest: number;
  /** Silence in either direction while a body or upgraded connection flows. */
  readonly idle: number;
}

/** When a failed attempt is followed by another. */
export interface PlanRetry {
  /** Attempts after the first, 1 to 10. */
  readonly attempts: number;
  /** Answers with these are failures, too. */
  readonly codes: ReadonlySet<number>;
  /** 0..100: of the route's requests in decide/budget.ts's window, so many retries in per cent. */
  readonly budget: number;
  /** Milliseconds of one attempt, from its start to the response head; 0 = no limit of its own. */
  readonly perTry: number;
  /** Milliseconds: bound of the first random wait, doubled with each further one. */
  readonly backoff: number;
  /** Repeated even after a backend may have acted upon them; undefined = the idempotent ones. */
  readonly methods: ReadonlySet<string> | undefined;
  readonly source: SourceRange;
}

/** When a request that is not answered yet is sent to another endpoint as well. */
export interface PlanHedge {
  /** Milliseconds after the start of the attempt before. */
  readonly after: number;
  /** Further attempts, 1 to 3. */
  readonly max: number;
  /** 0..100, as PlanRetry.budget. */
  readonly budget: number;
  readonly source: SourceRange;
}

/** Where copies of a route's requests go. */
export interface PlanMirror {
  /** Index of the route of the copies: no listener leads to it. */
  readonly route: number;
  /** 0..100 */
  readonly percent: number;
  readonly source: SourceRange;
}

export interface PlanRoute {
  readonly index: number;
  readonly name: string;
  /** Indexes into plan.listeners. */
  readonly listeners: readonly number[];
  /** Lower case; empty = any; may start with "*.". */
  readonly hostnames: readonly string[];
  readonly matches: readonly PlanMatch[];
  /** Steps of the route stage (its own, then those of its services), in phase order: every act that has `peek`. */
  readonly steps: readonly number[];
  /** Every act of the route that has `request` or `response`, in phase order; may name a step of `steps` again. */
  readonly shapes: readonly number[];
  readonly needs: readonly FactRequest[];
  /** Every act that works on bodies, in phase order; absent when none does, and then nothing asks. */
  readonly bodies?: readonly number[];
  /** Bytes of a request's body that are collected before the decision, since a need asks for them; absent = none. */
  readonly collects?: number;
  readonly backends: readonly PlanBackend[];
  /** Index of the step that chooses among them by itself; absent = the weights do. */
  readonly chooser?: number;
  readonly totalWeight: number;
  readonly timeouts: Timeouts;
  readonly retry?: PlanRetry | undefined;
  readonly hedge?: PlanHedge | undefined;
  readonly mirror?: PlanMirror | undefined;
  /** Routes of what its policies send by themselves, by name: no listener leads to them. */
  readonly children?: ReadonlyMap<string, number>;
  /** Set for a route of copies: index of the route whose requests they are. */
  readonly mirrors?: number;
  /** Set for routes of layer-4 listeners: nothing but host names (by SNI) is looked at, and no policy reads HTTP. */
  readonly layer4?: boolean;
  readonly source: SourceRange;
}

export interface ActiveCheck {
  /** Absent: HTTP. */
  readonly type?: "HTTP" | "TCP" | "GRPC";
  /** HTTP: asked with GET. */
  readonly path: string;
  /** GRPC: whose health is asked for; absent = the server's. */
  readonly service?: string;
  /** The probe's connection begins with a PROXY header of this version that names nobody. */
  readonly proxyProtocol?: 1 | 2;
  /** Milliseconds. */
  readonly interval: number;
  readonly timeout: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

export interface PassiveCheck {
  readonly consecutive5xx: number;
  /** Milliseconds; doubles with every ejection in a row. */
  readonly baseEjectionTime: number;
  /** 0..100 */
  readonly maxEjectionPercent: number;
}

/** Which session goes to which endpoint. Says where, never who. */
export interface PlanPersistence {
  readonly type: "Cookie" | "Header" | "SourceAddress";
  /** Of the cookie, or of the header field in lower case; "" for SourceAddress. */
  readonly name: string;
  /** Milliseconds from the first request of a session. */
  readonly ttl: number;
  readonly source: SourceRange;
}

export interface PlanCircuitBreaker {
  /** 0..1: share of failed attempts within `window` that opens the circuit. */
  readonly errorRate: number;
  readonly minimumRequests: number;
  /** Milliseconds. */
  readonly window: number;
  readonly openFor: number;
  readonly source: SourceRange;
}

/** Prefer what is near. */
export interface PlanLocality {
  /** Exactly one of the two: the request says where it is from, in a header field (lower case), or the gateway is there. */
  readonly header?: string;
  readonly zone?: string;
  /** 0..100: while at least this share of a zone's weight is healthy, it keeps all that comes to it. */
  readonly spillover: number;
  /** From a request's zone to the rank of each zone by distance: 0 is the nearest that has endpoints. */
  readonly ranks: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly source: SourceRange;
}

export interface PlanService {
  readonly index: number;
  readonly name: string;
  /** At most 32: `tried` is one bit each. */
  readonly endpoints: readonly PlanEndpoint[];
  readonly balancerKind: AnyBalancerKind;
  readonly balancerConfig: unknown;
  readonly balancer: Balancer<unknown>;
  readonly active?: ActiveCheck;
  readonly passive: PassiveCheck;
  /** 0..100: below this share of healthy endpoints all are used. */
  readonly panicThreshold: number;
  /** How https:// endpoints are secured; absent = verified against the CAs that Node brings. */
  readonly tls?: PlanBackendTls;
  /** True: HTTP/2 is spoken with the endpoints; over TLS only if they agree (ALPN). */
  readonly http2?: boolean;
  /** Milliseconds in which an endpoint that is new or well again comes to its full weight; absent = at once. */
  readonly slowStart?: number;
  readonly locality?: PlanLocality;
  readonly persistence?: PlanPersistence;
  readonly circuitBreaker?: PlanCircuitBreaker;
  /** Requests in flight at all its endpoints together; absent = no bound. */
  readonly maxParallelRequests?: number;
  /** Layer 4: each connection to an endpoint begins with a PROXY header of this version. */
  readonly proxyProtocol?: 1 | 2;
  /** Milliseconds that requests on their way get at an endpoint that leaves. */
  readonly drain: number;
  /** Set when the gateway starts the replicas itself: then every endpoint is `managed`, in the order of their start. */
  readonly run?: PlanRun;
  readonly source: SourceRange;
}

/** How the replicas of one service are started. */
export interface PlanRun {
  /** A line for the shell. */
  readonly command: string;
  /** As written, relative to the policy file's folder. */
  readonly cwd: string;
  /** 1..32 as written: what the service starts with. How many there are now is the number of endpoints. */
  readonly replicas: number;
  readonly port: { readonly env: string; readonly from: number };
  readonly env: Readonly<Record<string, string>>;
  readonly source: SourceRange;
}

export interface Plan {
  /** Path of the policy file as shown to people. */
  readonly file: string;
  readonly listeners: readonly PlanListener[];
  readonly services: readonly PlanService[];
  readonly routes: readonly PlanRoute[];
  readonly steps: readonly PlanStep[];
  /**
   * Per listener: every (route, match) in order of precedence, most specific first: host name (exact, then the longest
   * wildcard), exact path, longest prefix, regex, method, most headers, most query parameters, file order.
   */
  readonly order: readonly (readonly RankedMatch[])[];
  /** Resolved secret values of the file (consumers' keys, shared token secrets): masked wherever they occur. */
  readonly secrets?: readonly string[];
}

export interface RankedMatch {
  readonly route: number;
  readonly match: number;
  /**
   * The route's host names for which this place in the order holds, all of one rank; empty = any host.
   * A route whose names rank differently (one exact, one wildcard) stands in the order once per rank.
   */
  readonly hostnames: readonly string[];
}
