/**
 * Consumers as written -> callers that the plan knows, with their keys read from where they are kept.
 * Must not let a key out in a message.
 */
import type { Consumer } from "../model/policy.ts";
import { consumer, type ConsumerConfig } from "./document.ts";
import { at, items } from "./names.ts";
import type { Problems } from "./problems.ts";
import { resolveSecret, unresolvedMessage, variableName, type Sources } from "./secrets.ts";
import { spanOf, type Path } from "./tree.ts";

/** A key that two consumers share, that stands in the file itself or is nowhere to be found is reported. */
export function compileConsumers(problems: Problems, sources: Sources): Consumer[] {
  const consumers: Consumer[] = [];
  const keys = new Map<string, string>();
  for (const [index, raw] of items(at(problems.tree.value, "consumers"))) {
    const read = consumer.safeParse(raw);
    if (!read.success) continue;
    const { name, groups } = read.data;
    const apiKey = apiKeyOf(read.data, ["consumers", index, "apiKey"], keys, problems, sources);
    consumers.push({ name, groups, ...(apiKey === undefined ? {} : { apiKey }) });
  }
  return consumers;
}

/** @param seen keys of the consumers before it, to their names. */
function apiKeyOf(
  { name, apiKey }: ConsumerConfig,
  path: Path,
  seen: Map<string, string>,
  problems: Problems,
  sources: Sources,
): string | undefined {
  if (apiKey === undefined) return undefined;
  const value = resolveSecret(apiKey, sources);
  if (typeof apiKey === "string") {
    const span = spanOf(problems.tree.find(path)?.value);
    const variable = variableName(name);
    const fixes = span
      ? [
          {
            title: `Read it from the environment variable ${variable}`,
            edits: [{ offset: span[0], endOffset: span[1], newText: `{ env: ${variable} }` }],
          },
        ]
      : [];
    const message = `The key of \`${name}\` stands in the file itself: \`{ env: ${variable} }\` keeps it out of version control.`;
    problems.value("SY204", path, message, fixes);
  } else if (value === undefined) {
    problems.value("SY209", path, unresolvedMessage(apiKey));
  }
  const other = value === undefined ? undefined : seen.get(value);
  if (other !== undefined) {
    problems.value("SY206", path, `\`${name}\` and \`${other}\` have the same key: nobody could tell them apart.`);
  } else if (value !== undefined) {
    seen.set(value, name);
  }
  return value;
}
