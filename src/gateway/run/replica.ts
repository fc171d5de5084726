/**
 * One replica of a service that the gateway runs: its port, its process, its log, and where it stands in life.
 * Started, asked until it is healthy, started again after a growing pause when it dies, ended when it is to leave.
 * Must not know the plan: the fleet tells the core what a replica says of itself.
 */
import { exitWords } from "../../decide/exclusions.ts";
import { millisWords } from "../../decide/words.ts";
import type { Millis } from "../../model/basics.ts";
import type { ActiveCheck, PlanRun } from "../../model/plan.ts";
import { Life, type EndpointState } from "../../model/state.ts";
import { knock } from "../forward/dial.ts";
import { probe } from "../health/probe.ts";
import { LogRing } from "./log-ring.ts";
import type { Report } from "./orders.ts";
import { isFree } from "./ports.ts";
import type { SupervisorLink } from "./supervisor-link.ts";

/** The first pause before a new start; doubles with each death in a row, up to the longest. */
const FIRST_PAUSE: Millis = 500;
const LONGEST_PAUSE: Millis = 30_000;
/** A process that has served this long is not failing in a row any more. */
const SETTLED: Millis = 10_000;
/** Between two questions whether it is healthy: grows from the first to the last. */
const FIRST_ASK: Millis = 50;
const LAST_ASK: Millis = 500;
const KNOCK_LIMIT: Millis = 1000;
/** Between SIGTERM and SIGKILL. */
const GRACE: Millis = 5000;

export interface ReplicaContext {
  readonly supervisor: SupervisorLink;
  /** Folder of the policy file. */
  readonly directory: string;
  /** False where commands of the policy file may not be run. */
  readonly mayRun: boolean;
  now(): Millis;
  nextId(): number;
  /** `life` has changed. */
  changed(replica: Replica): void;
  /** A line that its process printed. */
  printed(replica: Replica, line: string): void;
  /** A remark about it: started, healthy, died, ended. */
  remarked(replica: Replica, words: string): void;
}

export class Replica {
  readonly service: string;
  readonly port: number;
  readonly url: string;
  readonly label: string;
  readonly log: LogRing;
  life: number;
  lifeUntil: Millis = 0;
  exitCode = 0;
  restarts = 0;
  processId: number | undefined;
  /** Its endpoint in the plan it came with; a carried plan keeps the very object. */
  state: EndpointState | undefined;
  /** It stands in the plan. */
  planned = true;
  /** How its health is asked; follows the plan. */
  check: ActiveCheck | undefined;
  private readonly context: ReplicaContext;
  private readonly run: PlanRun;
  private readonly cwd: string;
  /** Of the running process; 0 = none. */
  private id = 0;
  private deaths = 0;
  private servingSince: Millis = 0;
  private timer: NodeJS.Timeout | undefined;
  private callOff: () => void = () => {};
  private stopped: (() => void) | undefined;
  private end: Promise<void> | undefined;
  private gone = false;

  constructor(context: ReplicaContext, service: string, run: PlanRun, cwd: string, port: number) {
    this.context = context;
    this.service = service;
    this.run = run;
    this.cwd = cwd;
    this.port = port;
    this.url = `http://localhost:${port}`;
    this.label = `:${port}`;
    this.life = context.mayRun ? Life.Starting : Life.Forbidden;
    this.log = new LogRing((line) => context.printed(this, line));
  }

  get running(): boolean {
    return this.id !== 0;
  }

  start(): void {
    if (this.life === Life.Forbidden) return this.context.changed(this);
    void this.launch();
  }

  /** A report of the supervisor. @returns false when it is about another's process. */
  heard(report: Report): boolean {
    if (report.id !== this.id) return false;
    if (report.kind === "started") this.processId = report.processId;
    else if (report.kind === "output") this.log.write(report.text);
    else this.ended(report.code, report.problem);
    return true;
  }

  /** No new requests from now on; those on their way may end until `until`. */
  leave(until: Millis): void {
    if (this.life === Life.Leaving) return;
    this.quiet();
    this.become(Life.Leaving, until, this.exitCode);
  }

  /** Ends its process, politely at first. Resolves when it is gone. */
  stop(grace: Millis = GRACE): Promise<void> {
    this.quiet();
    this.gone = true;
    if (this.id === 0) return Promise.resolve();
    this.context.supervisor.signal(this.id, "SIGTERM");
    this.timer = setTimeout(() => this.context.supervisor.signal(this.id, "SIGKILL"), grace);
    this.timer.unref();
    this.end ??= new Promise((resolve) => {
      this.stopped = resolve;
    });
    return this.end;
  }

  private async launch(): Promise<void> {
    const free = await isFree(this.port);
    if (this.gone || this.life === Life.Leaving) return;
    if (!free) return this.pause(`port ${this.port} is held by another process`);
    const { command, env, port } = this.run;
    this.id = this.context.nextId();
    this.become(Life.Starting, 0, this.exitCode);
    this.remark(`starting on port ${this.port}: ${command}`);
    this.context.supervisor.start({
      id: this.id,
      command,
      cwd: this.cwd,
      env: { ...ownEnvironment(), ...env, [port.env]: String(this.port) },
    });
    this.askIn(FIRST_ASK);
  }

  /** Asks whether it is healthy, again and again, until it is. */
  private askIn(delay: Millis): void {
    const { id } = this;
    this.timer = setTimeout(() => {
      const place = { host: "localhost", port: this.port };
      const answered = (up: boolean): void => {
        if (id !== this.id || this.life !== Life.Starting) return;
        if (up) this.healthy();
        else this.askIn(Math.min(delay * 1.5, LAST_ASK));
      };
      this.callOff =
        this.check === undefined
          ? knock(place.host, place.port, KNOCK_LIMIT, answered)
          : probe(place, this.check, answered);
    }, delay);
    this.timer.unref();
  }

  private healthy(): void {
    this.servingSince = this.context.now();
    this.become(Life.Serving, 0, this.exitCode);
    this.remark(`healthy, takes requests (process ${this.processId ?? "?"})`);
  }

  private ended(code: number, problem: string | undefined): void {
    const served = this.life === Life.Serving ? this.context.now() - this.servingSince : 0;
    this.quiet();
    this.id = 0;
    this.processId = undefined;
    this.exitCode = code;
    if (problem !== undefined) this.remark(problem);
    if (this.gone || this.life === Life.Leaving) {
      this.remark("ended");
      this.stopped?.();
      return;
    }
    if (served >= SETTLED) this.deaths = 0;
    this.pause(exitWords(code));
  }

  private pause(why: string): void {
    const pause = Math.min(FIRST_PAUSE * 2 ** Math.min(this.deaths, 10), LONGEST_PAUSE);
    this.deaths++;
    this.restarts++;
    this.become(Life.Restarting, this.context.now() + pause, this.exitCode);
    this.remark(`restarting in ${millisWords(pause)} after ${why}`);
    this.timer = setTimeout(() => void this.launch(), pause);
    this.timer.unref();
  }

  private become(life: number, until: Millis, exitCode: number): void {
    this.life = life;
    this.lifeUntil = until;
    this.exitCode = exitCode;
    this.context.changed(this);
  }

  private remark(words: string): void {
    this.log.remark(words);
    this.context.remarked(this, words);
  }

  private quiet(): void {
    clearTimeout(this.timer);
    this.callOff();
    this.callOff = () => {};
  }
}

/** What the gateway was given, less what only concerns how VS Code runs it. */
function ownEnvironment(): Record<string, string> {
  const { ELECTRON_RUN_AS_NODE: _, ...rest } = process.env;
  return rest as Record<string, string>;
}
