/**
 * Mocha's spec reporter that also writes its totals, and what failed, where scripts/test.mjs can add them up.
 * Must not change what a person sees.
 */
const { writeFileSync } = require("node:fs");
const { reporters } = require("mocha");

/** Characters of one message. */
const LONGEST = 4000;

/** The error with what caused it, and where in a test it was thrown. */
function wordsOf(error) {
  const { message = String(error), stack = "", cause } = error ?? {};
  const place = stack.split("\n").find((line) => /^\s+at /.test(line) && !line.includes("node_modules"));
  const why = cause === undefined ? [] : [`caused by: ${cause?.message ?? String(cause)}`];
  return [message, ...why, ...(place === undefined ? [] : [place.trim()])].join("\n").slice(0, LONGEST);
}

module.exports = class TotalsReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const failures = [];
    runner.on("fail", (test, error) => failures.push({ name: test.fullTitle(), message: wordsOf(error) }));
    runner.once("end", () => {
      const target = process.env.SWITCHYARD_TEST_TOTALS;
      if (target)
        writeFileSync(target, JSON.stringify({ passed: this.stats.passes, failed: this.stats.failures, failures }));
    });
  }
};
