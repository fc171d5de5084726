/**
 * The gateway as this window sees it: stopped, starting, running or lost, and the latest of what it tells.
 * One writer of that state; trees, status bar, pages and commands read it and ask here for changes.
 * Only what somebody looks at is asked of the gateway. Must not show anything itself.
 */
import { basename } from "node:path";
import { createBirpc, type BirpcReturn } from "birpc";
import * as vscode from "vscode";
import { FRAMING, type Frame } from "../contract/frames.ts";
import { CONTRACT_VERSION, type GatewayFunctions, type Topics, type WatcherFunctions } from "../contract/calls.ts";
import type { LimitsView } from "../contract/limits.ts";
import type { ServicesView } from "../contract/services.ts";
import type { GatewayStatus } from "../contract/status.ts";
import type { WhatIfView } from "../contract/what-if.ts";
import { GatewayProcess, GatewayStartError, type StartFailure } from "./gateway-process.ts";
import type { PolicyFile } from "./policy-file.ts";

export type GatewayState = "stopped" | "starting" | "running" | "stopping" | "lost";
export type GatewayCalls = BirpcReturn<GatewayFunctions, WatcherFunctions>;
type Watched = "services" | "limits";

export class NotRunning extends Error {
  override readonly name = "NotRunning";
  constructor() {
    super("The gateway is not running.");
  }
}

export class Controller implements vscode.Disposable {
  state: GatewayState = "stopped";
  status: GatewayStatus | undefined;
  services: ServicesView | undefined;
  limits: LimitsView | undefined;
  /** What the unsaved policy would change, while somebody types. */
  preview: WhatIfView | undefined;
  recording = true;
  /** When the gateway was lost: epoch milliseconds. */
  lostAt = 0;
  /** Until when what is shown may move on by itself: now, or the moment the gateway was lost. Epoch milliseconds. */
  get seenAt(): number {
    return this.state === "lost" ? this.lostAt : Date.now();
  }

  /** Why it is not running, for people. */
  problem: StartFailure | undefined;
  /** Policy of the running gateway. */
  file: PolicyFile | undefined;

  readonly log: vscode.LogOutputChannel;
  readonly #script: string;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #viewed = new vscode.EventEmitter<Watched>();
  readonly #lost = new vscode.EventEmitter<string>();
  readonly #watchers = new Map<string, ReadonlySet<Watched>>();
  #process: GatewayProcess | undefined;
  #calls: GatewayCalls | undefined;
  #applied: string | undefined;
  #sessions = 0;

  /** Any of the fields above changed. */
  readonly onChanged = this.#changed.event;
  /** New services or limits came. */
  readonly onViewed = this.#viewed.event;
  /** The process went away by itself. */
  readonly onLost = this.#lost.event;

  constructor(script: string, log: vscode.LogOutputChannel) {
    this.#script = script;
    this.log = log;
  }

  /** The running gateway's functions. Throws NotRunning. */
  get gateway(): GatewayCalls {
    if (this.#calls === undefined) throw new NotRunning();
    return this.#calls;
  }

  get running(): boolean {
    return this.state === "running";
  }

  /** Starts the gateway on `file`; rejects with GatewayStartError. */
  async start(file: PolicyFile): Promise<void> {
    if (this.state === "starting" || this.state === "running") return;
    this.file = file;
    this.problem = undefined;
    this.#become("starting");
    this.log.info(`Starting the gateway with ${file.uri.fsPath}`);
    try {
      const process = await GatewayProcess.start({
        script: this.#script,
        // Relative to the folder it runs in: so it is shown to people.
        file: basename(file.uri.fsPath),
        folder: file.folder,
        mayRun: vscode.workspace.isTrusted,
        agentAccess: vscode.workspace.getConfiguration("switchyard").get("agentAccess", true),
        onLine: (line) => this.log.info(line),
        onGone: (how, expected) => this.#onGone(how, expected),
      });
      this.#process = process;
      this.#calls = this.#open(process);
      const hello = await this.#calls.hello(CONTRACT_VERSION);
      if (hello.version !== CONTRACT_VERSION)
        throw new GatewayStartError({ message: "The gateway is of another version. Reload the window." });
      this.#applied = (await this.#calls.policyText()).text;
      this.status = hello.status;
      this.recording = true;
      this.#become("running");
      this.log.info(`The gateway runs as process ${process.processId}`);
      await this.#watch();
    } catch (error) {
      const failure = error instanceof GatewayStartError ? error.failure : { message: String(error) };
      this.log.error(failure.message);
      this.#forget();
      const process = this.#process;
      this.#process = undefined;
      this.problem = failure;
      this.#become("stopped");
      await process?.stop(0);
      throw error instanceof GatewayStartError ? error : new GatewayStartError(failure);
    }
  }

  async stop(patience?: number): Promise<void> {
    const process = this.#process;
    if (process === undefined) {
      if (this.state === "lost") this.#clear();
      return;
    }
    this.#become("stopping");
    this.#forget();
    await process.stop(patience);
    this.log.info("The gateway has stopped");
    this.#process = undefined;
    this.#clear();
  }

  /** Offers the saved text to the gateway. undefined = nothing to do. */
  async propose(text: string): Promise<Awaited<ReturnType<GatewayFunctions["propose"]>> | undefined> {
    if (!this.running || text === this.#applied) return undefined;
    this.#applied = text;
    const result = await this.gateway.propose(text, -1);
    this.log.info(`Policy saved: ${result.kind}`);
    return result;
  }

  async setRecording(on: boolean): Promise<void> {
    await this.gateway.setRecording(on);
    this.noteRecording(on);
  }

  /** A page switched the recording. */
  noteRecording(on: boolean): void {
    this.recording = on;
    this.#changed.fire();
  }

  /** An unsaved policy is compared with the saved one. */
  notePreview(view: WhatIfView | undefined): void {
    if (view === undefined && this.preview === undefined) return;
    this.preview = view;
    this.#changed.fire();
  }

  /** Who (a view) wants to be told what; nothing when it is hidden. */
  look(who: string, at: readonly Watched[]): void {
    this.#watchers.set(who, new Set(at));
    void this.#watch();
  }

  /** A session of its own for a page. undefined while no gateway runs. */
  connect(receive: (frame: Frame) => void): { send(frame: Frame): void; close(): void } | undefined {
    if (!this.running) return undefined;
    this.#sessions += 1;
    return this.#process?.connect(`page-${this.#sessions}`, receive);
  }

  dispose(): void {
    void this.stop(1500);
    this.#changed.dispose();
    this.#viewed.dispose();
    this.#lost.dispose();
  }

  #open(process: GatewayProcess): GatewayCalls {
    let receive: ((frame: unknown) => void) | undefined;
    const session = process.connect("extension", (frame) => receive?.(frame));
    const functions: WatcherFunctions = {
      traffic: () => {},
      servicesChanged: (view) => {
        this.services = view;
        this.#viewed.fire("services");
      },
      limitsChanged: (view) => {
        this.limits = view;
        this.#viewed.fire("limits");
      },
      statusChanged: (status) => {
        this.status = status;
        this.#changed.fire();
      },
      whatIfChanged: () => {},
    };
    return createBirpc<GatewayFunctions, WatcherFunctions>(functions, {
      post: (frame: Frame) => session.send(frame),
      on: (listener) => {
        receive = listener;
      },
      ...FRAMING,
      // With a name: an answer that could not be sent. Without one a call failed, and its caller must learn that.
      onGeneralError: (error, name) => {
        this.log.warn(String(error));
        return name !== undefined;
      },
    });
  }

  async #watch(): Promise<void> {
    const calls = this.#calls;
    if (calls === undefined || !this.running) return;
    const wanted = new Set([...this.#watchers.values()].flatMap((at) => [...at]));
    const topics: Topics = {
      status: true,
      ...(wanted.has("services") && { services: true }),
      ...(wanted.has("limits") && { limits: { count: 20 } }),
    };
    try {
      await calls.watch(topics);
      if (wanted.has("services")) this.services = await calls.services();
      if (wanted.has("limits")) this.limits = await calls.limits("", 20);
      for (const kind of wanted) this.#viewed.fire(kind);
    } catch (error) {
      if (this.running) this.log.warn(`Watching failed: ${String(error)}`);
    }
  }

  #onGone(how: string, expected: boolean): void {
    if (expected) return;
    this.#process = undefined;
    if (this.state !== "running") return this.#forget();
    this.#forget();
    this.lostAt = Date.now();
    this.problem = { message: how };
    this.log.error(`Gateway lost. ${how}`);
    this.#become("lost");
    this.#lost.fire(how);
  }

  #forget(): void {
    this.preview = undefined;
    this.#calls?.$close(new NotRunning());
    this.#calls = undefined;
    this.#applied = undefined;
  }

  #clear(): void {
    this.status = undefined;
    this.services = undefined;
    this.limits = undefined;
    this.problem = undefined;
    this.#become("stopped");
    this.#viewed.fire("services");
    this.#viewed.fire("limits");
  }

  #become(state: GatewayState): void {
    this.state = state;
    this.#changed.fire();
  }
}
