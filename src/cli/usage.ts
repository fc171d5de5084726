/**
 * A command line that cannot be understood, in words; and reading one with node's own parser.
 */
import { parseArgs, type ParseArgsConfig } from "node:util";

export class Usage extends Error {
  override readonly name = "Usage";
}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** @throws Usage for an unknown option, or one without its value. */
export function readWords<const O extends Options>(words: string[], options: O) {
  try {
    return parseArgs({ args: words, options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new Usage(error instanceof Error ? error.message.split(". To specify")[0] : String(error));
  }
}

/** The policy file when none is named. */
export const DEFAULT_FILE = "switchyard.yaml";

/** @throws Usage when more than one file is named. */
export function oneFile(positionals: readonly string[]): string {
  if (positionals.length > 1) throw new Usage(`One policy file at a time, not ${positionals.length}.`);
  return positionals[0] ?? DEFAULT_FILE;
}
