/** The two messages of gRPC's health check, byte by byte. */
import assert from "node:assert/strict";
import { healthAnswer, healthQuestion } from "./ask-grpc.ts";

const answer = (...message: number[]): Buffer => Buffer.from([0, 0, 0, 0, message.length, ...message]);

describe("gRPC's health messages", () => {
  it("ask about the server with an empty message, and about a service by name", () => {
    assert.deepEqual([...healthQuestion("")], [0, 0, 0, 0, 0]);
    assert.deepEqual([...healthQuestion("ab")], [0, 0, 0, 0, 4, 0x0a, 2, 97, 98]);
    const long = healthQuestion("x".repeat(200));
    assert.deepEqual([...long.subarray(0, 8)], [0, 0, 0, 0, 203, 0x0a, 0xc8, 1]);
    assert.equal(long.length, 208);
  });

  it("are read whatever a later version adds", () => {
    assert.equal(healthAnswer(answer(0x08, 1)), 1);
    assert.equal(healthAnswer(answer(0x08, 2)), 2);
    assert.equal(healthAnswer(answer()), 0);
    assert.equal(
      healthAnswer(answer(0x12, 2, 7, 7, 0x08, 1, 0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x28, 0x80, 1)),
      1,
    );
  });

  it("are refused when they are none, and never throw", () => {
    for (const wrong of [
      [],
      [0, 0, 0, 0],
      [1, 0, 0, 0, 0],
      [0, 0, 0, 0, 9, 8, 1],
      [0, 0, 0, 0, 1, 8],
      [0, 0, 0, 0, 2, 0x0b, 1],
    ])
      assert.equal(healthAnswer(Buffer.from(wrong)), -1, String(wrong));
    for (let cut = 0; cut < 9; cut++) {
      const broken = healthAnswer(answer(0x12, 200, 1, 8, 1).subarray(0, cut));
      assert.ok(broken <= 0, String(cut));
    }
    assert.equal(healthAnswer(answer(0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 1)), -1);
    // A view into a larger buffer is read where it stands.
    const pool = Buffer.from([9, 9, ...answer(0x08, 1), 9]);
    assert.equal(healthAnswer(pool.subarray(2, 9)), 1);
  });
});
