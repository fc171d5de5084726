/**
 * media/policies.md: every field, policy, balancer and diagnostic code, from their declarations alone.
 * A test writes the file anew and fails when it was stale. Must not say anything that no declaration says.
 */
import { balancers } from "../balancers/index.ts";
import { PHASES } from "../model/basics.ts";
import type { AnyPolicy } from "../model/policy.ts";
import { policies } from "../policies/index.ts";
import { CODES } from "./diagnostic.ts";
import { defaultWords, typeWords } from "./field-docs.ts";
import { LATER_BALANCERS, LATER_KINDS } from "./later.ts";
import { canRefuse } from "./policy-entry.ts";
import { resolveRef, schema, type Schema } from "./schema.ts";
import { write } from "./write.ts";

export function policiesMarkdown(): string {
  return [
    "<!-- Written by test/derived.test.ts from the declarations in src: do not edit. -->",
    "# switchyard.yaml",
    "Every field, with what it takes. Defaults are shown as they would be written; a field without one is optional unless marked *required*.",
    ...documentParts(),
    "## Policies",
    "A policy is a map with one key, its kind. It stands on a listener, a route or a service, in place or by its name under `policies`. Policies run in the order of their phases, within a phase in the order of the file. Everything up to and including *limit* is asked first, and only when all admit are tokens taken.",
    `Every policy takes \`when\`; those that can refuse also take \`shadow\`.${notYet(LATER_KINDS)}`,
    ...PHASES.flatMap((phase) => policies.filter((policy) => policy.phase === phase).flatMap(policyParts)),
    "## Load balancers",
    `\`loadBalancer.type\`; the first is the default.${notYet(LATER_BALANCERS)}`,
    ...balancers.flatMap((kind) => [
      `### ${kind.type}`,
      kind.summary,
      ...fieldTable(balancerSchema(kind.type)),
      fence(kind.example),
    ]),
    "## Diagnostics",
    table(
      ["code", "severity", "what"],
      Object.entries(CODES).map(([code, { severity, title }]) => [
        `<a id="${code.toLowerCase()}"></a>${code}`,
        severity,
        title,
      ]),
    ),
    "",
  ].join("\n\n");
}

function notYet(kinds: readonly string[]): string {
  return kinds.length === 0 ? "" : ` Not built yet: ${codeList(kinds)}.`;
}

function codeList(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

function fence(text: string): string {
  return `\`\`\`yaml\n${text.trimEnd()}\n\`\`\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [tableLine(head), tableLine(head.map(() => "---")), ...rows.map(tableLine)].join("\n");
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
}

/** One heading per map of the document, in the order of the declarations. */
function documentParts(): string[] {
  const parts: string[] = [];
  const walk = (title: string, given: Schema): void => {
    const node = resolveRef(given);
    const inner = node.type === "array" ? resolveRef(node.items ?? {}) : mapValue(node);
    if (inner !== node) {
      walk(`${title}${node.type === "array" ? "[]" : ".<name>"}`, {
        ...inner,
        description: node.description ?? inner.description,
      });
      return;
    }
    if (node.properties === undefined || node.anyOf !== undefined || isPolicyMap(node)) return;
    parts.push(title === "" ? "## The document" : `### ${title}`);
    if (node.description !== undefined && title !== "") parts.push(node.description);
    parts.push(...fieldTable(node));
    for (const [key, field] of Object.entries(node.properties)) walk(title === "" ? key : `${title}.${key}`, field);
  };
  walk("", schema());
  return parts;
}

function mapValue(node: Schema): Schema {
  return typeof node.additionalProperties === "object" ? resolveRef(node.additionalProperties) : node;
}

function isPolicyMap(node: Schema): boolean {
  return Object.values(node.properties ?? {}).some((field) => field.phase !== undefined);
}

function fieldTable(node: Schema): string[] {
  const fields = Object.entries(node.properties ?? {});
  if (fields.length === 0) return [];
  const rows = fields.map(([key, given]) => {
    const field = resolveRef(given);
    const standard = defaultWords(field);
    const need = node.required?.includes(key) ? "*required*" : standard === undefined ? "" : `\`${standard}\``;
    return [`\`${key}\``, typeWords(field), need, [field.description ?? "", exampleWords(field)].join(" ").trim()];
  });
  return [table(["field", "takes", "default", "what it does"], rows)];
}

function exampleWords({ examples, scalar }: Schema): string {
  if (examples === undefined || examples.length === 0 || scalar === "duration" || scalar === "percentage") return "";
  return `For example ${examples.map((one) => `\`${write(one)}\``).join(", ")}.`;
}

function policyParts(policy: AnyPolicy): string[] {
  const own = resolveRef(schema().$defs?.policy?.properties?.[policy.kind] ?? {});
  const reasons = Object.entries(policy.reasons);
  return [
    `### ${policy.kind}`,
    `Phase *${policy.phase}*. ${policy.summary}${canRefuse(policy) ? "" : " Never refuses."}`,
    fence(policy.example),
    ...alternatives(own).flatMap((one) => fieldTable(one)),
    ...(reasons.length === 0
      ? []
      : [
          table(
            ["refusal", "status", "title"],
            reasons.map(([name, { status, title }]) => [
              `\`urn:switchyard:${policy.kind}:${name}\``,
              String(status),
              title,
            ]),
          ),
        ]),
  ];
}

function alternatives(node: Schema): readonly Schema[] {
  return (node.anyOf ?? node.oneOf ?? [node]).map(resolveRef);
}

function balancerSchema(type: string): Schema {
  const service = resolveRef(mapValue(resolveRef(schema().properties?.services ?? {})));
  const kinds = alternatives(resolveRef(service.properties?.loadBalancer ?? {}));
  const found = kinds.find((one) => one.properties?.type?.const === type) ?? {};
  const { type: _, ...properties } = found.properties ?? {};
  return { ...found, properties };
}
