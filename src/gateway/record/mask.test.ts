import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { detailOf } from "./detail.ts";
import { Mask } from "./mask.ts";
import { Recorder } from "./recorder.ts";
import { planOf, POLICY, record } from "./recording.fixture.ts";
import { RowMaker } from "./row.ts";
import { curlOf, quote } from "./curl.ts";

const plan = planOf(POLICY);
const mask = Mask.of([plan]);

function contextOf() {
  const recorder = new Recorder({ now: () => 2000 });
  recorder.plans.add(1, plan, 0);
  const rows = new RowMaker(recorder, () => mask);
  return { recorder, rows, mask, port: () => 8080 };
}

/** Everything that a detail shows, bodies decoded. */
function everything(detail: ReturnType<typeof detailOf>): string {
  assert.ok(detail !== undefined);
  const bodies = [detail.requestBody, detail.responseBody].map(({ base64 }) =>
    Buffer.from(base64 ?? "", "base64").toString("utf8"),
  );
  return JSON.stringify(detail) + bodies.join("");
}

describe("masking", () => {
  it("hides credentials, cookies and keys wherever they stand: fields, target, bodies, curl", () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9_+/=-]{8,40}$/).map((text) => `S${text}`);
    fc.assert(
      fc.property(secret, secret, secret, fc.boolean(), (bearer, session, key, zipped) => {
        const context = contextOf();
        const echo = JSON.stringify({ youSent: { bearer, session, key, known: "alices-own-key-4711" } });
        const id = record(context.recorder, {
          query: `page=1&api_key=${encodeURIComponent(key)}`,
          fields: [`Authorization: Bearer ${bearer}`, `Cookie: a=1; session=${session}`, `Referer: http://x/?q=${key}`],
          replyFields: [`Set-Cookie: session=${session}; Path=/`, ...(zipped ? ["Content-Encoding: gzip"] : [])],
          responseBody: zipped ? gzipSync(echo) : echo,
          requestBody: `token=${bearer}`,
        });
        const shown = everything(detailOf(context, id, false)) + JSON.stringify(context.rows.row(id));
        for (const value of [bearer, session, key, encodeURIComponent(key), "alices-own-key-4711"])
          assert.ok(!shown.includes(value), `${value} leaked`);
      }),
      { numRuns: 100 },
    );
  });

  it("shows them once they are revealed on purpose", () => {
    const context = contextOf();
    const id = record(context.recorder, { fields: ["Authorization: Bearer a-token-of-mine"] });
    assert.ok(everything(detailOf(context, id, true)).includes("a-token-of-mine"));
    assert.equal(detailOf(context, id, true)?.revealed, true);
    assert.ok(detailOf(context, id, false)?.fields.some(({ client }) => client === "•••• (masked)"));
  });

  it("names who changed a field: the policy with its line, or the gateway", () => {
    const context = contextOf();
    const id = record(context.recorder, { caller: "alice", fields: ["Accept: */*"] });
    const added = detailOf(context, id, false)?.fields.find(({ name }) => name === "x-caller");
    assert.equal(added?.gateway, "alice");
  });

  it("leaves text without secrets as it is", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!text.includes("alices-own-key-4711"));
        assert.equal(mask.text(text), text);
      }),
    );
  });
});

describe("curl lines", () => {
  it("quote whatever a client sent, so that no shell acts on it", () => {
    fc.assert(
      fc.property(fc.string(), (word) => {
        const quoted = quote(word);
        if (quoted === word) assert.match(word, /^[\w@%+=:,./-]+$/);
        else assert.equal(quoted.slice(1, -1).replaceAll("'\\''", "'"), word);
      }),
    );
  });

  it("leave out a body that is not text, and say so", () => {
    const line = curlOf({ method: "PUT", url: "http://a/b", fields: [], body: Buffer.from([0, 255]), complete: true });
    assert.equal(
      line,
      "curl --globoff --path-as-is -X PUT http://a/b --data-binary @body  # the body is not here: it is not text",
    );
  });
});
