import assert from "node:assert/strict";
import { FilterView } from "./filter-view.ts";
import { compileFilter, type FilterContext } from "./filter/compile.ts";
import { parseFilter } from "./filter/syntax.ts";
import { Recorder } from "./recorder.ts";
import { begin, finish, planOf, POLICY, record } from "./recording.fixture.ts";
import { RowMaker } from "./row.ts";
import { Mask } from "./mask.ts";

const plan = planOf(POLICY);

function recorderWith(options: Partial<ConstructorParameters<typeof Recorder>[0]> = {}): Recorder {
  const recorder = new Recorder({ now: () => 2000, ...options });
  recorder.plans.add(1, plan, 0);
  return recorder;
}

function viewOf(recorder: Recorder, text: string): FilterView {
  const parsed = parseFilter(text);
  assert.ok("filter" in parsed);
  const context: FilterContext = { recorder, wallClock: () => 1_700_000_100_000, savedAt: () => 1_700_000_050_000 };
  return new FilterView(recorder, text, compileFilter(parsed.filter, context));
}

function matching(recorder: Recorder, text: string): number[] {
  const view = viewOf(recorder, text);
  view.catchUp();
  const ids = view.idsBetween(view.first, view.first + view.matched);
  view.close();
  return ids;
}

describe("the recorder", () => {
  it("shows a request as pending from its head on, and as ended afterwards", () => {
    const recorder = recorderWith();
    const rows = new RowMaker(recorder, () => Mask.of([plan]));
    const recording = begin(recorder, { path: "/orders/1" });
    assert.equal(rows.row(recording.id)?.state, "pending");
    const { id } = recording;
    finish(recorder, recording, { status: 200 });
    const row = rows.row(id);
    assert.equal(row?.state, "ok");
    assert.equal(row?.endpoint, ":4002");
    assert.equal(row?.route, "orders");
    assert.equal(row?.duration, 12);
  });

  it("evicts heads and bodies before rows, and says so", () => {
    const recorder = recorderWith({ payloadBytes: 2 * 1_048_576 });
    const body = "x".repeat(60_000);
    const first = record(recorder, { responseBody: body });
    for (let n = 0; n < 60; n++) record(recorder, { responseBody: body });
    const rows = new RowMaker(recorder, () => Mask.of([plan]));
    assert.equal(rows.row(first)?.evicted, true);
    assert.equal(rows.row(recorder.next - 1)?.evicted, false);
    assert.equal(recorder.dropped, 0);
  });

  it("keeps the last 100,000 rows within 64 MiB, even when every path is another and hundreds of tokens take turns", function () {
    this.timeout(60_000);
    const recorder = recorderWith();
    const facts = Array.from({ length: 300 }, (_, n) => {
      const claims = { sub: `user-${n}`, scope: "orders:read orders:write", iss: "https://dev.local/" };
      return { state: "verified", algorithm: "ES256", claims } as const;
    });
    for (let n = 0; n < 115_000; n++)
      record(recorder, { path: `/orders/${n}`, caller: `user-${n % 300}`, fact: facts[n % 300] });
    assert.ok(recorder.total >= 100_000, `${recorder.total} rows`);
    assert.ok(recorder.bytes <= 64 * 1_048_576, `${recorder.bytes} bytes`);
    assert.equal(recorder.dropped + recorder.total, 115_000);
    assert.equal(matching(recorder, "path:/orders/114999").length, 1);
  });

  it("gives up rows rather than its budget when a client sends huge names", () => {
    const recorder = recorderWith({ rowBytes: 4 * 1_048_576 });
    for (let n = 0; n < 20_000; n++) record(recorder, { path: `/${n}${"p".repeat(4000)}` });
    assert.ok(recorder.dropped > 0);
    assert.ok(recorder.bytes - recorder.payloads.bytes <= 16 * 1_048_576);
  });

  it("records nothing while switched off, and everything since cleared", () => {
    const recorder = recorderWith();
    recorder.recording = false;
    record(recorder);
    assert.equal(recorder.total, 0);
    recorder.recording = true;
    const open = begin(recorder);
    recorder.clear();
    finish(recorder, open);
    record(recorder);
    assert.equal(recorder.total, 1);
  });
});

describe("the filter", () => {
  const recorder = recorderWith();
  const ok = record(recorder, { path: "/orders/12", caller: "alice", took: 300, fields: ["X-Tenant: acme"] });
  const refused = record(recorder, { method: "POST", path: "/orders", status: 429, refusedBy: 1 });
  const failed = record(recorder, { path: "/health/x", status: 502, at: 1_700_000_060_000, failure: 1 });
  const claims = { sub: "42", scope: "a b" };
  const token = record(recorder, {
    path: "/cart",
    status: 404,
    fact: { state: "verified", algorithm: "RS256", claims },
    responseBody: "sorry, out of stock",
  });
  const expect: Readonly<Record<string, number[]>> = {
    "": [ok, refused, failed, token],
    "is:rejected": [refused],
    "is:ok": [ok],
    "status>=500 -path:/cart*": [failed],
    "status:4xx": [refused, token],
    "status:429|404": [refused, token],
    "path:/orders*": [ok, refused],
    "path~^/orders/\\d+$": [ok],
    "-method:GET": [refused],
    "method!=GET": [refused],
    "dur>250ms": [ok],
    "key:alice": [ok],
    "policy:rateLimit": [refused],
    "replica:orders-2 is:ok": [ok],
    "replica::4002 status:502": [failed],
    "route:orders service:orders attempt>0": [ok, failed, token],
    "jwt.sub:42": [token],
    "jwt.scope:b": [token],
    "req.x-tenant:acme": [ok],
    'body~"out of stock"': [token],
    "since:save": [failed],
    "is:rejected | path:/cart": [refused, token],
    alice: [ok],
    "~cart$": [token],
  };
  for (const [text, ids] of Object.entries(expect))
    it(`finds ${text === "" ? "everything with an empty text" : text}`, () =>
      assert.deepEqual(matching(recorder, text), ids));

  it("says what it does not understand, and where", () => {
    for (const [text, words] of [
      ["statsu:404", 'Did you mean "status"?'],
      ["dur>fast", "250ms"],
      ["is:lost", "Known are"],
      ["path:", "needs a value"],
      ['body~"open', "not closed"],
      ["path~(", "regular expression"],
      ["a | ", "to its right"],
      ["method>GET", "cannot be compared"],
    ]) {
      const parsed = parseFilter(text);
      assert.ok("problem" in parsed, text);
      assert.ok(parsed.problem.message.includes(words), parsed.problem.message);
      assert.ok(parsed.problem.start <= parsed.problem.end && parsed.problem.end <= text.length);
    }
  });

  it("keeps positions while rows join late", () => {
    const live = recorderWith();
    const view = viewOf(live, "is:rejected");
    view.catchUp();
    const slow = begin(live);
    const slowId = slow.id;
    const quick = record(live, { status: 429, refusedBy: 1 });
    view.catchUp();
    assert.deepEqual(view.idsBetween(view.first, view.first + view.matched), [quick]);
    const shifts = view.shifts;
    finish(live, slow, { status: 429, refusedBy: 1 });
    view.catchUp();
    assert.deepEqual(view.idsBetween(view.first, view.first + view.matched), [quick, slowId]);
    assert.equal(view.shifts, shifts);
  });
});
