/**
 * The work that a policy does on bodies that pass: counting, rewriting, judging, encoding.
 * A route without such a policy never collects, copies or counts a byte. Must not hold a socket or a buffer of Node's.
 */
import type { Passage } from "./arrival.ts";
import type { Reason } from "./basics.ts";
import type { CollectedBody } from "./body.ts";

/** The work of one policy on JSON that passes. Reasons are the policy's own; with 0 the message passes as it is. */
export interface JsonWork {
  /** Bytes. A response that is longer is `tooLarge`. */
  readonly most: number;
  /** Whether it looks at this message, told from its head. @param status 0 for a request. */
  wants(x: Passage, status: number, type: string): boolean;
  /** A new value, or the same one when nothing changes. `say` hears each change in a few words. */
  edit?(x: Passage, value: unknown, say?: (change: string) => void): unknown;
  /**
   * What is wrong with the head of an answer, whether or not its body is looked at. @param field by name in lower case.
   * @returns a reason of the policy, 0 = nothing.
   */
  judgeHead?(x: Passage, status: number, field: (name: string) => string | undefined, hasBody: boolean): Verdict;
  /** What is wrong with it. @returns a reason of the policy, 0 = nothing. */
  judge?(x: Passage, status: number, body: CollectedBody): Verdict;
  /** When there is more than `most`. */
  readonly tooLarge: Reason;
  /** When it is no JSON, or cannot be decoded. */
  readonly unreadable: Reason;
  /** When nobody could look at it: x = its bytes, y = `BodyState.Busy` or `TooMuch`. A request never is. */
  readonly unjudged: Reason;
  /** Header fields of the request that it looks at, in lower case: it may work where the request is not. */
  readonly headers?: readonly string[];
}

export interface Verdict {
  readonly reason: Reason;
  readonly x: number;
  readonly y: number;
  /** Kept with the request's facts under this name, for the sentence. Small and plain. */
  readonly fact?: { readonly name: string; readonly value: unknown };
}

/** What a policy does with the bodies of a route's messages, besides what it does with heads. */
export interface BodyWork {
  /** The most bytes that a request may bring, and the reason when there are more: counted while they pass. */
  readonly limit?: { readonly bytes: number; readonly reason: Reason };
  /** The request's body, after every verdict. It was collected because the policy also asked for a fact. */
  readonly request?: JsonWork;
  readonly response?: JsonWork;
  /** It may call `ReplyEdit.encode`, so it shapes after all others of its phase. */
  readonly encodes?: true;
  /** Bytes per second at which the answer passes. */
  readonly bandwidth?: number;
  /** A verdict on the answer is recorded as one in shadow, and refuses nothing. */
  readonly onlyTells?: boolean;
}
