/**
 * Where services, policies, listeners, consumers and routes are declared and where they are used:
 * go to definition, references, outline and lenses. Works on text that does not compile.
 * Must not know VS Code: the extension adapts the answers.
 */
import type { SourceRange } from "../model/basics.ts";

export type NameKind = "service" | "policy" | "listener" | "consumer" | "route";

export interface NamePlace {
  readonly kind: NameKind;
  readonly name: string;
  /** Of the name itself. */
  readonly range: SourceRange;
  readonly role: "declaration" | "use";
  /** Of the whole block, for a declaration. */
  readonly block?: SourceRange;
}

/** Every declaration and use, in the order of the file. */
export function names(_text: string, _file: string): NamePlace[] {
  return [];
}

/** The declaration of the name under the cursor. */
export function definition(_text: string, _file: string, _offset: number): NamePlace | undefined {
  return undefined;
}

/** Blocks of routes, services and named policies, for lenses and the outline. */
export interface Symbol {
  readonly kind: NameKind;
  readonly name: string;
  readonly detail: string;
  readonly range: SourceRange;
  readonly block: SourceRange;
}

export function symbols(_text: string, _file: string): Symbol[] {
  return [];
}
