/** The written forms that fields share: what each accepts, and that it says what is wrong. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import type * as z from "zod/mini";
import { duration, fieldValue, headerName, name, percentage, secret, size, writeDuration } from "./scalars.ts";

function verdict(type: z.ZodMiniType, value: unknown): unknown {
  const result = type.safeParse(value);
  return result.success ? result.data : (result.error.issues[0]?.message ?? "");
}

describe("durations", () => {
  it("are milliseconds", () => {
    const written = ["250ms", "10s", "1.5s", "5m", "1h", "0s"];
    assert.deepEqual(
      written.map((one) => verdict(duration(), one)),
      [250, 10_000, 1500, 300_000, 3_600_000, 0],
    );
  });

  it("need a unit, and keep within their bounds", () => {
    for (const wrong of ["10", 10, "10 s", "-1s", "1d", "1e3s", "", null])
      assert.match(String(verdict(duration(), wrong)), /with its unit/);
    assert.equal(verdict(duration({ least: 50 }), "49ms"), "must be at least 50ms");
    assert.equal(verdict(duration(), "99999h"), "must be at most 576h");
  });

  it("are written in the shortest way that reads back as the same", () => {
    assert.equal(writeDuration(90_000), "90s");
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_000_000_000 }), (millis) => {
        assert.equal(verdict(duration(), writeDuration(millis)), millis);
      }),
    );
  });
});

describe("sizes and percentages", () => {
  it("are whole bytes", () => {
    assert.deepEqual(
      ["512B", "64KiB", "1MiB", "1kB", "1.5KiB"].map((one) => verdict(size(), one)),
      [512, 65_536, 1_048_576, 1000, 1536],
    );
    assert.equal(verdict(size({ most: 1024 }), "2KiB"), "must be at most 1024 bytes");
    assert.match(String(verdict(size(), 64)), /with its unit/);
  });

  it("go from 0% to 100%", () => {
    assert.equal(verdict(percentage(), "20%"), 20);
    for (const wrong of ["101%", "20", 20, "-1%"])
      assert.match(String(verdict(percentage(), wrong)), /from 0% to 100%/);
  });
});

describe("secrets, names and fields", () => {
  it("accept a secret as text, from the environment or from a file, and nothing else", () => {
    for (const right of ["x", { env: "API_KEY" }, { file: "./key" }]) assert.deepEqual(verdict(secret(), right), right);
    for (const wrong of ["", {}, { env: "a b" }, { env: "A", file: "b" }, 1])
      assert.equal(secret().safeParse(wrong).success, false);
  });

  it("refuse what HTTP or a name does not allow", () => {
    for (const wrong of ["a b", "a:", "", "ä"]) assert.equal(headerName().safeParse(wrong).success, false);
    for (const wrong of ["a\r\nb", " a", "a ", "\u0000", "€"])
      assert.equal(fieldValue().safeParse(wrong).success, false);
    for (const right of ["", "a", "a b\tc", "ä"]) assert.equal(fieldValue().safeParse(right).success, true);
    for (const wrong of ["", ".a", "a/b", "a".repeat(64)]) assert.equal(name().safeParse(wrong).success, false);
  });
});
