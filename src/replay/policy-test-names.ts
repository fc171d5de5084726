/**
 * The names that a policy test writes, checked against the plan: listeners, routes, policies, reasons, services,
 * endpoints, consumers. Exists so that a misspelt name is an error with the nearest valid one and not a failing test.
 * Must not know what a test decides.
 */
import { builtInRefusals } from "../decide/refusals.ts";
import type { Plan } from "../model/plan.ts";
import { nearest } from "../policies/nearest.ts";
import type { Diagnostic } from "../policyfile/diagnostic.ts";
import { Problems } from "../policyfile/problems.ts";
import type { Path, Tree } from "../policyfile/tree.ts";
import { FACT_KINDS } from "./policy-test-facts.ts";
import type { ExpectKey, TestFile } from "./policy-test-file.ts";

type Named = "route" | "policy" | "reason" | "service" | "endpoint" | "consumer";
const NAMED: readonly Named[] = ["route", "policy", "reason", "service", "endpoint", "consumer"];

/** Policies under which somebody else than the file's consumers may call. */
const FOREIGN_CALLERS = new Set(["basicAuth", "clientCertificate", "externalAuth", "introspection", "jwt", "anyOf"]);

/** "route:no-match" of urn:switchyard:route:no-match, as a test writes it: route/no-match. */
export function reasonOf(type: string): string {
  return type.replace(/^urn:switchyard:/, "").replace(":", "/");
}

/** @param policy the text's tree: consumers are in no plan. @returns in the order of the file. */
export function checkNames({ tests, tree }: TestFile, plan: Plan, policy: Tree): Diagnostic[] {
  const problems = new Problems(tree);
  const known = knownNames(plan, policy);
  const facts = [...FACT_KINDS, ...plan.routes.flatMap((route) => route.needs.map((need) => need.name))];
  const listeners = plan.listeners.filter(({ protocol }) => protocol.startsWith("HTTP")).map((one) => one.name);
  for (const test of tests)
    for (const [index, { request, expect, facts: said }] of test.steps.entries()) {
      const at = [...test.path, "steps", index];
      if (request.listener !== undefined)
        check(problems, [...at, "request", "listener"], "listener", request.listener, listeners);
      for (const name of Object.keys(said)) checkKey(problems, [...at, "facts", name], name, facts);
      for (const key of NAMED) checkExpected(problems, at, key, expect[key], known[key]);
    }
  return problems.list.toSorted((a, b) => a.range.offset - b.range.offset);
}

function checkExpected(
  problems: Problems,
  at: Path,
  key: ExpectKey & Named,
  name: string | undefined,
  known: readonly string[] | undefined,
): void {
  if (name !== undefined && known !== undefined) check(problems, [...at, "expect", key], key, name, known);
}

function check(problems: Problems, path: Path, kind: string, name: string, known: readonly string[]): void {
  if (!known.includes(name))
    problems.value("SY102", path, `There is no ${kind} "${name}" in the policy.${hint(name, known)}`);
}

function checkKey(problems: Problems, path: Path, name: string, known: readonly string[]): void {
  if (!known.includes(name)) problems.key("SY101", path, `Nothing is looked up as "${name}".${hint(name, known)}`);
}

function hint(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return ` Did you mean "${near}"?`;
  return known.length === 0 ? "" : ` There are: ${[...new Set(known)].slice(0, 12).join(", ")}.`;
}

function knownNames(plan: Plan, policy: Tree): Readonly<Record<Named, readonly string[] | undefined>> {
  const reasons = plan.steps.flatMap(({ kind, policy: { reasons: all } }) =>
    Object.keys(all).flatMap((name) => [`${kind}/${name}`, name]),
  );
  const builtIn = Object.values(builtInRefusals).map(({ type }) => reasonOf(type));
  const { consumers } = (policy.value ?? {}) as { readonly consumers?: readonly { readonly name?: string }[] };
  return {
    route: plan.routes.filter(({ listeners }) => listeners.length > 0).map((route) => route.name),
    policy: plan.steps.map((step) => step.name),
    reason: [...reasons, ...builtIn],
    service: plan.services.map((service) => service.name),
    endpoint: plan.services.flatMap(({ endpoints }) => endpoints.flatMap(({ label, url }) => [label, url])),
    consumer: plan.steps.some(({ kind }) => FOREIGN_CALLERS.has(kind))
      ? undefined
      : (consumers ?? []).map((one) => String(one.name)),
  };
}
