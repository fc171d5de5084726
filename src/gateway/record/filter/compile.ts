/**
 * A parsed filter -> a test over packed rows. Each distinct word of a chunk is tested once and remembered, so that a
 * hundred thousand rows cost a hundred thousand table look-ups. Must not build rows or strings per row.
 */
import { fieldOf } from "../heads.ts";
import { RowStateCode, Tag, type Chunk } from "../chunk.ts";
import type { Recorder } from "../recorder.ts";
import { traceIdOf } from "../trace-id.ts";
import { durationOf, normalState, sizeOf } from "./keys.ts";
import { compilePattern } from "./pattern.ts";
import type { Filter, Term } from "./syntax.ts";

export type RowTest = (chunk: Chunk, index: number) => boolean;

/** What a filter may look at besides the rows. */
export interface FilterContext {
  readonly recorder: Recorder;
  /** Epoch milliseconds. */
  wallClock(): number;
  /** Epoch milliseconds of the latest accepted edit. */
  savedAt(): number;
  /** Names that rows from archives point to, instead of a plan's. */
  readonly imported?: NamedParts;
  /** The unsaved policy would treat the request otherwise. */
  changed?(id: number): boolean;
}

/** What a filter reads of a plan. */
export interface NamedParts {
  readonly routes: readonly { readonly name: string }[];
  readonly services: readonly {
    readonly name: string;
    readonly endpoints: readonly {
      readonly index: number;
      readonly label: string;
      readonly port: number;
      readonly url: string;
    }[];
  }[];
  readonly steps: readonly { readonly name: string; readonly kind: string }[];
}

/** Of rows that were imported: no plan of this gateway judged them. */
export const IMPORTED_REVISION = 2 ** 20;

export interface CompiledFilter {
  readonly test: RowTest;
  /** Whether a row matches may be known only when its request has ended. */
  readonly atEnd: boolean;
  /** Rows may match while they are pending and stop matching then. */
  readonly looksAtPending: boolean;
}

export function compileFilter(filter: Filter, context: FilterContext): CompiledFilter {
  const alternatives = filter.alternatives.map((terms) => terms.map((term) => compileTerm(term, context)));
  const terms = filter.alternatives.flat();
  const looksAtPending = terms.some(
    (term) => term.key === "is" && term.values.some((v) => normalState(v) === "pending"),
  );
  return {
    test: (chunk, index) =>
      (chunk.tags[index] & Tag.Cleared) === 0 &&
      (alternatives.length === 0 || alternatives.some((all) => all.every((test) => test(chunk, index)))),
    atEnd: !looksAtPending && terms.some((term) => term.kind.atEnd),
    looksAtPending,
  };
}

function compileTerm(term: Term, context: FilterContext): RowTest {
  const flip = term.negated !== (term.operator === "!=");
  const test = testOf(term, context);
  return flip ? (chunk, index) => !test(chunk, index) : test;
}

function testOf(term: Term, context: FilterContext): RowTest {
  switch (term.kind.name) {
    case "":
      return anywhere(term, context);
    case "is":
      return anyOf(term.values.map((value) => stateTest(normalState(value), context)));
    case "status":
      return anyOf(term.values.map((value) => statusTest(term, value)));
    case "proto":
      return protocolTest(nameTest(term));
    case "grpc":
      return numbers((chunk, i) => (chunk.grpcStatus[i] === 0 ? NaN : chunk.grpcStatus[i] - 1), term, Number);
    case "method":
      return words((chunk) => chunk.method, nameTest(term));
    case "path":
      return words((chunk) => chunk.path, pathTest(term));
    case "host":
      return words((chunk) => chunk.host, textTest(term));
    case "client":
      return words((chunk) => chunk.client, textTest(term));
    case "key":
    case "caller":
      return words((chunk) => chunk.caller, nameTest(term));
    case "dur":
      return numbers(
        (chunk, i) => (chunk.state[i] === RowStateCode.Pending ? NaN : chunk.duration[i]),
        term,
        durationOf,
      );
    case "size":
      return numbers((chunk, i) => chunk.responseBytes[i], term, sizeOf);
    case "attempt":
      return numbers((chunk, i) => chunk.attempts[i], term, Number);
    case "since":
      return sinceTest(term.values[0], context);
    case "jwt.":
      return claimTest(term);
    case "req.":
      return headerTest(term, context);
    case "trace":
      return traceTest(term, context);
    case "body":
      return bodyTest(term, context);
    default:
      return planTest(term, context);
  }
}

function anyOf(tests: readonly RowTest[]): RowTest {
  return tests.length === 1 ? tests[0] : (chunk, index) => tests.some((test) => test(chunk, index));
}

// ---- Words -----------------------------------------------------------------------------------------------------

type TextTest = (text: string) => boolean;

function words(column: (chunk: Chunk) => Uint16Array, test: TextTest): RowTest {
  const known = new Uint8Array(65_536);
  let current: Chunk | undefined;
  return (chunk, index) => {
    if (chunk !== current) {
      known.fill(0);
      current = chunk;
    }
    const word = column(chunk)[index];
    // Word 0 stands for "absent" while a request is pending and for "none" after: never remembered.
    if (known[word] === 0 || word === 0) known[word] = test(chunk.words[word]) ? 2 : 1;
    return known[word] === 2;
  };
}

/** Whole text, case-insensitive; "*" stands for anything. */
function nameTest(term: Term): TextTest {
  return textOr(term, (value) => (value.includes("*") ? globTest(value) : equalTest(value)));
}

/** Contained, case-insensitive; with "*" the whole text; with "=" the whole text. */
function textTest(term: Term): TextTest {
  const whole = term.operator === "=" || term.operator === "!=";
  return textOr(term, (value) => {
    if (value.includes("*")) return globTest(value);
    return whole ? equalTest(value) : containTest(value);
  });
}

/** As text, but "=" and globs look at the path without its query when the value has none. */
function pathTest(term: Term): TextTest {
  const test = textTest(term);
  if (term.operator === "~" || term.values.some((value) => value.includes("?"))) return test;
  const whole = term.operator !== ":" || term.values.some((value) => value.includes("*"));
  return whole ? (text) => test(withoutQuery(text)) : test;
}

function withoutQuery(target: string): string {
  const mark = target.indexOf("?");
  return mark === -1 ? target : target.slice(0, mark);
}

function textOr(term: Term, make: (value: string) => TextTest): TextTest {
  if (term.operator === "~") {
    const pattern = compilePattern(term.values[0]);
    return typeof pattern === "string" ? () => false : pattern;
  }
  const tests = term.values.map(make);
  return tests.length === 1 ? tests[0] : (text) => tests.some((test) => test(text));
}

function equalTest(value: string): TextTest {
  const wanted = value.toLowerCase();
  return (text) => text.length === wanted.length && text.toLowerCase() === wanted;
}

function containTest(value: string): TextTest {
  const wanted = value.toLowerCase();
  return (text) => text.toLowerCase().includes(wanted);
}

/** Greedy from left to right, which is right for "*" alone and takes no more than one pass per part. */
function globTest(value: string): TextTest {
  const parts = value.toLowerCase().split("*");
  const first = parts[0];
  const last = parts[parts.length - 1];
  return (text) => {
    const low = text.toLowerCase();
    if (!low.startsWith(first)) return false;
    let at = first.length;
    for (const part of parts.slice(1, -1)) {
      const found = low.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return low.length - last.length >= at && low.endsWith(last);
  };
}

// ---- Numbers ---------------------------------------------------------------------------------------------------

function numbers(read: RowNumber, term: Term, parse: (value: string) => number | undefined): RowTest {
  return anyOf(
    term.values.map((value) => {
      const than = parse(value) ?? NaN;
      return (chunk, index) => compare(read(chunk, index), term.operator, than);
    }),
  );
}

type RowNumber = (chunk: Chunk, index: number) => number;

function compare(value: number, operator: Term["operator"], than: number): boolean {
  switch (operator) {
    case ">":
      return value > than;
    case ">=":
      return value >= than;
    case "<":
      return value < than;
    case "<=":
      return value <= than;
    default:
      return value === than;
  }
}

function statusTest(term: Term, value: string): RowTest {
  if (/xx$/i.test(value)) {
    const hundred = Number(value[0]);
    return (chunk, index) => Math.floor(chunk.status[index] / 100) === hundred;
  }
  const than = Number(value);
  return (chunk, index) => chunk.status[index] !== 0 && compare(chunk.status[index], term.operator, than);
}

function sinceTest(value: string, context: FilterContext): RowTest {
  if (value.toLowerCase() === "save") return (chunk, index) => chunk.at[index] >= context.savedAt();
  // The line stays where it was when the filter was set, so that a row once shown does not slip away.
  const from = context.wallClock() - (durationOf(value) ?? 0);
  return (chunk, index) => chunk.at[index] >= from;
}

function inState(code: number): RowTest {
  return (chunk, index) => chunk.state[index] === code;
}

function tagged(tag: number): RowTest {
  return (chunk, index) => (chunk.tags[index] & tag) !== 0;
}

/** A row speaks several: a gRPC call is HTTP/2, too. */
function protocolTest(test: TextTest): RowTest {
  const [h1, h2, grpc, websocket] = ["http/1.1", "h2", "grpc", "websocket"].map(test);
  const layer4 = words((chunk) => chunk.protocol, test);
  return (chunk, index) => {
    if (chunk.protocol[index] !== 0) return layer4(chunk, index);
    const tags = chunk.tags[index];
    if (tags & Tag.Upgraded && websocket) return true;
    if (tags & Tag.Grpc && grpc) return true;
    return tags & (Tag.Http2 | Tag.Grpc) ? h2 : h1;
  };
}

function stateTest(state: string, context: FilterContext): RowTest {
  switch (state) {
    case "pending":
      return inState(RowStateCode.Pending);
    case "ok":
      return inState(RowStateCode.Ok);
    case "client-error":
      return inState(RowStateCode.ClientError);
    case "upstream-error":
      return inState(RowStateCode.UpstreamError);
    case "rejected":
      return inState(RowStateCode.Rejected);
    case "aborted":
      return inState(RowStateCode.Aborted);
    case "error":
      return (chunk, index) => chunk.state[index] > RowStateCode.Ok;
    case "forwarded":
      return (chunk, index) => chunk.attempts[index] > 0;
    case "retried":
      return tagged(Tag.Retried);
    case "hedged":
      return tagged(Tag.Hedged);
    case "mirror":
      return tagged(Tag.Mirror);
    case "replay":
      return tagged(Tag.Replay);
    case "mock":
      return tagged(Tag.Mock);
    case "websocket":
      return tagged(Tag.Upgraded);
    case "grpc":
      return tagged(Tag.Grpc);
    case "shadow":
      return tagged(Tag.Shadow);
    case "simulated":
      return tagged(Tag.Simulated);
    case "pinned":
      return tagged(Tag.Pinned);
    case "imported":
      return tagged(Tag.Imported);
    case "changed":
      return (chunk, index) => context.changed?.(chunk.idOf(index)) === true;
    case "bypassed":
      return tagged(Tag.Bypassed);
    default:
      return (chunk, index) =>
        chunk.state[index] !== RowStateCode.Pending && !context.recorder.payloads.has(chunk.segment[index]);
  }
}

// ---- Names of the plan that judged the row ------------------------------------------------------------------------

/** Route, service, replica and policy stand as numbers in the row: each distinct number is looked up once. */
function planTest(term: Term, context: FilterContext): RowTest {
  const { key, names } = planNames(term.key);
  return planLookup(key, names, nameTest(term), context);
}

interface PlanNames {
  key: RowNumber;
  names(plan: NamedParts, chunk: Chunk, index: number): readonly string[];
}

function planNames(key: string): PlanNames {
  switch (key) {
    case "route":
      return { key: (c, i) => c.route[i] + 1, names: (plan, c, i) => some(plan.routes[c.route[i]]?.name) };
    case "service":
      return { key: (c, i) => c.service[i] + 1, names: (plan, c, i) => some(plan.services[c.service[i]]?.name) };
    case "replica":
      return { key: (c, i) => (c.service[i] + 1) * 64 + c.endpoint[i] + 1, names: replicaNames };
    default:
      return {
        key: (c, i) => c.step[i] + 1,
        names: (plan, c, i) => {
          const step = plan.steps[c.step[i]];
          return step === undefined ? [] : [step.name, step.kind];
        },
      };
  }
}

/** ":4002", "4002", "orders:4002", "orders-2" and the url all name the second replica of orders. */
function replicaNames(plan: NamedParts, chunk: Chunk, index: number): readonly string[] {
  const service = plan.services[chunk.service[index]];
  const endpoint = service?.endpoints[chunk.endpoint[index]];
  if (endpoint === undefined) return [];
  const { label, port, url } = endpoint;
  return [label, String(port), `${service.name}${label}`, `${service.name}-${endpoint.index + 1}`, url];
}

function some(name: string | undefined): readonly string[] {
  return name === undefined ? [] : [name];
}

/** The bare word. */
function anywhere(term: Term, context: FilterContext): RowTest {
  const test = textTest(term);
  const columns = [
    (chunk: Chunk) => chunk.path,
    (chunk: Chunk) => chunk.method,
    (chunk: Chunk) => chunk.host,
    (chunk: Chunk) => chunk.caller,
  ];
  const named = ["route", "service", "policy"].map((key) => {
    const { key: number, names } = planNames(key);
    return planLookup(number, names, test, context);
  });
  const tests = [...columns.map((column) => words(column, test)), ...named];
  if (term.operator !== "~" && term.values.every((value) => /^\d{3}$/.test(value)))
    tests.push(anyOf(term.values.map((value) => (chunk, index) => chunk.status[index] === Number(value))));
  return (chunk, index) => tests.some((each) => each(chunk, index));
}

function planLookup(key: RowNumber, names: PlanNames["names"], test: TextTest, context: FilterContext): RowTest {
  const known = new Map<number, boolean>();
  return (chunk, index) => {
    const number = chunk.revision[index] * 2 ** 32 + key(chunk, index);
    let found = known.get(number);
    if (found === undefined) {
      const revision = chunk.revision[index];
      const plan: NamedParts | undefined =
        revision === IMPORTED_REVISION ? context.imported : context.recorder.plans.get(revision)?.plan;
      found = plan !== undefined && names(plan, chunk, index).some(test);
      known.set(number, found);
    }
    return found;
  };
}

// ---- Heads, bodies, claims -----------------------------------------------------------------------------------------

function headerTest(term: Term, context: FilterContext): RowTest {
  const name = term.key.slice("req.".length);
  const test = textTest(term);
  return (chunk, index) => {
    const head = context.recorder.payloads.requestHead(chunk.segment[index], chunk.offset[index]);
    const value = head === undefined ? undefined : fieldOf(head, name);
    return value !== undefined && test(value);
  };
}

function bodyTest(term: Term, context: FilterContext): RowTest {
  const test = textTest({ ...term, operator: term.operator === "=" ? ":" : term.operator });
  return (chunk, index) =>
    context.recorder.payloads
      .bodies(chunk.segment[index], chunk.offset[index])
      .some((body) => body.length > 0 && test(body.toString("utf8")));
}

function traceTest(term: Term, { recorder }: FilterContext): RowTest {
  const test = nameTest(term);
  return (chunk, index) => {
    const traceId = traceIdOf(recorder, { chunk, index });
    return traceId !== undefined && test(traceId);
  };
}

function claimTest(term: Term): RowTest {
  const path = term.key.slice("jwt.".length).split(".");
  const test = nameTest(term);
  const known = new Map<unknown, boolean>();
  return (chunk, index) => {
    const claims = chunk.objects[chunk.claimsOf(index)];
    if (claims === undefined) return false;
    let found = known.get(claims);
    if (found === undefined) {
      found = claimValues(claims, path).some(test);
      known.set(claims, found);
    }
    return found;
  };
}

/** The claim's texts: names go case-insensitively, a list gives each entry, a spaced string each word too. */
function claimValues(claims: unknown, path: readonly string[]): readonly string[] {
  let value = claims;
  for (const name of path) {
    if (typeof value !== "object" || value === null) return [];
    const found = Object.entries(value).find(([key]) => key.toLowerCase() === name);
    value = found?.[1];
  }
  const list = Array.isArray(value) ? value : [value];
  return list
    .filter((entry) => entry !== undefined && typeof entry !== "object")
    .flatMap((entry) => {
      const text = String(entry);
      return text.includes(" ") ? [text, ...text.split(" ")] : [text];
    });
}
