import assert from "node:assert/strict";
import { conceal } from "./conceal.ts";

describe("concealing known secrets", () => {
  it("hides them wherever they stand, and nothing else", () => {
    const value = { why: "key abcd-1 is wrong", list: ["abcd-1", 7, null, { deep: "xabcd-1x" }], ok: true };
    assert.deepEqual(conceal(value, ["abcd-1"]), {
      why: "key •••• is wrong",
      list: ["••••", 7, null, { deep: "x••••x" }],
      ok: true,
    });
    assert.equal(conceal(value, []), value);
  });

  it("leaves no rest of the longer of two, and does not take a letter for a secret", () => {
    assert.equal(conceal("secret-and-more a", ["secret", "secret-and-more", "a"]), "•••• a");
  });
});
