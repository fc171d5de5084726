/**
 * The table of requests as it crosses the roads: rows, the windows of rows that a table asks for, the deltas that a
 * watcher is sent, and their export. A row tells what came of a request; why, the detail tells (detail.ts).
 * Must hold plain JSON only, and nothing that grows with a request's body.
 */
import type { Stamp } from "./stamp.ts";
import type { RowShift } from "./what-if.ts";

export type RowState =
  | "pending" // …
  | "ok" // ✓
  | "clientError" // !  4xx from the backend
  | "upstreamError" // ✕  5xx from the backend, or the gateway could not get an answer
  | "rejected" // ⛨  refused by a policy or by the router
  | "aborted";

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
  /** 32 hex digits of the `traceparent` that it came with, or that it got here (W3C Trace Context). */
  readonly traceId?: string;
  /** Tagged "imported": the file that it was read from. It never came through this gateway; its id is below -1. */
  readonly archive?: string;
}

/** What the table can be sorted by: names of its columns. */
export const SORT_KEYS = [
  "time",
  "method",
  "path",
  "status",
  "route",
  "replica",
  "duration",
  "size",
  "key",
  "policy",
  "attempts",
  "ttfb",
  "client",
  "sent",
  "host",
  "protocol",
] as const;

export type SortKey = (typeof SORT_KEYS)[number];

/** An order of all matching requests as they are at one moment. */
export interface TrafficSort {
  readonly by: SortKey;
  readonly descending: boolean;
  /** Another number sorts again; the same one goes on reading what was sorted. */
  readonly run: number;
}

export interface TrafficCounts {
  readonly stamp: Stamp;
  /** Rows in the ring, pinned ones that have left it, and imported ones. */
  readonly total: number;
  /** Rows that match the filter. Positions of matched rows run from `first` (grows as rows are evicted) to `first + matched`. */
  readonly matched: number;
  readonly first: number;
  /** Rows evicted since the start or the last clear, but for pinned ones. */
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
  /** New matching rows, oldest first, at most 100; `appendedAt` is the position of the first. When more came, they are left out and must be asked for. */
  readonly appended: readonly Row[];
  readonly appendedAt: number;
  /** Rows sent before or shown before that have changed since (pending ones that ended). */
  readonly changed: readonly Row[];
}

export interface TrafficWindow extends TrafficCounts {
  readonly from: number;
  readonly rows: readonly Row[];
  /** Set when the query was sorted: positions then run from 0 to `matched`. */
  readonly sorted?: SortedWindow;
}

export interface SortedWindow {
  /** Epoch milliseconds: what came since is not in it. */
  readonly at: number;
  /** Rows sorted, whether or not they are still kept. */
  readonly count: number;
  /** Position, without the sort, behind the last row that is in it. */
  readonly end: number;
  /** Positions of this window whose rows are gone since; `rows` has none for them. */
  readonly gaps: readonly number[];
}

export interface TrafficQuery {
  readonly filter: string;
  /** Position of the first row wanted. Negative counts from the end. */
  readonly from: number;
  /** At most 500. */
  readonly count: number;
  readonly sort?: TrafficSort;
}

/** A pin keeps a request when the ring lets go of it. `count` are pinned now, of at most `most`. */
export type PinResult =
  | { readonly kind: "pinned" | "unpinned"; readonly count: number; readonly most: number }
  /** Nothing was changed, and why, in a sentence with the numbers. */
  | { readonly kind: "refused"; readonly message: string };

/** What "Clear Filtered" took out of the list, and what it left although it matched. */
export interface ClearedRequests {
  readonly cleared: number;
  readonly pinned: number;
  readonly pending: number;
}

/** What became of some entries of an archive. */
export interface ImportResult {
  readonly imported: number;
  readonly skipped: number;
  /** Why the first of the skipped ones were: "entry 12: request.url is no http or https URL". */
  readonly problems: readonly string[];
  /** Why the rest was not looked at. */
  readonly full?: string;
}

/** An HTTP Archive (HAR 1.2). */
export interface HarExport {
  readonly text: string;
  /** Entries in it, and requests that matched: open, evicted and layer-4 ones are not in it, nor more than a thousand. */
  readonly count: number;
  readonly matched: number;
}
