/**
 * One request and one policy, for tests: reads a config as the policy file would, compiles it, and tries it.
 * Every trial holds the laws of a step: `peek` notes exactly once, notes what it returns, and leaves state as it was.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { parse } from "yaml";
import type { Arrival, Caller, Passage } from "../model/arrival.ts";
import type { PathMatch } from "../model/path-match.ts";
import type { ContentCoding } from "../model/body.ts";
import type { AnyPolicy, CompileContext, ConfigProblem, ReplyEdit, RequestEdit, Shape, Step } from "../model/policy.ts";

export interface RequestParts {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly host?: string;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly clientIp?: string;
  readonly caller?: Partial<Caller>;
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds. */
  readonly wallClock?: number;
}

export function passageOf(parts: RequestParts = {}): Passage {
  const arrival: Arrival = {
    layer: 7,
    listener: 0,
    clientIp: parts.clientIp ?? "127.0.0.1",
    clientPort: 50_123,
    method: parts.method ?? "GET",
    host: parts.host ?? "shop.localhost",
    path: parts.path ?? "/orders/1",
    ...(parts.query === undefined ? {} : { query: parts.query }),
    header: (name) => parts.headers?.[name],
  };
  return {
    arrival,
    facts: parts.facts ?? {},
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined, ...parts.caller },
    seed: 1,
    tried: 0,
    wallClock: parts.wallClock ?? 1_700_000_000_000,
    requestId: () => "request-1",
  };
}

export function contextOf(parts: Partial<CompileContext> = {}): CompileContext {
  return {
    consumers: [],
    owner: "route/orders",
    routeName: "orders",
    secret: (ref) => (typeof ref === "string" ? ref : undefined),
    file: () => undefined,
    ...parts,
  };
}

/** @throws when the fields do not fit their declaration. */
export function configOf(policy: AnyPolicy, yaml: string): unknown {
  const read = policy.config.safeParse(parse(yaml));
  assert.ok(read.success, JSON.stringify(read.error?.issues));
  return read.data;
}

export function problemsOf(policy: AnyPolicy, yaml: string, context = contextOf()): readonly ConfigProblem[] {
  return policy.check?.(configOf(policy, yaml), context) ?? [];
}

/** Whether the fields fit their declaration. */
export function fits(policy: AnyPolicy, yaml: string): boolean {
  return policy.config.safeParse(parse(yaml)).success;
}

export interface Verdict {
  /** "" when it admitted. */
  readonly reason: string;
  readonly status: number;
  readonly sentence: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly fixes: readonly {
    readonly title: string;
    readonly path: readonly (string | number)[];
    readonly value: unknown;
  }[];
  readonly x: number;
  readonly y: number;
}

export class Trial {
  readonly policy: AnyPolicy;
  readonly config: unknown;
  readonly act: Partial<Step<unknown>> & Shape;
  state: unknown;

  constructor(policy: AnyPolicy, yaml: string, context = contextOf()) {
    this.policy = policy;
    this.config = configOf(policy, yaml);
    assert.deepEqual(policy.check?.(this.config, context) ?? [], []);
    this.act = policy.compile(this.config, context) as Partial<Step<unknown>> & Shape;
    this.state = policy.state?.(this.config);
  }

  peek(x: Passage, now = 0): Verdict {
    const notes: (readonly [number, number, number])[] = [];
    const before = structuredClone(this.state);
    const note = { put: (reason: number, a: number, b: number) => void notes.push([reason, a, b]) };
    const reason = this.act.peek?.(x, this.state, now, note) ?? 0;
    assert.deepEqual(this.state, before, "peek changes nothing");
    assert.equal(notes.length, 1, "peek notes once");
    assert.equal(notes[0][0], reason, "peek notes what it returns");
    return this.#worded(reason, notes[0][1], notes[0][2], x);
  }

  /** Peeks, and takes when it admitted, as a stage with this one step does. */
  pass(x: Passage, now = 0): Verdict {
    const verdict = this.peek(x, now);
    if (verdict.reason === "") this.act.take?.(x, this.state, now);
    else this.act.refused?.(x, this.state, now);
    return verdict;
  }

  #worded(reason: number, x: number, y: number, seen: Passage): Verdict {
    const fields = Object.fromEntries(this.policy.replyFields?.(this.config, reason, x, y, seen, 0) ?? []);
    if (reason === 0) {
      return { reason: "", status: 0, sentence: this.policy.admits(this.config, x, y, seen), fields, fixes: [], x, y };
    }
    const [name, told] = Object.entries(this.policy.reasons)[reason - 1];
    const sentence = told.say(this.config, x, y, seen);
    assert.ok(sentence.length > 10, `${name} has a sentence`);
    const fixes = told.fix?.(this.config, x, y, seen) ?? [];
    return { reason: name, status: told.status, sentence, fields, fixes, x, y };
  }
}

/** A head to be changed by a shape. Names keep the case in which they were set. */
export class Edit implements RequestEdit, ReplyEdit {
  path: string;
  query: string | undefined;
  authority = "shop.localhost";
  readonly fields: (readonly [string, string])[];
  status = 200;
  coding: ContentCoding | undefined;

  constructor(fields: Readonly<Record<string, string>> = {}, path = "/orders/1", query?: string) {
    this.fields = Object.entries(fields);
    this.path = path;
    this.query = query;
  }
  get(name: string): string | undefined {
    const found = this.fields.filter(([other]) => other.toLowerCase() === name.toLowerCase());
    return found.length === 0 ? undefined : found.map(([, value]) => value).join(", ");
  }
  set(name: string, value: string): void {
    this.remove(name);
    this.add(name, value);
  }
  add(name: string, value: string): void {
    this.fields.push([name, value]);
  }
  encode(coding: ContentCoding): boolean {
    this.coding = coding;
    this.set("Content-Encoding", coding);
    return true;
  }
  all(name: string): readonly string[] {
    return this.fields.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  }
  remove(name: string): void {
    for (let i = this.fields.length - 1; i >= 0; i--) {
      if (this.fields[i][0].toLowerCase() === name.toLowerCase()) this.fields.splice(i, 1);
    }
  }
}

export const matchedBy = (kind: "exact" | "prefix", value: string): PathMatch => ({ kind, value });

/** Any text, control characters and single surrogates included. (`fc.string({ unit: "binary" })` needs seconds to begin.) */
export function anyText(maxLength = 40): fc.Arbitrary<string> {
  const code = fc.oneof(fc.nat(0x7f), fc.nat(0xff), fc.nat(0xffff), fc.nat(0x10ffff));
  return fc.array(code, { maxLength }).map((codes) => String.fromCodePoint(...codes));
}
