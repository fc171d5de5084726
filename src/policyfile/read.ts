/**
 * Text of a policy file -> all its problems at once, and the Plan when there are none.
 * One pass for editor, gateway and command line, so that they can never disagree. Reading never throws:
 * whatever is wrong is a Diagnostic. Must not touch the world: what it needs of it comes through Sources.
 */
import type { Plan } from "../model/plan.ts";
import type { Diagnostic } from "./diagnostic.ts";

/** What a policy file may point to outside itself. */
export interface Sources {
  /** Value of an environment variable. */
  env(name: string): string | undefined;
  /** Content of a file; the path is as written, relative to the policy file. */
  file(path: string): string | undefined;
}

export interface ReadResult {
  /** In the order of the file. */
  readonly diagnostics: readonly Diagnostic[];
  /** Only when no diagnostic is an error. */
  readonly plan?: Plan;
}

/** @param file the path to show to people. Never throws. */
export function read(_text: string, _file: string, _sources: Sources): ReadResult {
  throw new Error("not built yet");
}
