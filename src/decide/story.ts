/**
 * The Story of one decision: plain data, complete, in words. What `explain` returns and every view shows a part of.
 * Must not depend on the contract: whoever sends it maps SourceRange to Location.
 */
import type { Phase, Reason, SourceRange } from "../model/basics.ts";
import type { Fix, PlacedError } from "../model/policy.ts";

/** A decision as data: a live Decision fits, and so does what a recorder kept of one. */
export interface Judged {
  readonly route: number;
  readonly match: number;
  readonly step: number;
  readonly reason: Reason;
  readonly builtIn: number;
  readonly service: number;
  readonly endpoint: number;
  readonly attempts: number;
  /** Three numbers per entry, as Trace packs them; 32-bit floats will do. */
  readonly trace: { readonly numbers: ArrayLike<number>; readonly length: number; readonly dropped: number };
}

/** How the request ended, when it has. */
export interface Ended {
  /** Status sent to the client; 0 = none. */
  readonly status: number;
  /** One of model Failure. */
  readonly failure: number;
  /** Each attempt, when there was more than one. */
  readonly tries?: readonly { readonly endpoint: number; readonly status: number; readonly failure: number }[];
}

/** A refusal as data: what the problem document and the verdict are made of. */
export interface Refusal {
  /** urn:switchyard:<kind>:<reason>, stable for ever. */
  readonly type: string;
  readonly status: number;
  readonly title: string;
  /** One sentence with the numbers. */
  readonly sentence: string;
  /** Everything that is wrong, place by place, where the policy says so. */
  readonly errors?: readonly PlacedError[];
  /** Index into plan.steps; -1 when no policy but the router or balancer refused. */
  readonly step: number;
  /** Name of the policy. */
  readonly policy?: string;
  readonly source?: SourceRange;
  readonly fixes: readonly StoryFix[];
  /** Seconds after which it is worth trying again; absent when nobody knows. */
  readonly retryAfter?: number;
}

/** `fix.path` is below the config of plan.steps[step]. */
export interface StoryFix extends Fix {
  readonly step: number;
}

/** An answer that a policy gave instead of any backend. */
export interface StoryAnswer {
  /** Name of the policy. */
  readonly policy: string;
  /** 0 when it cut the connection. */
  readonly status: number;
  readonly sentence: string;
  readonly source: SourceRange;
}

export type StoryPhase = "route" | Phase | "balance";

export interface StoryStep {
  readonly phase: StoryPhase;
  readonly label: string;
  readonly sentence: string;
  /** "off": not reached. "shadow": would have refused. "skipped": its `when` was false. */
  readonly state: "ok" | "stop" | "off" | "shadow" | "skipped";
  readonly source?: SourceRange;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
}

export interface RouteCandidate {
  readonly route: string;
  /** In words: "GET POST, path prefix /orders, header x-api-version: 2" */
  readonly match: string;
  readonly verdict: "chosen" | "lost";
  /** The condition on which it lost. */
  readonly condition: "hostname" | "path" | "method" | "header" | "query" | "precedence" | "";
  readonly why: string;
  readonly source: SourceRange;
}

export interface EndpointCandidate {
  readonly label: string;
  readonly url: string;
  readonly verdict: "chosen" | "lost" | "excluded";
  readonly why: string;
  readonly inFlight: number;
  readonly weight: number;
  readonly source: SourceRange;
}

export interface StoryTrack {
  readonly phases: readonly string[];
  readonly stopped: boolean;
  readonly warned: number;
  readonly replicas: number;
  readonly chosen: number;
  readonly excluded: readonly number[];
  readonly failed: boolean;
  readonly say: string;
}

export interface Story {
  readonly refusal?: Refusal;
  /** A policy answered by itself. */
  readonly answer?: StoryAnswer;
  /** "Refused with 429 by per-user" or "Forwarded to orders :4001". */
  readonly title: string;
  readonly sentence: string;
  /** Who is calling, and what may they do? Listener's steps first; steps that were not reached are "off". */
  readonly gateway: readonly StoryStep[];
  /** Where should it go? */
  readonly balancer: readonly StoryStep[];
  readonly routes: readonly RouteCandidate[];
  readonly balance?: {
    readonly algorithm: string;
    readonly sentence: string;
    /** Eight hexadecimal digits. */
    readonly seed: string;
    readonly candidates: readonly EndpointCandidate[];
  };
  /** For the table: the first failing fact, else the balancing reason. */
  readonly why: string;
  readonly track: StoryTrack;
}
