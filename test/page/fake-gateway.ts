/**
 * A gateway that never listens: answers the contract from made-up traffic, so that the page can be developed and
 * tested without one. Its limits, services and traffic change only when told to.
 * Must not be bundled into the product.
 */
import type { SeriesView, AnalyticsView, AnalyticsWindow } from "../../src/contract/analytics.ts";
import type { CachesView } from "../../src/contract/caches.ts";
import type { GatewayFunctions, Topics, WatcherFunctions } from "../../src/contract/calls.ts";
import type { Detail } from "../../src/contract/detail.ts";
import type { FilterVerdict, Suggestion } from "../../src/contract/filter.ts";
import type { BucketChange, BucketUndo, FrozenBucket, LimitsView } from "../../src/contract/limits.ts";
import type { MintResult, MintWish } from "../../src/contract/minting.ts";
import type { PolicyStatus } from "../../src/contract/policy.ts";
import type { DraftResult, SendResult } from "../../src/contract/sending.ts";
import type { AdminState, ServicesView, Simulation, SimulationView } from "../../src/contract/services.ts";
import type { GatewayStatus, Hello } from "../../src/contract/status.ts";
import type {
  ClearedRequests,
  HarExport,
  ImportResult,
  PinResult,
  Row,
  TrafficCounts,
  TrafficDelta,
  TrafficQuery,
  TrafficSort,
  TrafficWindow,
} from "../../src/contract/traffic.ts";
import type { PassingFix, WhatIfResult } from "../../src/contract/what-if.ts";
import { line, makeDetail, makeRow, NOON } from "./made-up-traffic.ts";

const KEYS = ["is", "route", "status", "method", "path", "policy", "key", "replica"];

type Test = (row: Row) => boolean;

/** A small part of the real filter language: enough to test the box. undefined = cannot be read. */
export function readFilter(filter: string): { test: Test } | { problem: string; start: number; end: number } {
  const tests: Test[] = [];
  for (const match of filter.matchAll(/\S+/gu)) {
    const [term] = match;
    const parts = /^(-?)(\w+)(:|>=)(.+)$/u.exec(term);
    if (parts === null) {
      if (/^\w+[:>]/u.test(term))
        return { problem: `"${term}" has no value`, start: match.index, end: match.index + term.length };
      tests.push((row) => row.path.includes(term));
      continue;
    }
    const [, minus, key = "", relation, value = ""] = parts;
    if (!KEYS.includes(key))
      return { problem: `unknown key "${key}"`, start: match.index, end: match.index + key.length };
    const test = termTest(key, relation === ">=", value);
    tests.push(minus === "-" ? (row) => !test(row) : test);
  }
  return { test: (row) => tests.every((test) => test(row)) };
}

function termTest(key: string, atLeast: boolean, value: string): Test {
  if (key === "is") return (row) => row.state === value || row.tags.includes(value);
  if (key === "status") return (row) => (atLeast ? row.status >= Number(value) : String(row.status) === value);
  if (key === "path") return (row) => row.path.startsWith(value.replaceAll(/["*]/gu, ""));
  if (key === "method") return (row) => row.method === value;
  if (key === "key") return (row) => row.caller === value;
  if (key === "replica") return (row) => row.endpoint === value;
  return (row) => row[key as "route" | "policy"] === value;
}

const endpoint = (
  index: number,
  health: "up" | "ejected" | "down",
  share: number,
): ServicesView["services"][0]["endpoints"][0] => ({
  index,
  label: `:400${index + 1}`,
  url: `http://localhost:400${index + 1}`,
  health,
  sentence:
    health === "up"
      ? "up"
      : health === "ejected"
        ? "ejected, back in 18 s after 5 failures"
        : "down: connection refused",
  inFlight: health === "up" ? 3 + index : 0,
  weight: 1,
  latency: health === "up" ? 38 + index : -1,
  perSecond: share * 12,
  share,
  location: line(12 + index),
});

export class FakeGateway implements GatewayFunctions {
  readonly rowsAll: Row[] = [];
  topics: Topics = {};
  watches = 0;
  asked: TrafficQuery[] = [];
  sorts: TrafficSort[] = [];
  sorted: { key: string; at: number; end: number; ids: number[] } | undefined;
  /** Has left the ring since it was sorted. */
  lost = 0;
  pinned: number[] = [];
  imported: string[] = [];
  resets: string[] = [];
  frozen: FrozenBucket[] = [];
  readonly #undos: (() => void)[] = [];
  acts: string[] = [];
  simulations: readonly SimulationView[] = [];
  revealed = 0;
  recording = true;
  dropped = 0;
  generation = "g1";
  invalid = false;
  version = 1;
  /** Where events go; replaced by whoever connects the page. */
  tell: Partial<WatcherFunctions> = {};
  #seq = 0;
  #newest: number;
  #left = new Map([
    ["alice", 0],
    ["bob", 42],
    ["ci", 59],
    ["dave", 6.5],
    ["erin", 60],
  ]);

  constructor(count: number) {
    this.#newest = count;
    for (let id = 1; id <= count; id += 1) this.rowsAll.push(makeRow(id, count));
  }

  get #matched(): Row[] {
    return this.#match(this.topics.traffic?.filter ?? "");
  }

  #match(filter: string): Row[] {
    const read = readFilter(filter);
    return filter === "" || !("test" in read) ? this.rowsAll : this.rowsAll.filter(read.test);
  }

  #counts(matched: number): TrafficCounts {
    return {
      stamp: { generation: this.generation, seq: this.#seq },
      total: this.rowsAll.length,
      matched,
      first: 0,
      dropped: this.dropped,
      recording: this.recording,
      perSecond: 12.4,
      rejectedShare: 0.021,
      p95: 38,
    };
  }

  /** `count` more requests arrive. */
  add(count: number): void {
    const before = this.#matched.length;
    for (let k = 0; k < count; k += 1) this.rowsAll.push(makeRow(this.rowsAll.length + 1, this.#newest));
    const matched = this.#matched;
    const from = Math.max(before, matched.length - 100);
    this.#send(matched.length, matched.slice(from), from);
  }

  /** A pending request ends, or any other row changes. */
  change(row: Row): void {
    this.rowsAll[this.rowsAll.findIndex(({ id }) => id === row.id)] = row;
    this.#send(this.#matched.length, [], 0, [row]);
  }

  /** The next delta is lost on the way. */
  loseOne(count: number): void {
    for (let k = 0; k < count; k += 1) this.rowsAll.push(makeRow(this.rowsAll.length + 1, this.#newest));
    this.#seq += 1;
  }

  #send(matched: number, appended: readonly Row[], appendedAt: number, changed: readonly Row[] = []): void {
    if (this.topics.traffic === undefined) return;
    this.#seq += 1;
    const delta: TrafficDelta = { ...this.#counts(matched), appended, appendedAt, changed };
    this.tell.traffic?.(delta);
  }

  hello(): Hello {
    return { version: this.version, generation: this.generation, status: this.status() };
  }

  watch(topics: Topics): void {
    this.watches += 1;
    this.topics = topics;
  }

  parseFilter(filter: string): FilterVerdict {
    const read = readFilter(filter);
    if ("test" in read)
      return { ok: true, description: filter === "" ? "" : `requests where ${filter.replaceAll(":", " is ")}` };
    return { ok: false, description: "", problem: { message: read.problem, start: read.start, end: read.end } };
  }

  suggest(filter: string, caret: number): Suggestion[] {
    const start = filter.lastIndexOf(" ", caret - 1) + 1;
    const typed = filter.slice(start, caret);
    const values = [
      "is:rejected",
      "is:ok",
      "is:retried",
      "route:orders",
      "route:catalog",
      "policy:per-user",
      "status>=500",
      "key:alice",
    ];
    return values
      .filter((value) => value.startsWith(typed) && value !== typed)
      .map((value) => ({ insert: value, start, end: caret, label: value, count: this.#match(value).length }));
  }

  rows({ filter, from, count, sort }: TrafficQuery): TrafficWindow {
    this.asked.push({ filter, from, count });
    const matched = this.#match(filter);
    if (sort !== undefined) return this.#sortedRows(matched, from, count, sort);
    const first = Math.max(0, from < 0 ? matched.length + from : from);
    return { ...this.#counts(matched.length), from: first, rows: matched.slice(first, first + count) };
  }

  #sortedRows(matched: readonly Row[], from: number, count: number, sort: TrafficSort): TrafficWindow {
    const key = JSON.stringify(sort);
    if (this.sorted?.key !== key) {
      this.sorts.push(sort);
      const field = { status: "status", path: "path" }[sort.by as string] ?? "duration";
      const ids = matched
        .toSorted((a, b) => {
          const [one, other] = [a[field as "duration"], b[field as "duration"]];
          if (one === other) return a.id - b.id;
          return one < other === sort.descending ? 1 : -1;
        })
        .map(({ id }) => id);
      this.sorted = { key, at: NOON + this.sorts.length, end: matched.length, ids };
    }
    const { at, end, ids } = this.sorted;
    const rows = ids.slice(from, from + count).map((id) => (id === this.lost ? undefined : this.#rowOf(id)));
    return {
      ...this.#counts(matched.length),
      from,
      rows: rows.filter((row) => row !== undefined),
      sorted: { at, end, count: ids.length, gaps: rows.flatMap((row, k) => (row === undefined ? [from + k] : [])) },
    };
  }

  #rowOf(id: number): Row | undefined {
    const likely = this.rowsAll[id - 1];
    return likely?.id === id ? likely : this.rowsAll.find((row) => row.id === id);
  }

  pin(id: number, on: boolean): PinResult {
    const row = this.#rowOf(id);
    if (row === undefined || row.path.startsWith("/admin"))
      return { kind: "refused", message: "200 requests are pinned, and more are not kept." };
    this.pinned = on ? [...this.pinned, id] : this.pinned.filter((one) => one !== id);
    const tags = row.tags.filter((tag) => tag !== "pinned");
    this.change({ ...row, tags: on ? [...tags, "pinned"] : tags });
    return { kind: on ? "pinned" : "unpinned", count: this.pinned.length, most: 200 };
  }

  clearFiltered(filter: string): ClearedRequests {
    const gone = new Set(this.#match(filter));
    const pinned = [...gone].filter((row) => row.tags.includes("pinned"));
    const kept = this.rowsAll.filter((row) => !gone.has(row) || row.tags.includes("pinned"));
    this.rowsAll.splice(0, Infinity, ...kept);
    return { cleared: gone.size - pinned.length, pinned: pinned.length, pending: 0 };
  }

  importRequests(archive: string, first: number, entries: readonly unknown[]): ImportResult {
    this.imported.push(`${archive} ${first} ${entries.length}`);
    const made = entries.map((_entry, k) => ({
      ...makeRow(k + 1, 96),
      id: -2 - first - k,
      archive,
      tags: ["imported"],
    }));
    this.rowsAll.unshift(...made);
    return { imported: made.length, skipped: 0, problems: [] };
  }

  detail(id: number, reveal: boolean): Detail | undefined {
    if (reveal) this.revealed += 1;
    const row = this.#rowOf(id);
    if (row === undefined) return undefined;
    const { archive } = row;
    const made = makeDetail(row, reveal);
    return archive === undefined ? made : { ...made, imported: { archive, decided: true } };
  }

  lastRejection(): Detail | undefined {
    const row = this.rowsAll.findLast((one) => one.state === "rejected");
    return row === undefined ? undefined : makeDetail(row, false);
  }

  exportHar(filter: string): HarExport {
    const count = this.#match(filter).length;
    return { text: JSON.stringify({ log: { version: "1.2", entries: [] } }), count, matched: count };
  }

  /** A new row like the old one; /orders/77 was not kept whole. */
  replayRequest(id: number): SendResult {
    const row = this.rowsAll[id - 1]!;
    this.acts.push(`replay ${row.method} ${id}`);
    if (row.path.startsWith("/orders/77")) return { kind: "refused", message: "Its head was not kept whole." };
    this.add(1);
    const next = this.rowsAll.at(-1)!;
    this.change({ ...row, id: next.id, tags: ["replay"] });
    return { kind: "sent", id: next.id, status: row.status };
  }

  requestDraft(id: number): DraftResult {
    const { method, path } = this.rowsAll[id - 1]!;
    return { kind: "draft", text: `# Sent as it stands.\n${method} ${path} HTTP/1.1\nHost: shop.test\n\n` };
  }

  sendDraft(id: number, text: string): SendResult {
    this.acts.push(text);
    if (!text.includes("Host: shop.test")) return { kind: "invalid", line: 3, message: "It has no Host." };
    return this.replayRequest(id);
  }

  /** Asks once who it is for. */
  mintToken({ target, given }: MintWish): MintResult {
    const { sub } = given;
    if (sub === undefined)
      return { kind: "asks", questions: [{ claim: "sub", prompt: "Who it is for", value: "dev" }] };
    this.acts.push(`mint ${"id" in target ? target.id : target.url} for ${sub}`);
    const made = { token: "e30.e30.c2ln", field: "Authorization", value: "Bearer e30.e30.c2ln", claims: { sub } };
    return { kind: "minted", ...made, expires: NOON, key: "dev-key.json", policies: ["user-jwt"] };
  }

  services(): ServicesView {
    return {
      stamp: { generation: this.generation, seq: 0 },
      at: NOON,
      services: [
        {
          name: "orders",
          algorithm: "LeastRequest",
          healthy: 2,
          total: 3,
          perSecond: 12,
          endpoints: [endpoint(0, "ejected", 0.02), endpoint(1, "up", 0.52), endpoint(2, "up", 0.46)],
          location: line(10),
        },
        {
          name: "catalog",
          algorithm: "RoundRobin",
          scale: 1,
          healthy: 1,
          total: 1,
          perSecond: 3.1,
          endpoints: [endpoint(3, "up", 1)],
          location: line(18),
        },
        {
          name: "reviews",
          algorithm: "Random",
          healthy: 0,
          total: 1,
          perSecond: 0,
          endpoints: [endpoint(4, "down", 0)],
        },
      ],
      routes: [
        {
          name: "orders",
          summary: "GET POST /orders",
          perSecond: 12,
          rejectedShare: 0.021,
          total: 81_204,
          location: line(31),
        },
        { name: "catalog", summary: "/catalog", perSecond: 3.1, rejectedShare: 0, total: 15_000, location: line(52) },
      ],
    };
  }

  analytics(window: AnalyticsWindow): AnalyticsView {
    const series = (kind: SeriesView["kind"], name: string, requests: number): SeriesView => ({
      kind,
      name,
      requests: window === "1m" ? requests : requests * 10,
      perSecond: requests / 60,
      errorShare: name === "orders" ? 0.012 : 0,
      rejectedShare: name === "orders" ? 0.2 : 0,
      p50: 4.2,
      p95: 31,
      p99: 184,
      bytesIn: 20_480,
      bytesOut: 3_145_728,
      history: window === "1m" ? [0, 4, 9, 3, 8, 6] : Array.from({ length: 15 }, (_, i) => i),
    });
    return {
      stamp: { generation: this.generation, seq: 0 },
      at: Date.now(),
      window,
      seconds: 60,
      oneIn: 64,
      series: [
        series("gateway", "everything", 720),
        series("route", "orders", 600),
        series("route", "catalog", 120),
        series("service", "orders", 480),
        series("consumer", "<b>alice</b>", 90),
      ],
      policies: [
        {
          identity: "route/orders/rateLimit/per-user",
          name: "per-user",
          kind: "rateLimit",
          owner: "route/orders",
          judged: 81_204,
          refused: 1700,
          shadowed: 3,
          samples: 1268,
          micros: 0.84,
          microsP95: 2.1,
          location: line(33),
        },
      ],
    };
  }

  limits(search: string, count: number): LimitsView {
    const keys = [...this.#left]
      .filter(([key]) => key.includes(search))
      .toSorted((a, b) => a[1] - b[1])
      .slice(0, count)
      .map(([key, left]) => ({
        key,
        left,
        capacity: 60,
        nextIn: left >= 1 ? 0 : (1 - left) * 1000,
        fullIn: (60 - left) * 1000,
        rejected: key === "alice" ? 14 : key === "bob" ? 4 : 0,
        ...(this.frozen.some((one) => one.key === key) && { frozen: true }),
      }));
    return {
      stamp: { generation: this.generation, seq: 0 },
      at: Date.now(),
      limits: [
        {
          identity: "route/orders/rateLimit/per-user",
          name: "per-user",
          owner: "route orders",
          algorithm: "tokenBucket",
          text: "60 per 1m by jwt.sub",
          capacity: 60,
          perSecond: 1,
          adjustable: true,
          keys,
          keyCount: 41,
          emptyCount: keys.filter((key) => key.left < 1).length,
          location: line(41),
        },
      ],
    };
  }

  setAdmin(service: string, url: string, admin: AdminState): void {
    this.acts.push(`${admin} ${service} ${url}`);
  }

  simulate(service: string, url: string, simulation: Simulation | null): void {
    const label = new URL(url).port;
    this.simulations = simulation === null ? [] : [{ service, url, label: `:${label}`, simulation, words: "down" }];
  }

  clearSimulations(): void {
    this.simulations = [];
  }

  /** As if somebody typed: every refused request would pass, and the newest that went well would not. */
  preview(): void {
    const total = this.rowsAll.length;
    const assumptions = ["clients would not have retried differently"];
    const newest = this.rowsAll.findLastIndex(({ state }) => state === "ok");
    let admitted = 0;
    for (const [index, row] of this.rowsAll.entries()) {
      if (row.state !== "rejected" && index !== newest) continue;
      const rejected = row.state !== "rejected";
      if (!rejected) admitted += 1;
      const whatIf = rejected
        ? { change: "rejected" as const, before: row.status, after: 429, why: "per-user 0 of 40", assumed: false }
        : { change: "admitted" as const, before: row.status, after: 0, why: "least request 0 = 0", assumed: true };
      this.rowsAll[index] = { ...row, tags: [...row.tags, "changed"], whatIf };
    }
    const same = total - admitted - 1;
    const view = { total, rejected: 1, admitted, elsewhere: 0, unknown: 0, same, assumptions, milliseconds: 8 };
    this.tell.whatIfChanged?.(view);
  }

  whatIf(): WhatIfResult {
    return { kind: "nothing" };
  }

  endWhatIf(): void {
    this.tell.whatIfChanged?.(null);
  }

  prepareWhatIf(): void {}

  passingFixes(): PassingFix[] {
    const view = {
      total: 96,
      rejected: 0,
      admitted: 3,
      elsewhere: 0,
      unknown: 0,
      same: 93,
      assumptions: [],
      milliseconds: 8,
    };
    return [
      {
        title: "Smallest passing limit: 74 per 1m",
        line: 41,
        edits: [{ offset: 9, endOffset: 11, newText: "74" }],
        view,
      },
    ];
  }

  scale(service: string, replicas: number): void {
    this.acts.push(`scale ${service} ${replicas}`);
  }

  replicaLog(service: string, url: string): string {
    return `the log of ${service} ${url}`;
  }

  caches(): CachesView {
    const entries = [
      {
        url: "http://shop.test/catalog/1",
        state: "fresh" as const,
        sentence: "12 s old, fresh for 60 s (max-age)",
        status: 200,
        size: 900,
        hits: 4,
        selectors: [],
      },
    ];
    const numbers = { bytes: 900, maxSize: 65_536, count: entries.length, hits: 4, misses: 1 };
    return { at: Date.now(), caches: [{ identity: "route/catalog", owner: "route catalog", ...numbers, entries }] };
  }

  purgeCache(identity: string, prefix: string): number {
    this.resets.push(`purge ${identity} ${prefix}`);
    return 1;
  }

  changeBucket(identity: string, key: string, change: BucketChange): BucketUndo {
    const before = { left: this.#left.get(key) ?? 60, frozen: [...this.frozen] };
    this.resets.push(`${change.kind} ${identity} ${key}`);
    if (change.kind === "reset") this.#left.set(key, 60);
    else if (change.kind === "set") this.#left.set(key, change.left);
    else if (change.kind === "freeze") this.frozen.push({ identity, key, name: "per-user" });
    else this.frozen = this.frozen.filter((one) => one.key !== key);
    this.#undos.push(() => {
      this.#left.set(key, before.left);
      this.frozen = before.frozen;
    });
    return { token: this.#undos.length - 1, until: Date.now() + 10_000, undoable: true };
  }

  undoBucket(token: number): void {
    this.#undos[token]();
  }

  status(): GatewayStatus {
    const policy: PolicyStatus = {
      file: "switchyard.yaml",
      revision: 14,
      acceptedAt: NOON - 200_000,
      invalid: this.invalid,
      diagnostics: this.invalid
        ? [
            {
              code: "SY101",
              severity: "error",
              message: `Unknown key "requets"; did you mean "requests"?`,
              location: line(41),
              endLine: 41,
              endColumn: 12,
            },
          ]
        : [],
    };
    return {
      stamp: { generation: this.generation, seq: 0 },
      state: "running",
      listeners: [{ name: "edge", url: "http://localhost:8080", port: 8080 }],
      policy,
      perSecond: 12.4,
      rejected: 3,
      unhealthy: ["orders 2/3"],
      simulations: this.simulations,
      frozen: this.frozen,
      processId: 4121,
    };
  }

  policyText(): { text: string; revision: number } {
    return { text: "version: 1\n", revision: 14 };
  }

  propose(): { kind: "accepted"; revision: number; diagnostics: [] } {
    return { kind: "accepted", revision: 15, diagnostics: [] };
  }

  explain(): Detail {
    return makeDetail(makeRow(1, 1), false);
  }

  clearTraffic(): void {
    this.rowsAll.length = 0;
  }

  setRecording(on: boolean): void {
    this.recording = on;
  }

  stop(): void {}
}
