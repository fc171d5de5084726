/**
 * The names that a policy test writes, as the policy knows them: listeners, routes, policies, reasons, services,
 * endpoints, consumers, lookups. Exists so that a misspelt name is an error with the nearest valid one and not a failing
 * test, and so that the editor offers and finds the same names. Must not know what a test decides.
 */
import { builtInRefusals } from "../decide/refusals.ts";
import type { SourceRange } from "../model/basics.ts";
import type { Plan } from "../model/plan.ts";
import { nearest } from "../policies/nearest.ts";
import type { Diagnostic, TextFix } from "../policyfile/diagnostic.ts";
import { namesIn, type NameKind } from "../policyfile/names.ts";
import { Problems } from "../policyfile/problems.ts";
import { spanOf, type Path, type Tree } from "../policyfile/tree.ts";
import { write } from "../policyfile/write.ts";
import { FACT_KINDS } from "./policy-test-facts.ts";
import type { Named, TestFile } from "./policy-test-file.ts";

/** What stands where a test expects that there is no route, policy, reason, service, endpoint or consumer. */
export const NONE = "none";

/** The policy that is tested, as far as it can be read. */
export interface TestedPolicy {
  readonly tree: Tree;
  /** Only when nothing in it is wrong. */
  readonly plan?: Plan;
}

export interface KnownName {
  readonly name: string;
  readonly detail: string;
  /** Where the policy file declares it. */
  readonly range?: SourceRange;
}

const EXPECTED: readonly Exclude<Named, "listener" | "fact">[] = [
  "route",
  "policy",
  "reason",
  "service",
  "endpoint",
  "consumer",
];

/** Policies under which somebody else than the file's consumers may call. */
const FOREIGN_CALLERS = new Set(["basicAuth", "clientCertificate", "externalAuth", "introspection", "jwt", "anyOf"]);

/** "route:no-match" of urn:switchyard:route:no-match, as a test writes it: route/no-match. */
export function reasonOf(type: string): string {
  return type.replace(/^urn:switchyard:/, "").replace(":", "/");
}

/** @param policy the text's tree: consumers are in no plan. @returns in the order of the file. */
export function checkNames({ tests, tree }: TestFile, plan: Plan, policy: Tree): Diagnostic[] {
  const problems = new Problems(tree);
  const tested = { plan, tree: policy };
  const known = (kind: Named) => knownNames(kind, tested).map(({ name }) => name);
  const foreign = plan.steps.some(({ kind }) => FOREIGN_CALLERS.has(kind));
  for (const test of tests)
    for (const [index, { request, expect, facts: said }] of test.steps.entries()) {
      const at = [...test.path, "steps", index];
      const { listener } = request;
      if (listener !== undefined)
        check(problems, [...at, "request", "listener"], "listener", listener, known("listener"));
      for (const name of Object.keys(said)) checkKey(problems, [...at, "facts", name], name, known("fact"));
      for (const kind of EXPECTED) {
        const name = expect[kind];
        if (name === undefined || name === NONE || (kind === "consumer" && foreign)) continue;
        check(problems, [...at, "expect", kind], kind, name, known(kind));
      }
    }
  return problems.list.toSorted((a, b) => a.range.offset - b.range.offset);
}

function check(problems: Problems, path: Path, kind: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const message = `There is no ${kind} "${name}" in the policy.${hint(name, known)}`;
  problems.value("SY102", path, message, change(spanOf(problems.tree.find(path)?.value), nearest(name, known)));
}

function checkKey(problems: Problems, path: Path, name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const message = `Nothing is looked up as "${name}".${hint(name, known)}`;
  problems.key("SY101", path, message, change(spanOf(problems.tree.find(path)?.key), nearest(name, known)));
}

function change(span: readonly [number, number] | undefined, to: string | undefined): TextFix[] {
  if (span === undefined || to === undefined) return [];
  return [{ title: `Change to \`${to}\``, edits: [{ offset: span[0], endOffset: span[1], newText: write(to) }] }];
}

function hint(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return ` Did you mean "${near}"?`;
  return known.length === 0 ? "" : ` There are: ${[...new Set(known)].slice(0, 12).join(", ")}.`;
}

/** Every name that may stand there, the declared ones first; what is in place or built in has the place of its policy. */
export function knownNames(kind: Named, { plan, tree }: TestedPolicy): readonly KnownName[] {
  switch (kind) {
    case "listener":
    case "route":
    case "service":
    case "consumer":
      return declared(tree, kind);
    case "policy":
      return once([
        ...declared(tree, "policy"),
        ...(plan?.steps ?? []).map(({ name, kind: own, source }) => ({ name, detail: own, range: source })),
      ]);
    case "reason":
      return reasons(plan);
    case "endpoint":
      return (plan?.services ?? []).flatMap(({ name: service, endpoints }) =>
        endpoints.flatMap(({ label, url, source }) =>
          [label, url].map((name) => ({ name, detail: `of ${service}`, range: source })),
        ),
      );
    case "fact": {
      const needs = (plan?.routes ?? []).flatMap((route) => route.needs.map(({ name }) => name));
      return once([...FACT_KINDS, ...needs].map((name) => ({ name, detail: "lookup" })));
    }
  }
}

function declared(tree: Tree, kind: NameKind): KnownName[] {
  return namesIn(tree)
    .filter((one) => one.role === "declaration" && one.kind === kind)
    .map(({ name, range }) => ({ name, detail: `${kind}, line ${range.line}`, range }));
}

/** Long form first; the reason alone is understood too. */
function reasons(plan: Plan | undefined): KnownName[] {
  const own = (plan?.steps ?? []).flatMap(({ kind, source, policy }) =>
    Object.entries(policy.reasons).map(([name, { title }]) => ({ kind, name, detail: title, range: source })),
  );
  const long = own.map(({ kind, name, ...rest }) => ({ name: `${kind}/${name}`, ...rest }));
  const builtIn = Object.values(builtInRefusals).map(({ type, title }) => ({ name: reasonOf(type), detail: title }));
  return once([...long, ...builtIn, ...own.map(({ name, detail, range }) => ({ name, detail, range }))]);
}

/** The first of each name. */
function once(names: readonly KnownName[]): KnownName[] {
  const found = new Map<string, KnownName>();
  for (const one of names) if (!found.has(one.name)) found.set(one.name, one);
  return [...found.values()];
}
