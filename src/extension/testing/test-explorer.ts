/**
 * Policy tests in VS Code's Test Explorer: every `*.switchyard-test.yaml` of the window, its tests at their lines, run
 * alone or together, failures where they were expected, and what no test reaches in the policy's gutter.
 * Files are searched when the Test Explorer asks. Must not decide anything: that is the command line's.
 */
import * as vscode from "vscode";
import type { TestCoverageReport, TestFileReport, TestReport, TestsReport } from "../../contract/test-report.ts";
import { runTestFiles } from "./test-process.ts";

const FILES = "**/*.switchyard-test.{yaml,yml}";
const NOT_LOOKED_AT = "**/{node_modules,.git,dist,out}/**";

export class TestExplorer implements vscode.Disposable {
  readonly #controller = vscode.tests.createTestController("switchyard", "Switchyard");
  readonly #watcher = vscode.workspace.createFileSystemWatcher(FILES);
  readonly #details = new WeakMap<vscode.FileCoverage, readonly vscode.StatementCoverage[]>();
  readonly #ending = new AbortController();
  readonly #script: string;
  readonly #log: vscode.LogOutputChannel;
  /** The Test Explorer has asked: from then on it is kept up to date. */
  #asked = false;

  /** @param script path of dist/cli.js */
  constructor(script: string, log: vscode.LogOutputChannel) {
    this.#script = script;
    this.#log = log;
    this.#controller.resolveHandler = () => this.#find();
    this.#controller.refreshHandler = () => this.#find();
    const { Run, Coverage } = vscode.TestRunProfileKind;
    const run = (request: vscode.TestRunRequest, token: vscode.CancellationToken) => this.#run(request, token);
    this.#controller.createRunProfile("Run", Run, run, true);
    const coverage = this.#controller.createRunProfile("Run with Coverage", Coverage, run, true);
    coverage.loadDetailedCoverage = (_run, file) => Promise.resolve([...(this.#details.get(file) ?? [])]);
    const changed = (uri: vscode.Uri): void => void (this.#asked && this.#list([uri]));
    this.#watcher.onDidCreate(changed);
    this.#watcher.onDidChange(changed);
    this.#watcher.onDidDelete((uri) => this.#controller.items.delete(uri.toString()));
  }

  dispose(): void {
    this.#ending.abort();
    this.#watcher.dispose();
    this.#controller.dispose();
  }

  async #find(): Promise<void> {
    this.#asked = true;
    const uris = await vscode.workspace.findFiles(FILES, NOT_LOOKED_AT);
    const found = new Set(uris.map(String));
    for (const [id] of this.#controller.items) if (!found.has(id)) this.#controller.items.delete(id);
    await this.#list(uris);
  }

  /** What the files hold; running them is the quickest way to know. */
  async #list(uris: readonly vscode.Uri[]): Promise<void> {
    try {
      const { files } = await runTestFiles(this.#script, uris.map(pathOf), this.#ending.signal);
      for (const report of files) this.#show(report);
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#log.warn(`Policy tests cannot be listed: ${String(error)}`);
    }
  }

  #show({ file, problems, tests }: TestFileReport): vscode.TestItem {
    const uri = vscode.Uri.file(file);
    const id = uri.toString();
    let item = this.#controller.items.get(id);
    if (item === undefined) {
      item = this.#controller.createTestItem(id, vscode.workspace.asRelativePath(uri), uri);
      this.#controller.items.add(item);
    }
    const [problem] = problems;
    item.error = problem === undefined ? undefined : `${problem.location.line}: ${problem.message}`;
    item.children.replace(
      tests.map(({ name, line, endLine }) => {
        const child = this.#controller.createTestItem(`${id}\n${name}`, name, uri);
        child.range = new vscode.Range(line - 1, 0, endLine - 1, 0);
        return child;
      }),
    );
    return item;
  }

  async #run(request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> {
    if (this.#controller.items.size === 0) await this.#find();
    const run = this.#controller.createTestRun(request);
    const stop = new AbortController();
    const cancelled = token.onCancellationRequested(() => stop.abort());
    const asked = request.include ?? [...this.#controller.items].map(([, item]) => item);
    try {
      const wanted = wantedIds(asked, request.exclude ?? []);
      const files = [...new Set(asked.flatMap(({ uri }) => (uri === undefined ? [] : [uri.fsPath])))];
      const report = await runTestFiles(this.#script, files, AbortSignal.any([stop.signal, this.#ending.signal]));
      for (const file of report.files) this.#tell(run, file, wanted);
      this.#cover(run, report);
    } catch (error) {
      if (!stop.signal.aborted)
        for (const item of asked)
          run.errored(item, new vscode.TestMessage(error instanceof Error ? error.message : String(error)));
    } finally {
      cancelled.dispose();
      run.end();
    }
  }

  #tell(run: vscode.TestRun, report: TestFileReport, wanted: (id: string, parent: string) => boolean): void {
    const file = this.#show(report);
    const [problem] = report.problems;
    if (problem !== undefined) {
      const message = new vscode.TestMessage(problem.message);
      const { file: where, line, column } = problem.location;
      message.location = placeOf(vscode.Uri.file(where), line, column);
      run.errored(file, message);
    }
    for (const test of report.tests) {
      const item = file.children.get(`${file.id}\n${test.name}`);
      if (item === undefined || !wanted(item.id, file.id)) continue;
      if (problem !== undefined) run.skipped(item);
      else if (test.failures.length === 0) run.passed(item);
      else run.failed(item, messagesOf(item.uri ?? vscode.Uri.file(report.file), test));
    }
  }

  #cover(run: vscode.TestRun, { coverage }: TestsReport): void {
    for (const policy of coverage) {
      const details = statementsOf(policy);
      const file = vscode.FileCoverage.fromDetails(vscode.Uri.file(policy.policy), details);
      this.#details.set(file, details);
      run.addCoverage(file);
    }
  }
}

function pathOf({ fsPath }: vscode.Uri): string {
  return fsPath;
}

function wantedIds(
  asked: readonly vscode.TestItem[],
  excluded: readonly vscode.TestItem[],
): (id: string, parent: string) => boolean {
  const ids = new Set(asked.map(({ id }) => id));
  const not = new Set(excluded.map(({ id }) => id));
  return (id, parent) => (ids.has(id) || ids.has(parent)) && !not.has(id) && !not.has(parent);
}

/** One message per expectation; the explanation stands with the first. */
function messagesOf(uri: vscode.Uri, { failures }: TestReport): vscode.TestMessage[] {
  return failures.map(({ message, expected, actual, line, column, explanation }, index) => {
    const text = index === 0 ? [message, "", ...explanation].join("\n") : message;
    const told = vscode.TestMessage.diff(text, expected, actual);
    told.location = placeOf(uri, line, column);
    return told;
  });
}

function placeOf(uri: vscode.Uri, line: number, column: number): vscode.Location {
  return new vscode.Location(uri, new vscode.Position(line - 1, column - 1));
}

/** Routes and policies are statements; the reasons for which a policy may refuse are its branches. */
function statementsOf({ items }: TestCoverageReport): vscode.StatementCoverage[] {
  return items
    .filter(({ kind }) => kind !== "reason")
    .map(({ kind, line, reached }) => {
      const at = new vscode.Position(line - 1, 0);
      const reasons = kind === "policy" ? items.filter((one) => one.kind === "reason" && one.line === line) : [];
      const branches = reasons.map((one) => new vscode.BranchCoverage(one.reached, at, one.name));
      return new vscode.StatementCoverage(reached, at, branches);
    });
}
