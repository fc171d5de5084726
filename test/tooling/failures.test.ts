/**
 * The end of a failed run says what failed: a continuous integration that keeps only the last lines must not cost a guess.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failureLines } from "../../scripts/failures.mjs";

const root = join(import.meta.dirname, "../..");

const failures = (count: number, words = "expected 1\nfound 2\n\n  at here"): Parameters<typeof failureLines>[0] =>
  Array.from({ length: count }, (_, at) => ({ stage: "host", name: `test ${at}`, message: words }));

describe("the last lines of a failed run", () => {
  it("are none when nothing failed", () => {
    assert.deepEqual(failureLines([]), []);
  });

  it("name each failed test with its stage and its message", () => {
    assert.deepEqual(failureLines(failures(1)), [
      "What failed:",
      "  host: test 0",
      "      expected 1",
      "      found 2",
      "        at here",
    ]);
  });

  it("are bounded, whatever failed: names before messages, and the rest counted", () => {
    for (const [count, words] of [
      [1, "line\n".repeat(1000)],
      [20, "line\n".repeat(1000)],
      [58, "line\n".repeat(9)],
      [5000, "x".repeat(100_000)],
    ] as const) {
      const lines = failureLines(failures(count, words), 60);
      assert.ok(lines.length <= 60, `${count}: ${lines.length} lines`);
      assert.ok(lines.every((line) => line.length <= 200));
      for (let at = 0; at < Math.min(count, 58); at++) assert.ok(lines.includes(`  host: test ${at}`));
    }
    assert.equal(failureLines(failures(5000), 60).at(-1), "  … and 4942 more");
  });

  it("get from mocha every failed test and hook, with what caused it and where", () => {
    const folder = mkdtempSync(join(tmpdir(), "switchyard-failures-"));
    try {
      const [file, totals] = [join(folder, "some.test.cjs"), join(folder, "totals.json")];
      writeFileSync(
        file,
        `describe("shop", () => {
           it("is open", () => {});
           it("is cheap", () => { throw new Error("too dear", { cause: new Error("taxes") }); });
           describe("at night", () => { before(() => { throw new Error("dark"); }); it("sleeps", () => {}); });
         });`,
      );
      const mocha = [join(root, "node_modules/mocha/bin/mocha.js"), "--no-config", "--reporter"];
      spawnSync(process.execPath, [...mocha, join(root, "scripts/mocha-reporter.cjs"), file], {
        env: { ...process.env, SWITCHYARD_TEST_TOTALS: totals },
      });
      const told = JSON.parse(readFileSync(totals, "utf8")) as {
        passed: number;
        failed: number;
        failures: { name: string; message: string }[];
      };
      assert.deepEqual([told.passed, told.failed], [1, 2]);
      assert.deepEqual(
        told.failures.map(({ name }) => name),
        ["shop is cheap", 'shop at night "before all" hook for "sleeps"'],
      );
      assert.match(told.failures[0].message, /^too dear\ncaused by: taxes\nat .*some\.test\.cjs:3/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
