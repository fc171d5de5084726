/**
 * One policy as written, `{ kind: config }` -> its kind, checked config, `shadow` and `when`.
 * The same for a named policy and one written in place. Must not compile it: that needs to know where it stands.
 */
import { checkExpression } from "../policies/expression.ts";
import { policies } from "../policies/index.ts";
import { nearest } from "../policies/nearest.ts";
import type { SourceRange } from "../model/basics.ts";
import type { AnyPolicy } from "../model/policy.ts";
import { laterMessage, LATER_KINDS } from "./later.ts";
import { describe, readBy, type Problems } from "./problems.ts";
import { removal } from "./removal.ts";
import { commonFields, keysAt } from "./schema.ts";
import { spanOf, type Path } from "./tree.ts";

export interface PolicyEntry {
  readonly policy: AnyPolicy;
  /** The name under `policies:`, or the kind when written in place. */
  readonly name: string;
  readonly config: unknown;
  /** As written, without the common fields. */
  readonly raw: unknown;
  readonly shadow: boolean;
  readonly when: string | undefined;
  /** Path of the config. */
  readonly path: Path;
  /** From the kind to the end of its config. */
  readonly source: SourceRange;
}

const byKind = new Map(policies.map((policy) => [policy.kind, policy]));

/** Phases whose policies can refuse, and so can be tried in shadow. */
const REFUSING = new Set(["screen", "identify", "authorize", "validate", "limit"]);

export function canRefuse(policy: AnyPolicy): boolean {
  return REFUSING.has(policy.phase);
}

/** @returns undefined when it cannot be used; the problems say why. */
export function readPolicyEntry(
  value: unknown,
  path: Path,
  problems: Problems,
  name?: string,
): PolicyEntry | undefined {
  const kind = soleKind(value, path, problems);
  if (kind === undefined) return undefined;
  const policy = byKind.get(kind);
  const at = [...path, kind];
  if (policy === undefined) {
    reportUnknownKind(kind, at, problems);
    return undefined;
  }
  const written = (value as Record<string, unknown>)[kind];
  const { own, common } = splitCommon(written);
  const known = (where: Path) => keysAt(where, problems.tree.value);
  const shared = readBy(commonFields, common, at, problems, known);
  const config = readBy(policy.config as never, own, at, problems, known) as unknown;
  checkCommon(policy, shared, at, problems);
  if (config === undefined || shared === undefined) return undefined;
  return {
    policy,
    name: name ?? kind,
    config,
    raw: own,
    shadow: shared.shadow === true,
    when: shared.when,
    path: at,
    source: problems.tree.blockRange(at),
  };
}

function soleKind(value: unknown, path: Path, problems: Problems): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const example = "`{ rateLimit: { ... } }`";
    problems.value(
      "SY107",
      path,
      `A policy is a map with one key, its kind, such as ${example}, not ${describe(value)}.`,
    );
    return undefined;
  }
  const keys = Object.keys(value);
  if (keys.length === 1) return keys[0];
  if (keys.length === 0) {
    problems.value("SY107", path, "A policy is a map with one key, its kind; this one is empty.");
    return undefined;
  }
  const misplaced = keys.filter((key) => key === "shadow" || key === "when");
  const kinds = keys.filter((key) => key !== "shadow" && key !== "when");
  if (kinds.length === 1) {
    for (const key of misplaced) reportMisplaced(key, kinds[0], value as Record<string, unknown>, path, problems);
    return kinds[0];
  }
  const message = `A policy has one kind, this one has ${kinds.length} (${kinds.join(", ")}): give each its own item.`;
  problems.key("SY107", [...path, kinds[1] ?? keys[1]], message);
  return undefined;
}

/** `- rateLimit: {...}` with `shadow: true` beside it instead of inside. */
function reportMisplaced(
  key: string,
  kind: string,
  value: Record<string, unknown>,
  path: Path,
  problems: Problems,
): void {
  const { tree } = problems;
  const removed = removal(tree, [...path, key], "")[0]?.edits[0];
  const config = tree.find([...path, kind])?.value;
  const source = tree.source(config);
  const span = spanOf(config);
  const fixes =
    removed && span && source.startsWith("{")
      ? [
          {
            title: `Move \`${key}\` into \`${kind}\``,
            edits: [
              {
                offset: span[0] + 1,
                endOffset: span[0] + 1,
                newText: ` ${key}: ${JSON.stringify(value[key])}${source.slice(1).trim() === "}" ? "" : ","}`,
              },
              removed,
            ],
          },
        ]
      : [];
  problems.key("SY107", [...path, key], `\`${key}\` belongs among the fields of \`${kind}\`, not beside it.`, fixes);
}

function reportUnknownKind(kind: string, at: Path, problems: Problems): void {
  const { tree } = problems;
  const remove = removal(tree, at.slice(0, -1), "Remove this policy");
  if (LATER_KINDS.includes(kind)) {
    problems.key("SY105", at, laterMessage(kind, "remove it"), remove);
    return;
  }
  const kinds = [...byKind.keys()];
  const near = nearest(kind, kinds);
  const span = spanOf(tree.find(at)?.key);
  const rename =
    near && span
      ? [{ title: `Change to \`${near}\``, edits: [{ offset: span[0], endOffset: span[1], newText: near }] }]
      : [];
  const hint = near ? `Did you mean \`${near}\`?` : `There are ${kinds.join(", ")}.`;
  problems.key("SY104", at, `There is no policy of the kind \`${kind}\`. ${hint}`, [...rename, ...remove]);
}

function splitCommon(written: unknown): { own: unknown; common: Record<string, unknown> } {
  const common = Object.create(null) as Record<string, unknown>;
  if (typeof written !== "object" || written === null || Array.isArray(written)) return { own: written, common };
  const own = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of Object.entries(written)) {
    if (key === "shadow" || key === "when") common[key] = value;
    else own[key] = value;
  }
  return { own, common };
}

function checkCommon(
  policy: AnyPolicy,
  shared: { shadow?: boolean | undefined; when?: string | undefined } | undefined,
  at: Path,
  problems: Problems,
): void {
  const { tree } = problems;
  if (shared?.shadow !== undefined && !canRefuse(policy)) {
    const message = `\`shadow\` is for policies that can refuse; \`${policy.kind}\` never does.`;
    problems.key("SY214", [...at, "shadow"], message, removal(tree, [...at, "shadow"], "Remove `shadow`"));
  }
  const wrong = shared?.when === undefined ? undefined : checkExpression(shared.when);
  if (wrong) problems.add("SY106", within(problems, [...at, "when"], wrong), `\`when\`: ${wrong.message}.`);
}

/** The place of a part of a scalar, exact when its text stands in the file as it is; else the whole scalar. */
export function within(
  problems: Problems,
  path: Path,
  part: { readonly start: number; readonly end: number } | undefined,
): SourceRange {
  const { tree } = problems;
  const whole = tree.valueRange(path);
  const value = tree.resolve(tree.find(path)?.value) as { value?: unknown } | undefined;
  if (part === undefined || typeof value?.value !== "string") return whole;
  const source = tree.text.slice(whole.offset, whole.endOffset);
  const inner = source.indexOf(value.value);
  if (inner < 0) return whole;
  const end = Math.max(part.end, part.start + 1);
  return tree.range(whole.offset + inner + part.start, Math.min(whole.offset + inner + end, whole.endOffset));
}
