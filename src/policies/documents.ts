/**
 * Documents beside the policy file, parsed: JSON, or YAML where the name says so. Each is read once for a compile.
 * Must not reach for a file itself: the reader hands it over.
 */
import { parse } from "yaml";
import type { CompileContext } from "../model/policy.ts";

export interface Documents {
  /** @returns undefined when it is not there or cannot be parsed: then `problems` says why. */
  load(path: string): unknown;
  readonly problems: ReadonlyMap<string, string>;
}

/** What texts parsed to: check, needs and compile of one policy ask for the same document, as do several routes. */
const remembered = new Map<string, unknown>();
const MOST_REMEMBERED = 16;

function parsed(text: string, yaml: boolean): unknown {
  const key = `${yaml ? "yaml" : "json"} ${text}`;
  if (remembered.has(key)) return remembered.get(key);
  const value: unknown = yaml ? parse(text) : JSON.parse(text);
  remembered.set(key, value);
  if (remembered.size > MOST_REMEMBERED)
    for (const oldest of remembered.keys()) return (remembered.delete(oldest), value);
  return value;
}

export function documentsOf(context: CompileContext): Documents {
  const known = new Map<string, unknown>();
  const problems = new Map<string, string>();
  return {
    problems,
    load: (path) => {
      if (known.has(path)) return known.get(path);
      const text = context.file(path);
      let value: unknown;
      if (text === undefined)
        problems.set(path, `${path} cannot be read (paths are relative to the policy file; at most 1 MiB)`);
      else {
        try {
          value = parsed(text, /\.ya?ml$/i.test(path));
        } catch (error) {
          const why = error instanceof Error ? error.message.split("\n", 1)[0] : "it cannot be parsed";
          problems.set(path, `${path} is no valid ${/\.ya?ml$/i.test(path) ? "YAML" : "JSON"}: ${why}`);
        }
      }
      known.set(path, value);
      return value;
    },
  };
}
