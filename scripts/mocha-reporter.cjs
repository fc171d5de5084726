/**
 * Mocha's spec reporter that also writes its totals where scripts/test.mjs can add them up.
 * Must not change what a person sees.
 */
const { writeFileSync } = require("node:fs");
const { reporters } = require("mocha");

module.exports = class TotalsReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once("end", () => {
      const target = process.env.SWITCHYARD_TEST_TOTALS;
      if (target)
        writeFileSync(
          target,
          JSON.stringify({ passed: this.stats.passes, failed: this.stats.failures, pending: this.stats.pending }),
        );
    });
  }
};
