/**
 * The documentation of what stands under the cursor in a policy file: a key with its type, default and range, a policy
 * kind with its phase, a name with its declaration. Must not know VS Code: the extension adapts the answer.
 */
import type { SourceRange } from "../model/basics.ts";

export interface Hover {
  readonly markdown: string;
  readonly range: SourceRange;
}

export function hover(_text: string, _offset: number): Hover | undefined {
  return undefined;
}
