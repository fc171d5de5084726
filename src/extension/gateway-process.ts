/**
 * The gateway as a child process of this window: fork, wait for its word, multiplex sessions, end it.
 * It exists only as long as its channel does, so it never outlives the window. Must not know VS Code.
 */
import { fork, type ChildProcess } from "node:child_process";
import type { Frame, SessionMessage, StartMessage } from "../contract/frames.ts";

export type StartFailure = Extract<StartMessage, { failed: unknown }>["failed"];

/** The process said, or showed, that it cannot start. */
export class GatewayStartError extends Error {
  override readonly name = "GatewayStartError";
  readonly failure: StartFailure;
  constructor(failure: StartFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

export interface GatewayProcessOptions {
  /** Path of dist/gateway.js. */
  readonly script: string;
  /** Name of the policy file in `folder`. */
  readonly file: string;
  readonly folder: string;
  /** The workspace is trusted: commands under `run` of the policy may be started. */
  readonly mayRun: boolean;
  /** `switchyard mcp` of this user may read what it records. */
  readonly agentAccess: boolean;
  /** A line that the process printed. */
  onLine(line: string): void;
  /** Told once, after the start succeeded: the process is gone. `expected` when `stop` was asked for. */
  onGone(how: string, expected: boolean): void;
}

/** A start that takes longer has failed. Milliseconds; on a very busy machine 15 s have been seen. */
const START_TIMEOUT = 60_000;
/** Milliseconds a stopping gateway may drain before it is killed. */
const STOP_TIMEOUT = 5_000;

export class GatewayProcess {
  readonly processId: number;
  readonly #child: ChildProcess;
  readonly #sessions = new Map<string, (frame: Frame) => void>();
  #stopping = false;
  #gone = false;

  private constructor(child: ChildProcess, processId: number) {
    this.#child = child;
    this.processId = processId;
  }

  /** Resolves when every listener is open; rejects with GatewayStartError. */
  static start(options: GatewayProcessOptions): Promise<GatewayProcess> {
    const words = [...(options.mayRun ? ["--may-run"] : []), ...(options.agentAccess ? [] : ["--no-agents"])];
    const child = fork(options.script, [options.file, ...words], {
      cwd: options.folder,
      // VS Code's own node: in the desktop application process.execPath is Electron.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", VSCODE_INSPECTOR_OPTIONS: undefined },
      execArgv: [],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "json",
    });
    let problem = "";
    const keep = (line: string): void => {
      if (/^\w*Error\b/.test(line)) problem = line.slice(0, 300);
      options.onLine(line.slice(0, 2000));
    };
    if (child.stdout) eachLine(child.stdout, keep);
    if (child.stderr) eachLine(child.stderr, keep);

    return new Promise((resolve, reject) => {
      let started: GatewayProcess | undefined;
      const fail = (failure: StartFailure): void => {
        clearTimeout(late);
        child.kill("SIGKILL");
        reject(new GatewayStartError(failure));
      };
      const late = setTimeout(
        () => fail({ message: `The gateway did not say that it started within ${START_TIMEOUT / 1000} s.` }),
        START_TIMEOUT,
      );
      child.on("error", (error) => {
        if (started === undefined) fail({ message: `The gateway process could not be started: ${error.message}` });
      });
      child.on("message", (message) => {
        if (started !== undefined) return started.#receive(message as SessionMessage);
        const word = message as StartMessage;
        if ("failed" in word) return fail(word.failed);
        if (!("started" in word)) return;
        clearTimeout(late);
        started = new GatewayProcess(child, child.pid ?? word.started.processId);
        resolve(started);
      });
      child.on("exit", (code, signal) => {
        const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
        if (started === undefined) return fail({ message: `The gateway process ${how}. ${problem}`.trim() });
        started.#gone = true;
        started.#sessions.clear();
        options.onGone(`The gateway process ${how}.`, started.#stopping);
      });
    });
  }

  /** One session per watcher. `receive` is given every frame of the gateway. */
  connect(session: string, receive: (frame: Frame) => void): { send(frame: Frame): void; close(): void } {
    this.#sessions.set(session, receive);
    return {
      send: (data) => this.#send({ session, data }),
      close: () => {
        if (this.#sessions.get(session) !== receive) return;
        this.#sessions.delete(session);
        this.#send({ session });
      },
    };
  }

  /** Lets it drain, then makes sure. Resolves when the process is gone. */
  async stop(patience = STOP_TIMEOUT): Promise<void> {
    this.#stopping = true;
    if (this.#gone) return;
    const gone = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    if (process.platform === "win32") this.#child.disconnect();
    else this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), patience);
    await gone;
    clearTimeout(late);
  }

  #receive(message: SessionMessage): void {
    if (message.data !== undefined) this.#sessions.get(message.session)?.(message.data);
  }

  #send(message: SessionMessage): void {
    // A channel that closes meanwhile is told by "exit"; the callback keeps the error from being thrown.
    if (!this.#gone && this.#child.connected) this.#child.send(message, () => {});
  }
}

function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") take(line);
  });
  stream.on("end", () => {
    if (rest !== "") take(rest);
  });
}
