/**
 * What people do to the list of requests, over a real recorder: pins that outlive the ring, requests taken out, archives,
 * and an order that others wait for. Must not open a socket.
 */
import assert from "node:assert/strict";
import { importArchive, importWords, readArchive } from "../../contract/archive.ts";
import type { Row, SortKey } from "../../contract/traffic.ts";
import { detailOf } from "../record/detail.ts";
import { harEntryOf, harText } from "../record/har.ts";
import { MOST_IMPORTED } from "../record/imports.ts";
import { Mask } from "../record/mask.ts";
import { MOST_PIN_BYTES, MOST_PINS } from "../record/pins.ts";
import { Recorder } from "../record/recorder.ts";
import { begin, planOf, POLICY, record } from "../record/recording.fixture.ts";
import { RowMaker } from "../record/row.ts";
import { recordedRequest } from "../resend/recorded.ts";
import { TrafficFeed } from "./traffic-feed.ts";
import { TrafficLists } from "./traffic-lists.ts";

const plan = planOf(POLICY);
const mask = Mask.of([plan]);

function scene(options: Partial<ConstructorParameters<typeof Recorder>[0]> = {}) {
  const recorder = new Recorder({ now: () => 2000, ...options });
  recorder.plans.add(1, plan, 0);
  const rows = new RowMaker(recorder, () => mask);
  const marked: number[] = [];
  const lists = new TrafficLists({
    recorder,
    rows,
    mask: () => mask,
    wallClock: () => 0,
    savedAt: () => 0,
    marked: (ids) => {
      marked.push(...ids);
      feed.refresh(ids);
    },
  });
  const row = (id: number): Row | undefined => lists.importedRow(id) ?? rows.row(id);
  const feed = new TrafficFeed({
    generation: "g",
    lists,
    row,
    openView: (filter) => lists.openView(filter),
    counts: () => ({ ...lists.counts, recording: true, perSecond: 0, rejectedShare: 0, p95: -1 }),
  });
  const detail = (id: number, reveal = false) =>
    id < 0 ? lists.importedDetail(id) : detailOf({ recorder, rows, mask, port: () => 8080 }, id, reveal);
  const found = (filter: string): number[] => feed.rows({ filter, from: 0, count: 500 }).rows.map(({ id }) => id);
  return { recorder, rows, lists, feed, detail, found, marked };
}

/** So many that the ring lets go of what came before. */
function fill(recorder: Recorder, count = 4 * 4096): void {
  for (let n = 0; n < count; n++) record(recorder, { path: "/orders/filler" });
}

describe("a pinned request", () => {
  it("keeps its row, decision, heads and bodies when the ring lets go of it", () => {
    const { recorder, lists, detail, found, marked } = scene({ rows: 4096 });
    recorder.plans.add(2, plan, 0);
    const secret = ["Authorization: Bearer very-secret-token"];
    const id = record(recorder, {
      method: "POST",
      path: "/orders/77",
      query: "page=2",
      caller: "alice",
      fields: secret,
      requestBody: "ten apples",
      responseBody: "thank you",
    });
    const before = detail(id);
    assert.deepEqual(lists.pin(id, true), { kind: "pinned", count: 1, most: MOST_PINS });
    assert.deepEqual(marked, [id]);
    fill(recorder);
    assert.ok(recorder.first > id);
    const after = detail(id);
    assert.deepEqual(after?.row, { ...before?.row, tags: ["pinned"] });
    assert.deepEqual({ ...after, row: 0 }, { ...before, row: 0 });
    assert.match(JSON.stringify(detail(id, true)), /very-secret-token/);
    assert.doesNotMatch(JSON.stringify(after), /very-secret-token/);
    assert.deepEqual(found("is:pinned"), [id]);
    assert.deepEqual(found("path:/orders/77 key:alice route:orders replica::4002 body~apples"), [id]);
    assert.ok(typeof recordedRequest(recorder, id) === "object", "it can be sent again");
  });

  it("stands first in the list and is not counted as dropped", () => {
    const { recorder, lists, feed } = scene({ rows: 4096 });
    const id = record(recorder);
    lists.pin(id, true);
    fill(recorder);
    const window = feed.rows({ filter: "", from: 0, count: 2 });
    assert.deepEqual(
      window.rows.map((row) => row.id),
      [id, recorder.first],
    );
    assert.equal(window.total, recorder.total + 1);
    assert.equal(window.matched, window.total);
    assert.equal(window.dropped, recorder.first - 2);
    assert.deepEqual(lists.pin(id, false), { kind: "unpinned", count: 0, most: MOST_PINS });
    const later = feed.rows({ filter: "", from: 0, count: 2 });
    assert.equal(later.rows[0]?.id, recorder.first);
    assert.equal(later.dropped, recorder.first - 1);
  });

  it("tells a watcher that positions have moved, and moves none otherwise", () => {
    const { recorder, lists, feed } = scene({ rows: 4096 });
    const id = record(recorder);
    feed.watch("");
    record(recorder);
    const first = feed.delta();
    lists.pin(id, true);
    const marked = feed.delta();
    assert.deepEqual(
      marked?.changed.map((row) => [row.id, row.tags]),
      [[id, ["pinned"]]],
    );
    fill(recorder);
    const filled = feed.delta();
    assert.ok((filled?.stamp.seq ?? 0) > (marked?.stamp.seq ?? 0) + 1, "a gap: the list has another row in front");
    assert.equal(marked?.stamp.seq, (first?.stamp.seq ?? 0) + 1);
  });

  it("is let go as it was, and shows what the ring still has of it", () => {
    const { recorder, lists, detail, found } = scene();
    const id = record(recorder, { responseBody: "thank you" });
    lists.pin(id, true);
    lists.pin(id, false);
    assert.deepEqual(found("is:pinned"), []);
    assert.equal(detail(id)?.responseBody.size, 9);
    assert.equal(detail(id)?.responseBody.evicted, false);
    assert.deepEqual(lists.pin(id, false), { kind: "refused", message: "It is not pinned." });
  });

  it("is refused beyond a number and beyond a size, with both, and while it has not ended", () => {
    const { recorder, lists } = scene();
    const open = begin(recorder);
    assert.match(JSON.stringify(lists.pin(open.id, true)), /has not ended yet/);
    assert.match(JSON.stringify(lists.pin(99, true)), /no longer kept/);
    for (let n = 0; n < MOST_PINS; n++) assert.equal(lists.pin(record(recorder), true).kind, "pinned");
    assert.match(JSON.stringify(lists.pin(record(recorder), true)), /200 requests are pinned/);
    recorder.clear();
    const body = "x".repeat(60_000);
    let message = "";
    for (let n = 0; message === ""; n++) {
      const result = lists.pin(record(recorder, { requestBody: body, responseBody: body }), true);
      if (result.kind === "refused") ({ message } = result);
      assert.ok(n * 120_000 <= MOST_PIN_BYTES);
    }
    assert.match(message, /Pinned requests hold 1[56]\.\d of 16\.0 MiB, and this one has 0\.1 more/);
  });

  it("goes when everything is cleared", () => {
    const { recorder, lists, found } = scene({ rows: 4096 });
    lists.pin(record(recorder), true);
    fill(recorder);
    recorder.clear();
    assert.deepEqual(found(""), []);
    assert.deepEqual(lists.counts, { total: 0, dropped: 0 });
    assert.equal(recorder.plans.held.size, 0);
  });
});

describe("clearing what a filter shows", () => {
  it("takes those requests out of every list and count, and leaves pinned and pending ones", () => {
    const { recorder, lists, feed, detail, found } = scene();
    const health = Array.from({ length: 5 }, () => record(recorder, { path: "/health" }));
    const order = record(recorder, { path: "/orders/1" });
    begin(recorder, { path: "/health" });
    lists.pin(health[0], true);
    feed.watch("");
    assert.deepEqual(lists.clearFiltered("path:/health"), { cleared: 4, pinned: 1, pending: 1 });
    assert.deepEqual(found("").slice(0, 2), [health[0], order]);
    assert.deepEqual(found("path:/health"), [health[0], order + 1]);
    assert.equal(detail(health[1]), undefined);
    assert.deepEqual(lists.counts, { total: 3, dropped: 0 });
    const next = record(recorder, { path: "/orders/2" });
    assert.equal(found("").at(-1), next);
    assert.equal(lists.suggest("path:/heal", 10)[0]?.count, 2);
    assert.throws(() => lists.clearFiltered("statsu:1"), /Did you mean/);
  });

  it("does not count them as dropped when the ring reaches them", () => {
    const { recorder, lists } = scene({ rows: 4096 });
    for (let n = 0; n < 10; n++) record(recorder, { path: "/health" });
    lists.clearFiltered("path:/health");
    fill(recorder);
    assert.equal(lists.counts.dropped, recorder.first - 1 - 10);
    assert.equal(lists.counts.total, recorder.total);
  });
});

describe("a sorted list", () => {
  const sorted = async (by: SortKey, descending: boolean, run = 1) => {
    const { recorder, feed } = made;
    const window = await feed.sortedRows({ filter: "", from: 0, count: 500 }, { by, descending, run });
    assert.equal(window.sorted?.end, feed.rows({ filter: "", from: 0, count: 1 }).from + recorder.total);
    return window.rows.map((row) => row.id);
  };
  let made: ReturnType<typeof scene>;

  beforeEach(() => {
    made = scene();
    record(made.recorder, { path: "/b", took: 30, caller: "bob", status: 404 });
    record(made.recorder, { path: "/a", took: 10, responseBody: "long" });
    record(made.recorder, { path: "/c", took: 20, caller: "alice", status: 500, refusedBy: 1 });
    begin(made.recorder, { path: "/d" });
  });

  it("goes by the column, either way, and has what lacks it last", async () => {
    assert.deepEqual(await sorted("duration", false), [2, 3, 1, 4]);
    assert.deepEqual(await sorted("duration", true), [1, 3, 2, 4]);
    assert.deepEqual(await sorted("path", true), [4, 3, 1, 2]);
    assert.deepEqual(await sorted("key", false), [3, 1, 2, 4]);
    assert.deepEqual(await sorted("status", true), [3, 1, 2, 4]);
    assert.deepEqual(await sorted("size", true), [2, 1, 3, 4]);
    assert.deepEqual(await sorted("replica", false), [1, 2, 3, 4]);
    assert.deepEqual(await sorted("policy", false), [3, 1, 2, 4]);
    assert.deepEqual(await sorted("protocol", false), [1, 2, 3, 4]);
  });

  it("stays as it was until it is sorted again, and says which rows are gone since", async () => {
    const { recorder, feed } = made;
    await sorted("duration", true);
    record(recorder, { took: 99 });
    const again = await feed.sortedRows(
      { filter: "", from: 0, count: 10 },
      { by: "duration", descending: true, run: 1 },
    );
    assert.deepEqual([again.sorted?.count, again.rows[0]?.id], [4, 1]);
    assert.equal((await sorted("duration", true, 2))[0], 5);
    recorder.clear();
    const gone = await feed.sortedRows({ filter: "", from: 1, count: 2 }, { by: "duration", descending: true, run: 2 });
    assert.deepEqual([gone.rows, gone.sorted?.gaps], [[], [1, 2]]);
  });

  it("of 30,000 requests is in order, and nobody waits long for it", async function () {
    this.timeout(30_000);
    const { recorder, feed } = scene();
    for (let n = 0; n < 30_000; n++) record(recorder, { took: (n * 7919) % 30_011 });
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    const { rows, sorted: told } = await feed.sortedRows(
      { filter: "", from: -500, count: 500 },
      { by: "duration", descending: false, run: 1 },
    );
    clearInterval(counting);
    assert.equal(told?.count, 30_000);
    assert.ok(rows.every((row, k) => k === 0 || rows[k - 1].duration <= row.duration));
    assert.ok(turns >= 3, `others had ${turns} turns`);
  });
});

describe("an imported archive", () => {
  const importText = async (lists: TrafficLists, text: string, name = "shop.har") => {
    const entries = readArchive(text);
    assert.ok(typeof entries !== "string", String(entries));
    const result = await importArchive(entries, (first, part) => lists.importRequests(name, first, part));
    return { ...result, words: importWords(name, result) };
  };
  const entry = (more: object = {}) => ({
    startedDateTime: "2026-11-20T10:00:00.000Z",
    time: 42,
    request: { method: "GET", url: "http://shop.test/cart?id=1", headers: [{ name: "Cookie", value: "sid=secret-1" }] },
    response: { status: 200, headers: [], content: { size: 2, mimeType: "text/plain", text: "ok" } },
    ...more,
  });
  const log = (...entries: unknown[]) => JSON.stringify({ log: { version: "1.2", entries } });

  it("that Switchyard wrote brings the decision, and cannot be taken for traffic", async () => {
    const live = scene();
    const id = record(live.recorder, {
      method: "POST",
      path: "/orders/77",
      refusedBy: 1,
      status: 429,
      caller: "alice",
    });
    const made = live.detail(id);
    assert.ok(made);
    const { lists, detail, found, recorder } = scene();
    record(recorder, { path: "/orders/1" });
    const { words } = await importText(lists, harText("1", [harEntryOf(made, "http://localhost:8080")], ""));
    assert.equal(words, "1 request imported from shop.har.");
    const [imported] = found("is:imported");
    assert.ok(imported < -1);
    const read = detail(imported);
    assert.deepEqual(read?.imported, { archive: "shop.har", decided: true });
    assert.deepEqual([read.row.tags, read.row.archive], [["imported"], "shop.har"]);
    assert.deepEqual([read.row.state, read.row.at, read.row.why], [made.row.state, made.row.at, made.row.why]);
    assert.deepEqual(read.row.track, made.row.track);
    assert.equal(read.verdict.location, undefined);
    assert.match(read.verdict.sentence, /switchyard\.yaml:\d+ of the policy that served then/);
    assert.deepEqual(
      read.gateway.map(({ phase, sentence, state }) => [phase, sentence, state]),
      made.gateway.map(({ phase, sentence, state }) => [phase, sentence, state]),
    );
    for (const filter of ["is:rejected", "route:orders is:imported", `policy:${made.row.policy}`, "key:alice"])
      assert.deepEqual(found(filter), [imported], filter);
    assert.match(String(recordedRequest(recorder, imported)), /never came through this gateway/);
    assert.match(JSON.stringify(lists.pin(imported, true)), /imported/);
    assert.equal(recorder.total, 1);
  });

  it("of another program shows what is known, says what is not, and hides its secrets", async () => {
    const { lists, detail, found } = scene();
    await importText(lists, `\uFEFF${log(entry(), entry({ response: { status: 503, headers: [] } }))}`, "chrome.har");
    const ids = found("");
    assert.deepEqual(found("status:503"), [ids[1]]);
    const read = detail(ids[0]);
    assert.deepEqual(read?.imported, { archive: "chrome.har", decided: false });
    assert.equal(read.verdict.sentence, "The archive holds no decision: another program wrote it.");
    assert.equal(Buffer.from(read.responseBody.base64 ?? "", "base64").toString(), "ok");
    assert.doesNotMatch(JSON.stringify(read), /secret-1/);
    assert.equal(read.row.path, "/cart?id=1");
  });

  it("leaves out what is no request, saying which and why", async () => {
    const { lists, found } = scene();
    const bad = [
      null,
      7,
      entry({ request: { method: "GE T", url: "http://a/" } }),
      entry({ request: { method: "GET", url: "javascript:alert(1)" } }),
      entry({ startedDateTime: "soon" }),
      entry({ response: {} }),
      entry(),
    ];
    const { imported, skipped, words } = await importText(lists, log(...bad));
    assert.deepEqual([imported, skipped, found("").length], [1, 6, 1]);
    assert.match(words, /6 left out: entry 1: request\.method is no method; entry 2: /);
  });

  it("survives parts of every wrong shape", async () => {
    const { lists, detail, found } = scene();
    const wrong = [null, 7, "x", [], {}, [null], [[]], true, { __proto__: null, length: 9 }];
    const names = ["verdict", "gateway", "balancer", "routes", "balance", "attempts", "fields", "timing", "row"];
    const entries = names.flatMap((name) =>
      wrong.map((value) => entry({ _switchyard: { gateway: [], [name]: value } })),
    );
    entries.push(
      ...wrong.map((value) => entry({ request: { method: "GET", url: "http://a/", headers: value, postData: value } })),
    );
    const { imported } = await importText(lists, log(...entries));
    assert.equal(imported, entries.length);
    for (const id of found("")) assert.ok(detail(id));
  });

  it("that is none is refused in words", () => {
    for (const [text, words] of [
      ["{", /It is no JSON/],
      ["[]", /no "log"/],
      ['{"log":{}}', /"log\.entries" is no list/],
      ['{"log":{"entries":[]}}', /holds no request/],
      ['{"log":{"version":"2.0","entries":[1]}}', /version 2\.0/],
    ] as const)
      assert.match(String(readArchive(text)), words);
  });

  it("is kept up to a number, which is told, and goes by Clear Filtered", async () => {
    const { lists, found } = scene();
    const { imported, words } = await importText(
      lists,
      log(...Array.from({ length: MOST_IMPORTED + 5 }, () => entry())),
    );
    assert.equal(imported, MOST_IMPORTED);
    assert.match(words, /5 not read, as 2000 imported requests are kept at most/);
    assert.deepEqual(lists.clearFiltered("is:imported"), { cleared: MOST_IMPORTED, pinned: 0, pending: 0 });
    assert.deepEqual([found(""), lists.counts.total], [[], 0]);
  });
});
