import assert from "node:assert/strict";
import { maxBody } from "./maxBody.ts";
import { fits, passageOf, Trial } from "./trial.fixture.ts";

const sized = (length: string) => passageOf({ method: "POST", headers: { "content-length": length } });

describe("maxBody", () => {
  it("takes what is announced up to the limit, and says by how much", () => {
    const trial = new Trial(maxBody, "1KiB");
    assert.equal(trial.peek(sized("1024")).sentence, "the body has 1,024 bytes of at most 1KiB");
    assert.equal(trial.peek(passageOf()).sentence, "there is no body");
  });

  it("refuses one byte more, with numbers and a fix that is large enough", () => {
    const verdict = new Trial(maxBody, "1KiB").peek(sized("3000000"));
    assert.equal(verdict.status, 413);
    assert.equal(verdict.sentence, "the body has 3,000,000 bytes, and at most 1KiB are taken");
    assert.deepEqual(verdict.fixes, [{ title: "Take up to 3MiB", path: [], value: "3MiB" }]);
    assert.deepEqual(new Trial(maxBody, "{ size: 1KiB }").peek(sized("1025")).fixes[0].path, ["size"]);
  });

  it("leaves what announces no length to be counted", () => {
    const trial = new Trial(maxBody, "2MiB");
    const chunked = passageOf({ method: "PUT", headers: { "transfer-encoding": "chunked" } });
    assert.equal(trial.peek(chunked).sentence, "no length announced: counted while it passes, up to 2MiB");
    assert.deepEqual(trial.act.body?.limit, { bytes: 2_097_152, reason: 2 });
  });

  it("is written as a size or with its name", () => {
    assert.ok(fits(maxBody, "64KiB"));
    assert.ok(fits(maxBody, "{ size: 1MB }"));
    for (const wrong of ["64", "{}", "-1B", "[1MiB]"]) assert.ok(!fits(maxBody, wrong), wrong);
  });
});
