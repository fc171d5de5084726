/**
 * Why a message was refused: a stable code, the status to answer with, and a sentence for the person who sent it.
 * Must not be thrown: a malformed message is data.
 */

export interface MessageProblem {
  /** For a request: the status to answer with. For a response: 502. */
  readonly status: number;
  /** Stable for ever, e.g. "content-length-repeated". */
  readonly code: string;
  /** One sentence: what is wrong, and the RFC section that forbids it. */
  readonly detail: string;
  /** What had arrived of the section (head or trailers) up to the offending byte, latin1, for the recording; may be "". */
  readonly seen: string;
}
