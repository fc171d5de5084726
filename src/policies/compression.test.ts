import assert from "node:assert/strict";
import { compression, preferred } from "./compression.ts";
import { Edit, passageOf, Trial } from "./trial.fixture.ts";

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

function shaped(fields: Readonly<Record<string, string>>, accept?: string, yaml = "{}", status = 200): Edit {
  const edit = new Edit(fields);
  edit.status = status;
  const x = passageOf(accept === undefined ? {} : { headers: { "accept-encoding": accept } });
  new Trial(compression, yaml).act.response?.(x, edit);
  return edit;
}

describe("compression", () => {
  it("chooses by the caller's weights, then by its own order", () => {
    const ours = ["br", "gzip", "zstd"] as const;
    for (const [accept, wanted] of [
      [undefined, []],
      ["", []],
      ["gzip", ["gzip"]],
      ["gzip, br", ["br", "gzip"]],
      ["br;q=0.1, gzip;q=0.9", ["gzip", "br"]],
      ["*", ["br", "gzip", "zstd"]],
      ["*;q=0.5, br;q=0", ["gzip", "zstd"]],
      ["identity;q=1, gzip;q=0.5", []],
      ["x-gzip", ["gzip"]],
      ["GZIP; Q=1", ["gzip"]],
      ["gzip;q=nonsense", []],
    ] as const)
      assert.deepEqual(preferred(accept, ours), wanted, String(accept));
  });

  it("encodes suiting types, adds Vary, weakens what described other bytes", () => {
    const edit = shaped({ ...JSON_TYPE, etag: '"1"', "content-digest": "sha-256=:x:", vary: "Origin" }, "gzip");
    assert.equal(edit.coding, "gzip");
    assert.equal(edit.get("vary"), "Origin, Accept-Encoding");
    assert.equal(edit.get("etag"), 'W/"1"');
    assert.equal(edit.get("content-digest"), undefined);
  });

  it("says Vary also to callers who get it plain: a cache between must know", () => {
    const edit = shaped(JSON_TYPE);
    assert.equal(edit.coding, undefined);
    assert.equal(edit.get("vary"), "Accept-Encoding");
  });

  it("leaves alone what is small, encoded, partial, without body, fixed, an event stream, or of another type", () => {
    const plain = (fields: Readonly<Record<string, string>>, status = 200) => shaped(fields, "br", "{}", status).coding;
    assert.equal(plain({ ...JSON_TYPE, "content-length": "1023" }), undefined);
    assert.equal(plain({ ...JSON_TYPE, "content-length": "1024" }), "br");
    assert.equal(plain({ ...JSON_TYPE, "content-encoding": "gzip" }), undefined);
    assert.equal(plain({ ...JSON_TYPE, "content-range": "bytes 0-1/2" }), undefined);
    for (const status of [204, 206, 304]) assert.equal(plain(JSON_TYPE, status), undefined);
    assert.equal(plain({ ...JSON_TYPE, "cache-control": "max-age=1, no-transform" }), undefined);
    assert.equal(shaped({ "content-type": "text/event-stream" }, "br", "{ types: ['*/*'] }").coding, undefined);
    assert.equal(plain({ "content-type": "image/png" }), undefined);
    assert.equal(plain({ "content-type": "application/hal+json" }), "br");
  });

  it("tells what it would do for this caller", () => {
    const trial = new Trial(compression, "{}");
    const words = (accept?: string) =>
      trial.policy.admits(
        trial.config,
        0,
        0,
        passageOf(accept === undefined ? {} : { headers: { "accept-encoding": accept } }),
      );
    assert.equal(words("gzip"), "gzip for answers of 1KiB and more (the caller accepts gzip)");
    assert.match(words("deflate"), /accepts none of br, gzip/);
    assert.match(words(), /no Accept-Encoding/);
  });
});
