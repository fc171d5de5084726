/**
 * Runs policy tests in a process of its own: the command line with its report as JSON, so that the editor and CI can
 * never disagree, and the decision core is no part of this window. Must not know VS Code.
 */
import { execFile } from "node:child_process";
import type { TestsReport } from "../../contract/test-report.ts";

/** Milliseconds: thousands of requests take less than one second. */
const TIMEOUT = 60_000;
const MOST_OUTPUT = 64 * 1024 * 1024;

/** @param script path of dist/cli.js. Rejects with an Error in words when there is no report. */
export function runTestFiles(script: string, files: readonly string[], signal: AbortSignal): Promise<TestsReport> {
  if (files.length === 0) return Promise.resolve({ files: [], coverage: [] });
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [script, "test", "--reporter", "json", ...files],
      {
        // VS Code's own node: in the desktop application process.execPath is Electron.
        env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", VSCODE_INSPECTOR_OPTIONS: undefined },
        timeout: TIMEOUT,
        maxBuffer: MOST_OUTPUT,
        signal,
      },
      (error, stdout, stderr) => {
        // Failing tests end it with 1 or 2, and then the report is there all the same.
        try {
          resolve(JSON.parse(stdout) as TestsReport);
        } catch {
          reject(new Error(stderr.trim() || error?.message || "The tests gave no report."));
        }
      },
    );
  });
}
