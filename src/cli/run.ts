/**
 * `switchyard run`: the gateway of one policy file in this terminal. It follows the file, prints a line per request,
 * and drains on Ctrl-C. Must not end because of a bad save, and must leave nothing behind.
 */
import { existsSync } from "node:fs";
import { Socket } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AgentDoor } from "../gateway/control/agent-door.ts";
import { PageServer } from "../gateway/control/page-server.ts";
import { Gateway, ListenProblem, PolicyProblem } from "../gateway/gateway.ts";
import { boundGarbage } from "../gateway/garbage.ts";
import { portHolder } from "../machine/ports.ts";
import { diagnosticLines, tally } from "./diagnostics.ts";
import { collectorOf, startExports } from "./exports.ts";
import { FileFollower } from "./file-follower.ts";
import { paintFor, type Paint } from "./paint.ts";
import { NoPolicy, policyText } from "./policy-text.ts";
import { RequestLog } from "./request-log.ts";
import { followTyping, type Typed } from "./terminal.ts";
import { oneFile, readWords, Usage } from "./usage.ts";

const OPTIONS = {
  ui: { type: "boolean" },
  "ui-port": { type: "string" },
  quiet: { type: "boolean" },
  "until-stdin-ends": { type: "boolean" },
  metrics: { type: "string" },
  otlp: { type: "string" },
  "no-agents": { type: "boolean" },
} as const;

export async function run(words: string[]): Promise<number> {
  const { values, positionals } = readWords(words, OPTIONS);
  const file = oneFile(positionals);
  const uiPort = portOf(values["ui-port"]);
  const wanted = { port: portOf(values.metrics), to: collectorOf(values.otlp) };
  const paint = paintFor(process.stdout);
  boundGarbage();
  const ended = new Ending();
  const gateway = new Gateway({
    file,
    // Whoever starts this command runs what stands in the file.
    mayRun: true,
    onStopRequested: () => ended.end(),
    replicaRemarked: (service, label, words) => replicaLine(service, label, paint.faint(`── ${words}`)),
    replicaPrinted: (service, label, line) => {
      if (values.quiet !== true) replicaLine(service, label, line);
    },
  });
  const replicaLine = (service: string, label: string, words: string): void => {
    process.stdout.write(`${paint.strong(`${service} ${label}`)} ${paint.faint("|")} ${words}\n`);
  };
  let text: string;
  try {
    text = policyText(file);
    await gateway.start(text);
  } catch (error) {
    process.stderr.write(await startFailure(error, paintFor(process.stderr)));
    return 1;
  }
  const page = values.ui === true || uiPort !== undefined ? await openPage(gateway, uiPort ?? 0) : undefined;
  if (page === false) {
    await gateway.stop(0);
    return 1;
  }
  announce(gateway, file, page, paint);
  const exports = await startExports(gateway, wanted, paint);
  if (exports === undefined) {
    await gateway.stop(0);
    if (page !== undefined) await page.close();
    return 1;
  }
  const door = values["no-agents"] === true ? undefined : await openDoor(gateway, file, paint);
  const log = values.quiet === true ? undefined : new RequestLog(gateway, paint);
  const follower = new FileFollower(file, text, (changed) => apply(gateway, changed, paint));
  listenToTerminal(gateway, page, values["until-stdin-ends"] === true, ended, paint);
  await ended.wait();
  process.stdout.write(paint.faint("Stopping: requests in flight may end.\n"));
  follower.close();
  log?.close();
  await door?.close();
  await gateway.stop();
  await exports();
  await page?.close();
  return 0;
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new Usage(`"${text}" is no port.`);
  return port;
}

/** Ends once, on a signal or on request; a second signal does not wait for anything. */
class Ending {
  private resolve: () => void = () => {};
  private readonly ended = new Promise<void>((resolve) => {
    this.resolve = resolve;
  });
  private asked = false;

  constructor() {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
      process.on(signal, () => {
        if (this.asked) process.exit(1);
        this.end();
      });
  }

  end(): void {
    this.asked = true;
    this.resolve();
  }

  wait(): Promise<void> {
    return this.ended;
  }
}

async function startFailure(error: unknown, paint: Paint): Promise<string> {
  if (error instanceof PolicyProblem)
    return `${diagnosticLines(error.diagnostics, paint)}${paint.bad("Not started")}: ${tally(error.diagnostics)}.\n`;
  if (error instanceof NoPolicy) return `${error.message}\n`;
  if (error instanceof ListenProblem) return `${await listenFailure(error, paint)}\n`;
  throw error;
}

async function listenFailure(problem: ListenProblem, paint: Paint): Promise<string> {
  const { listener, port, code, message } = problem;
  if (code === "EACCES")
    return `${paint.bad("Not started")}: this user may not listen on port ${port}. Give listener "${listener}" a port above 1023.`;
  if (code !== "EADDRINUSE") return `${paint.bad("Not started")}: ${message}`;
  const holder = await portHolder(port);
  const who = holder === undefined ? "another process" : `${holder.name} (process ${holder.processId})`;
  return `${paint.bad("Not started")}: port ${port} is held by ${who}. Stop it, or give listener "${listener}" another port.`;
}

/** false: it could not be opened, and that has been said. */
async function openPage(gateway: Gateway, port: number): Promise<PageServer | false> {
  const page = new PageServer({ gateway, assets: assetsFolder(), port });
  try {
    await page.open();
    return page;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === "EADDRINUSE" ? `port ${port} is in use; leave --ui-port out to get a free one` : String(error);
    process.stderr.write(`The page cannot be served: ${why}.\n`);
    return false;
  }
}

/** For `switchyard mcp` of the same user; without it, everything else works. */
async function openDoor(gateway: Gateway, file: string, paint: Paint): Promise<AgentDoor | undefined> {
  try {
    return await AgentDoor.open(gateway, file);
  } catch (error) {
    process.stdout.write(paint.faint(`Agents cannot reach this gateway: ${(error as Error).message}.\n`));
    return undefined;
  }
}

/** Beside the bundle; from the sources, where the build puts it. */
function assetsFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const folders = [here, join(here, ".."), join(here, "../../dist")];
  return folders.find((folder) => existsSync(join(folder, "page.js"))) ?? folders[2];
}

function announce(gateway: Gateway, file: string, page: PageServer | undefined, paint: Paint): void {
  const { listeners, policy } = gateway.statusView({ generation: gateway.generation, seq: 0 });
  const warnings = policy.diagnostics.filter((diagnostic) => diagnostic.severity === "warning");
  process.stdout.write(diagnosticLines(warnings, paint));
  for (const { name, url, problem } of listeners)
    process.stdout.write(
      problem === undefined
        ? `${paint.good("Listening")} on ${paint.strong(url)} (${name}, ${file})\n`
        : `${paint.bad("Not listening")}: ${name}: ${problem}\n`,
    );
  if (page !== undefined) process.stdout.write(pageLine(page, paint));
  process.stdout.write(paint.faint("A save of the policy applies at once. Ctrl-C stops.\n"));
}

function pageLine(page: PageServer, paint: Paint): string {
  return `${paint.good("Page")} at ${paint.strong(page.address())}\n`;
}

/** Enter prints a fresh address of the page, since each opens one browser once; `purge` empties the caches. */
function listenToTerminal(
  gateway: Gateway,
  page: PageServer | undefined,
  untilEnd: boolean,
  ended: Ending,
  paint: Paint,
): void {
  const { stdin } = process;
  if (page === undefined && !untilEnd && !stdin.isTTY) return;
  // A job in the background that reads its terminal is stopped, unless it says that it can do without.
  if (process.platform !== "win32") process.on("SIGTTIN", () => {});
  const typed: Typed = {
    pageLine: page && (() => pageLine(page, paint)),
    purge: (prefix) => gateway.purgeCache("", prefix),
    say: (line) => void process.stdout.write(line),
  };
  followTyping(stdin, typed, paint);
  // Listeners keep the process; a terminal that may still be typed on must not.
  if (stdin instanceof Socket) stdin.unref();
  if (untilEnd) stdin.on("end", () => ended.end()).on("close", () => ended.end());
}

async function apply(gateway: Gateway, text: string, paint: Paint): Promise<void> {
  const result = await gateway.propose(text, -1);
  switch (result.kind) {
    case "accepted":
      process.stdout.write(`${paint.good("Applied")} the saved policy (revision ${result.revision}).\n`);
      process.stdout.write(
        diagnosticLines(
          result.diagnostics.filter((each) => each.severity === "warning"),
          paint,
        ),
      );
      break;
    case "invalid":
      process.stdout.write(diagnosticLines(result.diagnostics, paint));
      process.stdout.write(
        `${paint.bad("Not applied")}: ${tally(result.diagnostics)}. The last good policy keeps serving.\n`,
      );
      break;
    case "failed":
      process.stdout.write(`${paint.bad("Not applied")}: ${result.message} The last good policy keeps serving.\n`);
      break;
    case "conflict":
      break;
  }
}
