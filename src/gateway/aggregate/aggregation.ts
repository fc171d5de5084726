/**
 * Carries out one aggregate: asks its parts as soon as they may be asked, and makes one answer of theirs.
 * Every part is a child request with its own row. Bodies are held up to the policy's bound, and no longer than the request.
 * Must not ask for anything once the request has ended.
 */
import { Failure } from "../../model/state.ts";
import { memberOf, type Found, type ValueTemplate } from "../../policies/aggregate-template.ts";
import { ERRORS, refusalFor, type AggregatePlan, type Part } from "../../policies/aggregate.ts";
import { shapeProblem, weightOf } from "../facts/json-shape.ts";
import { Child, type ChildOwner } from "../forward/child.ts";
import { lateVerdict } from "../forward/late-verdict.ts";
import type { Run } from "../forward/run.ts";
import type { Head } from "../http1/head.ts";

/** Always passed on: the parts belong to the request's trace. */
const TRACE = ["traceparent", "tracestate"];

interface Fault {
  readonly part: string;
  readonly status: number;
  readonly detail: string;
}

/** What became of a part: its answer as it came and as a value, or why there is none. */
type Outcome = { readonly text: string; readonly value: unknown } | { readonly fault: Fault };

export class Aggregation implements Found {
  private readonly run: Run;
  private readonly plan: AggregatePlan;
  /** Index into plan.steps of the policy. */
  private readonly step: number;
  /** Takes the JSON of the answer. */
  private readonly give: (body: string) => void;
  private readonly outcomes = new Map<string, Outcome>();
  private readonly asked = new Set<string>();
  private readonly children = new Set<Child>();
  /** Bytes that all answers together may still have. */
  private readonly budget: { left: number; readonly most: number };
  private over = false;

  constructor(run: Run, plan: AggregatePlan, step: number, give: (body: string) => void) {
    this.run = run;
    this.plan = plan;
    this.step = step;
    this.give = give;
    this.budget = { left: plan.maxBody, most: plan.maxBody };
  }

  /** A part's answer; undefined = none (yet). */
  value(key: string): unknown {
    const outcome = this.outcomes.get(key);
    return outcome !== undefined && "value" in outcome ? outcome.value : undefined;
  }

  /** Asks what may be asked now; answers when nothing is left. */
  proceed(): void {
    for (const part of this.plan.parts) {
      if (this.over) return;
      if (this.asked.has(part.key) || !part.after.every((key) => this.outcomes.has(key))) continue;
      this.asked.add(part.key);
      this.ask(part);
    }
    if (!this.over && this.outcomes.size === this.plan.parts.length) this.answer();
  }

  /** The request is over: nobody waits for its parts. */
  abandon(): undefined {
    this.over = true;
    for (const child of this.children) child.giveUp(Failure.ClientGone);
    this.children.clear();
  }

  private ask(part: Part): void {
    const missing = part.after.find((key) => "fault" in (this.outcomes.get(key) as Outcome));
    if (missing !== undefined) return this.lost(part, 424, `it needs ${missing}, which is missing`);
    if (part.forEach === undefined) return this.send(part, this, (outcome) => this.found(part, outcome));
    const [key, ...members] = part.forEach;
    const list = memberOf(this.value(key), members);
    if (!Array.isArray(list)) return this.lost(part, 502, `${part.forEach.join(".")} is no list`);
    this.askForEach(part, list);
  }

  private askForEach(part: Part, list: readonly unknown[]): void {
    const { maxItems } = this.plan;
    const items = list.slice(0, maxItems);
    const outcomes: Outcome[] = [];
    let left = items.length;
    const done = (): void => {
      const faulty = outcomes.find((outcome) => "fault" in outcome);
      if (faulty !== undefined && !part.optional) return this.found(part, faulty);
      const texts = outcomes.map((outcome) => ("text" in outcome ? outcome.text : "null"));
      const values = outcomes.map((outcome) => ("text" in outcome ? outcome.value : null));
      this.faults.push(...outcomes.flatMap((outcome) => ("fault" in outcome ? [outcome.fault] : [])));
      if (list.length > maxItems) {
        this.faults.push({
          part: part.key,
          status: 0,
          detail: `${list.length} elements, of which ${maxItems} were asked for`,
        });
      }
      this.found(part, { text: `[${texts.join(",")}]`, value: values });
    };
    if (left === 0) return done();
    for (const [index, item] of items.entries()) {
      const found: Found = { value: (key) => this.value(key), item };
      this.send({ ...part, key: `${part.key}[${index}]` }, found, (outcome) => {
        outcomes[index] = outcome;
        left--;
        if (left === 0) done();
      });
      if (this.over) return;
    }
  }

  /** Of elements, whose part has an answer all the same. */
  private readonly faults: Fault[] = [];

  private send(part: Part, found: Found, done: (outcome: Outcome) => void): void {
    const { run } = this;
    const fault = (status: number, detail: string): Outcome => ({ fault: { part: part.key, status, detail } });
    let path: string;
    try {
      path = part.path(run.passage, found);
    } catch (error) {
      return done(fault(424, (error as Error).message));
    }
    const asked: { child?: Child | undefined; settled: boolean } = { settled: false };
    const collector = new Collector(this.budget, (outcome) => {
      asked.settled = true;
      if (asked.child !== undefined) this.children.delete(asked.child);
      if (!this.over) done("text" in outcome ? outcome : fault(outcome.status, outcome.detail));
    });
    collector.tooLarge = () => asked.child?.giveUp(Failure.ClientGone);
    const request = { name: part.child, head: this.headFor(path) };
    asked.child = Child.begin(run, request, collector, run.services.now());
    if (asked.settled) return;
    if (asked.child === undefined) collector.failed(502, "it could not be asked");
    else this.children.add(asked.child);
  }

  private headFor(path: string): string {
    const { head } = this.run.exchange;
    let lines = `GET ${path} HTTP/1.1\r\nHost: ${head.hostHeader || "localhost"}\r\nAccept: application/json\r\n`;
    for (const name of [...TRACE, ...this.plan.headers]) {
      for (let i = head.find(name); i >= 0; i = head.findFrom(name, i + 1)) lines += `${name}: ${head.valueAt(i)}\r\n`;
    }
    return `${lines}\r\n`;
  }

  private lost(part: Part, status: number, detail: string): void {
    this.found(part, { fault: { part: part.key, status, detail } });
  }

  private found(part: Part, outcome: Outcome): void {
    if (this.over) return;
    this.outcomes.set(part.key, outcome);
    if ("fault" in outcome && !part.optional) return this.fail(part, outcome.fault);
    this.proceed();
  }

  private fail(part: Part, { status }: Fault): void {
    const { run } = this;
    this.abandon();
    const index = this.plan.parts.findIndex(({ key }) => key === part.key);
    if (lateVerdict(run, this.step, { reason: refusalFor(status), x: index, y: status })) run.refuseLate();
    else run.fail(Failure.BadAnswer, `Part ${part.key} failed.`);
  }

  private answer(): void {
    this.over = true;
    const { parts, template } = this.plan;
    const faults = [...this.faults];
    for (const outcome of this.outcomes.values()) if ("fault" in outcome) faults.push(outcome.fault);
    if (template !== undefined) return this.giveFilled(template, faults);
    const members = parts.map(({ key }) => {
      const outcome = this.outcomes.get(key) as Outcome;
      return `${JSON.stringify(key)}:${"text" in outcome ? outcome.text : "null"}`;
    });
    if (faults.length > 0) members.push(`${JSON.stringify(ERRORS)}:${JSON.stringify(faults)}`);
    this.give(`{${members.join(",")}}`);
  }

  private giveFilled(template: ValueTemplate, faults: readonly Fault[]): void {
    let body: string;
    try {
      const value = template(this.run.passage, this);
      const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
      body = JSON.stringify(isObject && faults.length > 0 ? { ...value, [ERRORS]: faults } : value);
    } catch {
      // A part may be nested more deeply than the stack.
      return this.run.fail(
        Failure.BadAnswer,
        "The parts' answers could not be put together: they are nested too deeply.",
      );
    }
    this.give(body);
  }
}

/** Values and names in the answer of one part: everybody else waits while it is read and written, some 40 ms for so many. */
const MOST_VALUES = 60_000;

/** Takes the answer of one part, within its bound. */
class Collector implements ChildOwner {
  tooLarge: () => void = () => {};
  private readonly budget: { left: number; readonly most: number };
  private readonly done: (outcome: { text: string; value: unknown } | { status: number; detail: string }) => void;
  private readonly pieces: Buffer[] = [];
  private size = 0;
  private status = 0;
  private type = "";
  private coding = "";
  private over = false;

  constructor(budget: Collector["budget"], done: Collector["done"]) {
    this.budget = budget;
    this.done = done;
  }

  head(head: Head): void {
    this.status = head.status;
    this.type = head.get("content-type") ?? "";
    this.coding = head.get("content-encoding") ?? "";
  }

  bytes(buffer: Buffer, start: number, end: number): void {
    if (this.over) return;
    this.size += end - start;
    this.budget.left -= end - start;
    if (this.budget.left < 0) {
      this.failed(502, `the answers of the parts are larger than ${this.budget.most} bytes together (maxBody)`);
      // Not in the middle of the read that brought the bytes.
      return void setImmediate(() => this.tooLarge());
    }
    this.pieces.push(Buffer.from(buffer.subarray(start, end)));
  }

  ended(): void {
    if (this.over) return;
    if (this.status < 200 || this.status >= 300) return this.failed(this.status, `answered ${this.status}`);
    if (this.coding !== "" && this.coding !== "identity")
      return this.failed(502, `answered encoded (${this.coding}), unasked`);
    if (this.size === 0) return this.settle({ text: "null", value: null });
    if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(this.type)) {
      return this.failed(502, `answered ${this.type === "" ? "without a Content-Type" : this.type}, not JSON`);
    }
    const text = Buffer.concat(this.pieces).toString("utf8");
    // A value has a character at least.
    const weight = text.length > MOST_VALUES ? weightOf(text) : 0;
    if (weight > MOST_VALUES)
      return this.failed(502, `answered with ${weight} values and names, and ${MOST_VALUES} are joined at most`);
    const wrong = shapeProblem(text);
    if (wrong !== undefined) return this.failed(502, `answered JSON that is not joined: ${wrong}`);
    try {
      this.settle({ text, value: JSON.parse(text) });
    } catch {
      this.failed(502, "answered what is no JSON");
    }
  }

  failed(status: number, detail: string): void {
    this.settle({ status, detail });
  }

  private settle(outcome: Parameters<Collector["done"]>[0]): void {
    if (this.over) return;
    this.over = true;
    this.pieces.length = this.size = 0;
    this.done(outcome);
  }
}
