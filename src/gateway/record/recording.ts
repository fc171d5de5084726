/**
 * One request as the engine writes it down while it passes: the seam between forwarding and the ring.
 * The engine fills the fields, the recorder packs them when the request ends.
 * Must not format or mask anything: that happens when somebody looks.
 */
import type { Arrival, Caller, Facts } from "../../model/arrival.ts";
import type { Millis, Seed } from "../../model/basics.ts";
import type { Decision } from "../../model/decision.ts";

/** What follows an attempt. */
export const Next = {
  /** Nothing: it is the last one. */
  Nothing: 0,
  /** Tried again, on another endpoint as a rule. */
  Retried: 1,
  /** The kept connection had died unseen: repeated at once on a fresh one. */
  Repeated: 2,
  /** The rest says why nothing followed. The request was sent, and its method is not idempotent. */
  Unsafe: 3,
  /** What was sent of the body was too long to be kept. */
  BodyGone: 4,
  /** All attempts that the route allows were made. */
  Exhausted: 5,
  OverBudget: 6,
  NobodyLeft: 7,
  /** The client has part of the answer. */
  Committed: 8,
  /** What came is no HTTP: it would hardly be better elsewhere. */
  Malformed: 9,
  /** It took too long, and the route does not retry. */
  Unasked: 10,
} as const;

/** Why no other attempt followed, in words without a dot; "" when there is nothing to add. */
export function hindranceWords(next: number, method: string): string {
  switch (next) {
    case Next.Unsafe:
      return `${method} is not idempotent, and the request had been sent`;
    case Next.BodyGone:
      return "its body was sent and too long to be kept for another attempt";
    case Next.NobodyLeft:
      return "nobody was left to be asked";
    case Next.Committed:
      return "the client has part of the answer";
    default:
      return "";
  }
}

/** True for an attempt that another one followed. */
export function wasRetried({ next }: Pick<AttemptRecord, "next">): boolean {
  return next === Next.Retried || next === Next.Repeated;
}

/** One try at one endpoint. All times are monotonic milliseconds; -1 = did not happen. */
export interface AttemptRecord {
  /** Index into the service's endpoints. */
  endpoint: number;
  startedAt: Millis;
  connectedAt: Millis;
  /** Last request byte written. */
  sentAt: Millis;
  firstByteAt: Millis;
  endedAt: Millis;
  /** 0 when there was no response. */
  status: number;
  /** One of model Failure. */
  failure: number;
  reused: boolean;
  /** What followed it, or why nothing did: one of Next. */
  next: number;
  /** Sent beside another attempt that had not been answered yet. */
  hedge?: boolean;
  /** A person pretended something of this replica, and the attempt met it. */
  simulated?: boolean;
  /** Port of ours that the endpoint sees as its client's; 0 or absent = no connection. */
  localPort?: number;
}

/** Bytes of one body: all counted, the first `limit` kept. */
export interface Captured {
  bytes: number;
  /** All that is kept, as latin1, while it is little and came at once: then `kept` is undefined. */
  text?: string;
  /** undefined until more is kept than `text` holds. */
  kept: Buffer | undefined;
  keptBytes: number;
}

export interface Recording {
  readonly id: number;
  /** Epoch milliseconds. */
  at: number;
  start: Millis;
  end: Millis;
  revision: number;
  seed: Seed;
  arrival: Arrival;
  caller: Caller;
  facts: Facts;
  decision: Decision;
  /** Heads as bytes on the wire, start line and final CRLF included, as latin1; "" = none. */
  requestHead: string;
  upstreamHead: string;
  responseHead: string;
  replyHead: string;
  readonly requestBody: Captured;
  readonly responseBody: Captured;
  attempts: AttemptRecord[];
  /** Status sent to the client; 0 while pending or when there was none. */
  status: number;
  /** One of model Failure. */
  failure: number;
  /** urn of a refusal that the engine itself made (bad request, loop, 502, 504); "" = none. */
  refusal: string;
  /** Its sentence. */
  refusalDetail: string;
  upgraded: boolean;
  /** What the client spoke; "grpc" is HTTP/2 with its content type. */
  protocol: "http/1.1" | "h2" | "grpc";
  /** Of a gRPC call: its status, once it was told; -1 = none. */
  grpcStatus: number;
  /**
   * How a layer-4 connection ended: HAProxy's two letters, and a third for who closed first (record/ending.ts).
   * Absent at layer 7 and while it is open.
   */
  ending?: string;
}

/** What the engine may ask of the recorder. Every call is cheap and none throws. */
export interface RecordKeeper {
  /** A blank recording, visible as pending from `began` on. */
  open(): Recording;
  /** The request head is in and the arrival filled. */
  began(recording: Recording): void;
  /** Copies the bytes at once: the buffer is the engine's to reuse. */
  captureRequest(recording: Recording, bytes: Buffer, start: number, end: number): void;
  captureResponse(recording: Recording, bytes: Buffer, start: number, end: number): void;
  /** A layer-4 connection was decided, or has moved bytes: its pending row shows it. Called about once a second. */
  progressed?(recording: Recording): void;
  /** The request ended. The recorder packs it; the engine must not touch it afterwards. */
  ended(recording: Recording): void;
}
