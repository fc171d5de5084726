/**
 * Policies as written -> steps of the plan, each with an identity by which its state outlives an edit.
 * Must not let one policy's fault (a check or compile that throws) hide the problems of the others.
 */
import { compileExpression } from "../policies/expression.ts";
import { BYPASSABLE, PHASES } from "../model/basics.ts";
import type { FactRequest, Passage } from "../model/arrival.ts";
import type { PlanStep } from "../model/plan.ts";
import type { Act, CompileContext, ConfigProblem, Consumer, SecretRef, Shape, Step } from "../model/policy.ts";
import { sameValue } from "./carry.ts";
import type { TextFix } from "./diagnostic.ts";
import { valueEdits } from "./edit.ts";
import { canRefuse, readPolicyEntry, within, type PolicyEntry } from "./policy-entry.ts";
import type { Problems } from "./problems.ts";
import { resolveSecret, unresolvedMessage, type Sources } from "./secrets.ts";
import type { Path } from "./tree.ts";

/** Where a policy stands. */
export interface Owner {
  readonly kind: "listener" | "route" | "service";
  readonly name: string;
  /** Index into plan.services. */
  readonly service?: number;
  /** Index into plan.listeners. */
  readonly listener?: number;
}

function judges(act: Act<unknown>): boolean {
  return (act as Partial<Step<unknown>>).peek !== undefined;
}

function rewrites(act: Act<unknown>): boolean {
  const { request, response } = act as Shape;
  return request !== undefined || response !== undefined;
}

/** Every act gets every key, in this order: whoever runs steps then meets one shape of object, and reads it fast. */
const SILENT: Partial<Step<unknown>> & Shape = {
  peek: undefined,
  take: undefined,
  answers: undefined,
  answer: undefined,
  delay: undefined,
  end: undefined,
  refused: undefined,
  request: undefined,
  response: undefined,
  body: undefined,
};

/** The steps of one owner, by what runs them. */
export interface OwnerSteps {
  readonly steps: readonly number[];
  readonly shapes: readonly number[];
  readonly needs: readonly FactRequest[];
  readonly bodies?: readonly number[];
  readonly collects?: number;
}

export class StepCompiler {
  readonly steps: PlanStep[] = [];
  /** Needs by step index. */
  readonly needs: (readonly FactRequest[])[] = [];
  readonly #problems: Problems;
  readonly #sources: Sources;
  readonly #consumers: readonly Consumer[];
  /** Indexes of the listeners for internal calls. */
  readonly trusted = new Set<number>();
  readonly #named = new Map<string, PolicyEntry | undefined>();

  constructor(problems: Problems, sources: Sources, consumers: readonly Consumer[]) {
    this.#problems = problems;
    this.#sources = sources;
    this.#consumers = consumers;
  }

  /** Declares what stands under `policies:`. */
  declare(name: string, value: unknown): void {
    const entry = readPolicyEntry(value, ["policies", name], this.#problems, name);
    this.#named.set(name, entry);
    // One that nobody uses is still checked, as if a route used it.
    if (entry) this.#check(entry, this.#context(entry, { kind: "route", name }));
  }

  /** Reads and compiles a list of policies. @returns indexes of the steps, in the order of the file. */
  list(value: unknown, path: Path, owner: Owner): readonly number[] {
    if (!Array.isArray(value)) return [];
    const taken = new Map<string, number>();
    const indexes: number[] = [];
    for (const [position, item] of value.entries()) {
      const at = [...path, position];
      const entry = typeof item === "string" ? this.#named.get(item) : readPolicyEntry(item, at, this.#problems);
      if (entry === undefined || !this.#mayStand(entry, at, owner)) continue;
      const base = `${owner.kind}/${owner.name}/${entry.policy.kind}/${entry.name}`;
      const count = (taken.get(base) ?? 0) + 1;
      taken.set(base, count);
      const step = this.#compile(entry, owner, count === 1 ? base : `${base}#${count}`);
      if (step !== undefined) indexes.push(step);
    }
    return indexes;
  }

  /** Puts steps in the order in which they run; `lists` in order of precedence within a phase. */
  arrange(...lists: readonly (readonly number[])[]): OwnerSteps {
    const all = lists.flat().toSorted((a, b) => phaseOf(this.steps[a]) - phaseOf(this.steps[b]));
    const needs = this.#needed(all);
    const asked = [...needs.values()].flatMap((need) =>
      need.kind === "body" || need.kind === "call" ? [need.source.most] : [],
    );
    const bodies = all.filter((index) => (this.steps[index].act as Shape).body !== undefined);
    return {
      steps: all.filter((index) => judges(this.steps[index].act)),
      // A key that was judged is also hidden from the backend: such a step stands in both.
      shapes: all.filter((index) => rewrites(this.steps[index].act)),
      needs: [...needs.values()],
      ...(bodies.length + asked.length === 0 ? {} : { bodies }),
      ...(asked.length === 0 ? {} : { collects: Math.max(...asked) }),
    };
  }

  /** Each lookup once, by name; where nobody wants it for a request (`when`, a trusted listener), it is spared. */
  #needed(steps: readonly number[]): ReadonlyMap<string, FactRequest> {
    const wanted = new Map<string, { need: FactRequest; conditions: (Condition | undefined)[] }>();
    for (const index of steps) {
      for (const need of this.needs[index]) {
        const known = wanted.get(need.name) ?? { need, conditions: [] };
        known.conditions.push(this.#conditionOf(this.steps[index], need.when));
        wanted.set(need.name, known);
      }
    }
    return new Map(
      [...wanted].map(
        ([
          name,
          {
            need: { when: _own, ...need },
            conditions,
          },
        ]) => {
          const some = conditions.filter((one) => one !== undefined);
          if (some.length < conditions.length) return [name, need as FactRequest];
          const when: Condition = some.length === 1 ? some[0] : (x) => some.some((one) => one(x));
          return [name, { ...need, when } as FactRequest];
        },
      ),
    );
  }

  #conditionOf(step: PlanStep, when: Condition | undefined): Condition | undefined {
    const { trusted } = this;
    if (trusted.size === 0 || step.bypassedBy === undefined) return when;
    return (x) => !trusted.has(x.arrival.listener) && (when === undefined || when(x));
  }

  #mayStand(entry: PolicyEntry, path: Path, owner: Owner): boolean {
    if (owner.kind !== "listener") return true;
    const { kind } = entry.policy;
    if (!canRefuse(entry.policy)) {
      const message = `\`${kind}\` cannot stand on a listener: it changes what is forwarded, so put it on a route or service.`;
      this.#problems.value("SY214", path, message);
      return false;
    }
    if (this.#needsOf(entry, this.#context(entry, owner)).length > 0) {
      const message = `\`${kind}\` cannot stand on a listener: it needs something looked up, which happens once the route is known.`;
      this.#problems.value("SY214", path, message);
      return false;
    }
    return true;
  }

  #needsOf(entry: PolicyEntry, context: CompileContext): readonly FactRequest[] {
    return this.#guard(entry, () => entry.policy.needs?.(entry.config, context)) ?? [];
  }

  #compile(entry: PolicyEntry, owner: Owner, identity: string): number | undefined {
    const context = this.#context(entry, owner);
    if (!this.#check(entry, context)) return undefined;
    const act = this.#guard(entry, () => entry.policy.compile(entry.config, context));
    if (act === undefined) return undefined;
    const index = this.steps.length;
    const when = entry.when === undefined ? undefined : compileExpression(entry.when);
    this.steps.push({
      index,
      identity,
      name: entry.name,
      kind: entry.policy.kind,
      phase: entry.policy.phase,
      policy: entry.policy,
      config: entry.config,
      act: { ...SILENT, ...act },
      replyFields: entry.policy.replyFields,
      twin: this.#twin(entry, owner, identity),
      shadow: entry.shadow,
      ...(BYPASSABLE.has(entry.policy.phase) ? { bypassedBy: this.trusted } : {}),
      ...(owner.service === undefined ? {} : { service: owner.service }),
      ...(owner.listener === undefined ? {} : { listener: owner.listener }),
      ...(when === undefined ? {} : { when: (x) => when.test(x) !== false }),
      source: entry.source,
    });
    const early = when !== undefined && when.reads().every(isEarly) ? when : undefined;
    const asks = early && ((x: Passage) => early.test(x) !== false);
    this.needs.push(this.#needsOf(entry, context).map((need) => (asks ? { ...need, when: asks } : need)));
    return index;
  }

  /** Limits that say the same count apart, and are told apart in an answer's fields. @returns how many stand before. */
  #twin({ policy, config }: PolicyEntry, owner: Owner, identity: string): number {
    if (policy.gauge === undefined) return 0;
    const place = identity.slice(0, `${owner.kind}/${owner.name}/`.length);
    const text = JSON.stringify(config);
    return this.steps.filter((step) => {
      const meet = owner.kind === "service" || (step.listener ?? step.service) !== undefined;
      if (step.kind !== policy.kind || !(meet || step.identity.startsWith(place))) return false;
      return JSON.stringify(step.config) === text;
    }).length;
  }

  /** @returns false when it may not be compiled. */
  #check(entry: PolicyEntry, context: CompileContext): boolean {
    const found = this.#guard(entry, () => entry.policy.check?.(entry.config, context) ?? []);
    for (const problem of found ?? []) this.#report(entry, problem);
    return found !== undefined && found.length === 0;
  }

  #report(entry: PolicyEntry, problem: ConfigProblem): void {
    const path = [...entry.path, ...problem.path];
    const place = problem.path.length === 0 ? entry.policy.kind : problem.path.map(String).join(".");
    const fixes: TextFix[] = [];
    if (problem.fix) {
      const edits = valueEdits(this.#problems.tree, [...entry.path, ...problem.fix.path], problem.fix.value);
      if (edits) fixes.push({ title: problem.fix.title, edits });
    }
    const message = `\`${place}\`: ${problem.message.replace(/\.$/, "")}.`;
    this.#problems.add("SY106", within(this.#problems, path, problem.within), message, fixes);
  }

  #context(entry: PolicyEntry, owner: Owner): CompileContext {
    return {
      consumers: this.#consumers,
      owner: `${owner.kind}/${owner.name}`,
      ...(owner.kind === "route" ? { routeName: owner.name } : {}),
      secret: (ref) => this.#secret(entry, ref),
      file: (path) => this.#sources.file(path),
    };
  }

  #secret(entry: PolicyEntry, ref: SecretRef): string | undefined {
    const value = resolveSecret(ref, this.#sources);
    const path = [...entry.path, ...(pathTo(entry.raw, ref) ?? [])];
    if (typeof ref === "string") {
      const message =
        "This secret stands in the file itself: `{ env: NAME }` or `{ file: ./path }` keeps it out of version control.";
      this.#problems.value("SY204", path, message);
    } else if (value === undefined) {
      this.#problems.value("SY209", path, unresolvedMessage(ref));
    }
    return value;
  }

  /** A policy that throws is a bug of ours; the person gets a place and a sentence instead of a dead editor. */
  #guard<Result>(entry: PolicyEntry, run: () => Result): Result | undefined {
    try {
      return run();
    } catch (problem) {
      const words = problem instanceof Error ? problem.message : String(problem);
      this.#problems.key("SY106", entry.path, `\`${entry.policy.kind}\` cannot be used as it is written: ${words}`);
      return undefined;
    }
  }
}

type Condition = (x: Passage) => boolean;

/** Known before any policy has found out who is calling. */
function isEarly(variable: string): boolean {
  return variable === "request" || variable === "client";
}

/** Where in a value something equal to `wanted` stands. */
function pathTo(value: unknown, wanted: unknown): Path | undefined {
  if (sameValue(value, wanted)) return [];
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, child] of Object.entries(value)) {
    const below = pathTo(child, wanted);
    if (below) return [Array.isArray(value) ? Number(key) : key, ...below];
  }
  return undefined;
}

/** What encodes a body shapes after whoever still edits it. */
function phaseOf({ phase, act }: PlanStep): number {
  return PHASES.indexOf(phase) + ((act as Shape).body?.encodes === true ? 0.5 : 0);
}
