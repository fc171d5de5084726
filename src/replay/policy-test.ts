/**
 * Runs one policy test: its requests in sequence through the pure core, with a clock of its own and seeds fixed by its
 * name, each settled as if the backend had answered what the test says (200 at once, unless it says otherwise).
 * Must not reach outside: a test gives the same verdict on every machine, for ever.
 */
import { xxHash32 } from "js-xxhash";
import { decide } from "../decide/decide.ts";
import { enter } from "../decide/enter.ts";
import { explain } from "../decide/explain.ts";
import { normalisePath } from "../decide/path.ts";
import { settle } from "../decide/settle.ts";
import type { Story } from "../decide/story.ts";
import type { Passage } from "../model/arrival.ts";
import type { Millis, SourceRange } from "../model/basics.ts";
import type { CollectedBody } from "../model/body.ts";
import { Decision } from "../model/decision.ts";
import { freshState } from "../model/fresh.ts";
import type { Plan } from "../model/plan.ts";
import { Failure, Life, type Outcome, type State } from "../model/state.ts";
import type { Tree } from "../policyfile/tree.ts";
import { PolicyCoverage } from "./policy-test-coverage.ts";
import { failuresOf, type FailedExpectation } from "./policy-test-expect.ts";
import { factsOf, type CollectBody } from "./policy-test-facts.ts";
import { FAILURES, type PolicyTest, type TestStep } from "./policy-test-file.ts";

export interface TestWorld {
  readonly plan: Plan;
  /** Of the test file: places of expectations. */
  readonly tree: Tree;
  readonly collect: CollectBody;
  /** Notes what the tests reach. */
  readonly coverage: PolicyCoverage;
}

export interface TestResult {
  readonly name: string;
  readonly range: SourceRange;
  readonly failures: readonly FailedExpectation[];
  /** Requests that were decided. */
  readonly requests: number;
}

/** One request of a test that was judged. */
export interface Judgement {
  readonly decision: Decision;
  readonly passage: Passage;
  readonly story: Story;
  /** What the caller gets; 0 = the connection is cut. */
  readonly status: number;
}

/** Requests on their way when the next one comes. */
interface OnItsWay {
  readonly at: Millis;
  readonly decision: Decision;
  readonly passage: Passage;
  readonly outcome: Outcome;
}

/** Zero means "never" in some states. */
const BEGIN: Millis = 1_000_000;

/** A step that fails is enough: what comes after it would only fail for the same cause. */
export function runTest(test: PolicyTest, world: TestWorld): TestResult {
  const { plan, tree } = world;
  const state = stateOf(plan);
  const onItsWay: OnItsWay[] = [];
  let now = BEGIN;
  let requests = 0;
  for (const [index, step] of test.steps.entries()) {
    now += step.after;
    for (let round = 1; round <= step.repeat; round++) {
      if (round > 1) now += step.every;
      settleUntil(now, onItsWay, plan, state);
      const seed = xxHash32(`${test.name}\n${++requests}`, 0);
      const judged = judge(step, world, state, now, test.clock + (now - BEGIN), seed);
      world.coverage.note(judged.decision);
      onItsWay.push({ at: now + step.answer.after, ...judged, outcome: outcomeOf(step, judged) });
      const path = [...test.path, "steps", index];
      const failures = failuresOf(step.expect, judged, { plan, tree, path, step: index + 1, round });
      if (failures.length > 0) return { name: test.name, range: test.range, failures, requests };
    }
  }
  return { name: test.name, range: test.range, failures: [], requests };
}

/** Replicas that the gateway would start are taken to be there. */
function stateOf(plan: Plan): State {
  const state = freshState(plan);
  for (const { endpoints } of state.services)
    for (const endpoint of endpoints) if (endpoint.life === Life.Starting) endpoint.life = Life.Serving;
  return state;
}

function settleUntil(now: Millis, onItsWay: OnItsWay[], plan: Plan, state: State): void {
  const due = onItsWay.filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at);
  for (const { at, passage, decision, outcome } of due) {
    settle(passage, decision, plan, state, outcome, at);
    onItsWay.splice(
      onItsWay.findIndex((one) => one.decision === decision),
      1,
    );
  }
}

function judge(
  step: TestStep,
  { plan, collect }: TestWorld,
  state: State,
  now: Millis,
  wallClock: Millis,
  seed: number,
): Judgement {
  const { text, type } = bodyOf(step);
  const body = (most: number): CollectedBody => collect(text ?? "", type, most);
  const passage = passageOf(step, plan, wallClock, seed, text === undefined ? undefined : body(Infinity).length);
  const decision = new Decision();
  enter(passage, plan, state, now, decision);
  if (!decision.over && decision.route >= 0) {
    passage.facts = factsOf(plan.routes[decision.route].needs, passage, step, body);
    decide(passage, plan, state, now, decision);
  }
  const story = explain(decision, plan, passage);
  return { decision, passage, story, status: statusOf(step, story) };
}

function bodyOf({ request }: TestStep): { text: string | undefined; type: string } {
  const { body, headers } = request;
  const written = Object.entries(headers).find(([name]) => name.toLowerCase() === "content-type")?.[1];
  if (body === undefined || body === null) return { text: undefined, type: written ?? "" };
  if (typeof body === "string") return { text: body, type: written ?? "text/plain" };
  return { text: JSON.stringify(body), type: written ?? "application/json" };
}

function passageOf(
  { request }: TestStep,
  plan: Plan,
  wallClock: Millis,
  seed: number,
  length: number | undefined,
): Passage {
  const fields = new Map(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]));
  if (!fields.has("host")) fields.set("host", request.host);
  if (length !== undefined) {
    fields.set("content-length", String(length));
    if (!fields.has("content-type")) fields.set("content-type", bodyOf({ request } as TestStep).type);
  }
  const mark = request.path.indexOf("?");
  const path = mark === -1 ? request.path : request.path.slice(0, mark);
  return {
    arrival: {
      layer: 7,
      listener: listenerOf(plan, request.listener),
      clientIp: request.client,
      clientPort: 40_000,
      method: request.method,
      host: request.host.replace(/:\d*$/, "").toLowerCase(),
      path: normalisePath(path) ?? path,
      query: mark === -1 ? undefined : request.path.slice(mark + 1),
      header: (name) => fields.get(name),
    },
    facts: {},
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
    seed,
    tried: 0,
    wallClock,
    requestId: () => `test-${seed.toString(16)}`,
  };
}

function listenerOf(plan: Plan, name: string | undefined): number {
  const index = plan.listeners.findIndex((one) =>
    name === undefined ? one.protocol.startsWith("HTTP") : one.name === name,
  );
  return Math.max(0, index);
}

function statusOf({ answer }: TestStep, { refusal, answer: own }: Story): number {
  if (refusal !== undefined) return refusal.status;
  if (own !== undefined) return own.status;
  return answer.failure === undefined ? (answer.status ?? 200) : FAILURES[answer.failure].status;
}

/** What the backend did; what the gateway itself said when none was asked. */
function outcomeOf({ answer }: TestStep, { decision, status }: Judgement): Outcome {
  const failure = decision.over || answer.failure === undefined ? Failure.None : FAILURES[answer.failure].failure;
  const answered = failure === Failure.None;
  return { status: answered ? status : 0, failure, firstByte: answered ? answer.after : -1 };
}
