import assert from "node:assert/strict";
import { detailOf } from "../record/detail.ts";
import { Mask } from "../record/mask.ts";
import { Recorder } from "../record/recorder.ts";
import { begin, planOf, POLICY, record } from "../record/recording.fixture.ts";
import { RowMaker } from "../record/row.ts";
import { exportHar, MOST_ENTRIES } from "./har-export.ts";

const plan = planOf(POLICY);
const mask = Mask.of([plan]);

function scene() {
  const recorder = new Recorder({ now: () => 2000 });
  recorder.plans.add(1, plan, 0);
  const rows = new RowMaker(recorder, () => mask);
  const context = { recorder, rows, mask, port: () => 8080 };
  const save = async () => {
    const ids = Array.from({ length: recorder.next - recorder.first }, (_, i) => recorder.first + i);
    const detail = (id: number) => detailOf(context, id, false);
    const made = await exportHar({ ids, detail, origin: () => "http://localhost:8080", version: "1" });
    return { ...made, log: JSON.parse(made.text).log };
  };
  return { recorder, save };
}

describe("an exported archive", () => {
  it("holds request, answer, times and the decision with its reason", async () => {
    const { recorder, save } = scene();
    record(recorder, {
      method: "POST",
      query: "page=2",
      fields: ["Content-Type: text/plain"],
      requestBody: "ten apples",
      replyFields: ["Content-Type: text/plain", "Location: /orders/9"],
      responseBody: "thank you",
      status: 201,
    });
    const { log, count, matched } = await save();
    assert.deepEqual(
      [log.version, log.creator.name, count, matched, log.comment],
      ["1.2", "Switchyard", 1, 1, undefined],
    );
    const [entry] = log.entries;
    assert.match(entry.startedDateTime, /^2023-11-14T22:13:20/);
    assert.equal(entry.request.method, "POST");
    assert.match(entry.request.url, /^http:\/\/localhost:8080\/.*\?page=2$/);
    assert.deepEqual(entry.request.queryString, [{ name: "page", value: "2" }]);
    assert.equal(entry.request.postData.text, "ten apples");
    assert.deepEqual([entry.response.status, entry.response.content.text], [201, "thank you"]);
    assert.equal(entry.response.redirectURL, "/orders/9");
    assert.ok(entry.timings.wait >= 0 && entry.timings.send >= 0 && entry.timings.receive >= 0);
    const { _switchyard: told } = entry;
    assert.equal(told.route, "orders");
    assert.ok(told.gateway.length > 0 && told.balancer.length > 0);
  });

  it("holds no secret, and bytes that are no text as Base64", async () => {
    const { recorder, save } = scene();
    record(recorder, {
      query: "api_key=alices-own-key-4711",
      fields: ["Authorization: Bearer very-secret-token", "Cookie: session=very-secret-session"],
      responseBody: Buffer.from([0, 255, 254]),
    });
    const { text, log } = await save();
    for (const secret of ["alices-own-key-4711", "very-secret"]) assert.ok(!text.includes(secret), secret);
    assert.deepEqual(
      [log.entries[0].response.content.encoding, log.entries[0].response.content.text],
      ["base64", Buffer.from([0, 255, 254]).toString("base64")],
    );
  });

  it("is of the newest that ended, and says what is not in it", async () => {
    const { recorder, save } = scene();
    for (let i = 0; i < MOST_ENTRIES + 5; i++) record(recorder, { query: `n=${i}` });
    begin(recorder, {});
    const { log, count, matched } = await save();
    assert.deepEqual([count, matched], [MOST_ENTRIES - 1, MOST_ENTRIES + 6]);
    assert.match(log.entries.at(-1).request.url, /n=1004$/);
    assert.match(log.comment, /^999 of 1006 matching requests/);
  });
});
