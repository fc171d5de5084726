/**
 * What becomes of a recorded request that a person sends again, as it was or edited .
 * Must not import anything.
 */

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
