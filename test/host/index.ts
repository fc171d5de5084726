/**
 * The entry that VS Code's extension host runs: every suite of this folder, through mocha, with the totals written
 * where test/host/run.ts looks for them. Must not run when no test was found.
 */
import Mocha from "mocha";
import { say } from "./say.ts";

/** Called by VS Code; rejects when a test failed or none ran. */
export async function run(): Promise<void> {
  const mocha = new Mocha({
    ui: "bdd",
    timeout: 300_000,
    grep: process.env["SWITCHYARD_HOST_GREP"],
    forbidOnly: true,
    forbidPending: true,
    color: false,
    reporter: process.env["SWITCHYARD_TEST_REPORTER"] ?? "spec",
  });
  Mocha.reporters.Base.consoleLog = say;
  mocha.suite.emit("pre-require", globalThis, "", mocha);
  if (process.env["SWITCHYARD_HOST_SUITE"] === "opened-folder") await import("./opened-folder.ts");
  else await import("./empty-folder.ts");
  await new Promise<void>((resolve, reject) => {
    const runner = mocha.run((failures) => {
      if (failures > 0) reject(new Error(`${failures} tests failed in the extension host.`));
      else if (runner.stats?.passes === 0) reject(new Error("No test ran in the extension host."));
      else resolve();
    });
  });
}
