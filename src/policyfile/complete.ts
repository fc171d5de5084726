/**
 * What may be written at a place in a policy file, also while the text around it is broken.
 * Must not know VS Code: the extension adapts the answers.
 */
import type { Sources } from "./read.ts";

export interface Completion {
  /** Shown in the list. */
  readonly label: string;
  readonly kind: "key" | "value" | "policy" | "reference" | "snippet";
  /** Replaces [offset, endOffset) of the text. With `snippet`, `$1`, `${1:word}` and `$0` are tab stops. */
  readonly insert: string;
  readonly snippet: boolean;
  readonly offset: number;
  readonly endOffset: number;
  /** Right of the label: type, phase or place of declaration. */
  readonly detail?: string;
  /** Markdown. */
  readonly documentation?: string;
  /** Lists sort by it. */
  readonly sort: string;
}

export function complete(_text: string, _offset: number, _sources?: Sources): Completion[] {
  return [];
}
