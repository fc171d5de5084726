/**
 * The composition root: engine, recorder, plan revisions and watchers in one object.
 * The CLI and the process that the extension forks both use this, so that they cannot differ.
 * Must not know who watches or over which channel.
 */
import { randomBytes } from "node:crypto";
import type { AnalyticsView, AnalyticsWindow } from "../contract/analytics.ts";
import type { CachesView } from "../contract/caches.ts";
import type { ExplainRequest } from "../contract/explaining.ts";
import type { Detail } from "../contract/detail.ts";
import type { BucketChange, BucketUndo, LimitsView } from "../contract/limits.ts";
import type { DiagnosticView, ProposeResult } from "../contract/policy.ts";
import type { AdminState, ServicesView, Simulation } from "../contract/services.ts";
import type { Stamp } from "../contract/stamp.ts";
import type { GatewayStatus } from "../contract/status.ts";
import type { HarExport, Row } from "../contract/traffic.ts";
import { clone } from "../decide/clone.ts";
import { freshState } from "../model/fresh.ts";
import type { JournalEvent } from "../model/journal.ts";
import type { Plan } from "../model/plan.ts";
import { carry } from "../policyfile/carry.ts";
import { DurableStates } from "./control/durable-state.ts";
import { GatewayViews } from "./control/gateway-views.ts";
import { LimitHands } from "./control/limit-hands.ts";
import { Hands } from "./control/hands.ts";
import { PolicyProblem } from "./control/policy-problem.ts";
import { PolicyReader } from "./control/policy-reader.ts";
import { Session, type SessionGateway, type SessionOptions } from "./control/session.ts";
import { TrafficLists } from "./control/traffic-lists.ts";
import { explainRequest } from "./control/what-if.ts";
import { FactGatherer } from "./facts/gatherer.ts";
import { Engine, ListenProblem, type Active } from "./listen/engine.ts";
import { now, seed, wallClock } from "./readings.ts";
import { detailOf } from "./record/detail.ts";
import { Mask } from "./record/mask.ts";
import { BothJournals, EventJournal, type Journal } from "./record/journal.ts";
import { Recorder, type RecorderOptions } from "./record/recorder.ts";
import { RowMaker } from "./record/row.ts";
import { MintDesk } from "./mint/mint-desk.ts";
import { Resender } from "./resend/resender.ts";
import { Fleet } from "./run/fleet.ts";
import { NoPorts } from "./run/ports.ts";
import { Simulations } from "./simulate/simulations.ts";
import { WhatIfs, type SeenPolicy } from "./what-if/what-ifs.ts";

export { PolicyProblem } from "./control/policy-problem.ts";
export { ListenProblem } from "./listen/engine.ts";

/** Put in by the bundler. */
declare const SWITCHYARD_VERSION: string | undefined;

const VERSION = typeof SWITCHYARD_VERSION === "string" ? SWITCHYARD_VERSION : "development";

export interface GatewayOptions {
  /** Path of the policy file as shown to people; relative files are resolved against its folder. */
  readonly file: string;
  /** Budgets of the recorder. */
  readonly record?: Omit<RecorderOptions, "now">;
  /** Commands under `run` may be started: the workspace is trusted, or a person started this gateway. Default: no. */
  readonly mayRun?: boolean;
  /** Everything that touches State, in order. */
  journal?(event: JournalEvent): void;
  /** A replica that this gateway runs was started, became healthy, died, or left. */
  replicaRemarked?(service: string, label: string, words: string): void;
  /** A line that such a replica printed. */
  replicaPrinted?(service: string, label: string, line: string): void;
  /** Whoever asked for `stop` over a session. */
  onStopRequested?(): void;
}

/** Milliseconds that requests in flight get when the gateway stops. */
const DRAIN = 10_000;
/** Milliseconds between SIGTERM and SIGKILL for its replicas then. */
const REPLICA_GRACE = 2000;

export class Gateway implements SessionGateway {
  readonly generation = randomBytes(8).toString("hex");
  readonly recorder: Recorder;
  private readonly options: GatewayOptions;
  private readonly reader: PolicyReader;
  private readonly facts: FactGatherer;
  private readonly engine: Engine;
  private readonly hands: Hands;
  private readonly limitHands: LimitHands;
  private readonly durable: DurableStates;
  private readonly fleet: Fleet;
  private readonly simulations = new Simulations();
  readonly whatIfs: WhatIfs;
  readonly resender: Resender;
  readonly mintDesk: MintDesk;
  readonly lists: TrafficLists;
  private readonly journal: Journal;
  private readonly rows: RowMaker;
  private readonly views: GatewayViews;
  private readonly sessions = new Set<Session>();
  private knownMask: { size: number; revision: number; mask: Mask } | undefined;
  private text = "";
  /** The latest number given to a plan, served or not: a revision never means two plans. */
  private revision = 0;
  /** The number of the first plan made of `text`: scaling makes further ones of the same text. */
  private textRevision = 0;
  private acceptedAt = 0;
  private invalid = false;
  private diagnostics: readonly DiagnosticView[] = [];
  private draining = false;
  /** Edits are taken one at a time, in the order in which they came. */
  private lastEdit: Promise<unknown> = Promise.resolve();
  urgency = 0;

  constructor(options: GatewayOptions) {
    this.options = options;
    this.reader = new PolicyReader(options.file);
    this.facts = new FactGatherer({ baseDirectory: this.reader.directory });
    this.recorder = new Recorder({ now, ...options.record });
    this.rows = new RowMaker(this.recorder, () => this.mask);
    this.resender = new Resender({
      recorder: this.recorder,
      plan: () => this.active.plan,
      listeners: () => this.engine.listeners,
      mask: () => this.mask,
    });
    this.lists = new TrafficLists({
      recorder: this.recorder,
      rows: this.rows,
      mask: () => this.mask,
      marked: (ids) => this.sessions.forEach((session) => session.rowsMarked(ids)),
      wallClock,
      savedAt: () => this.acceptedAt,
      changed: (id) => this.whatIfs.changes(id),
    });
    this.mintDesk = new MintDesk({
      recorder: this.recorder,
      context: () => ({ ...this.judging, directory: this.reader.directory }),
    });
    this.whatIfs = new WhatIfs({
      file: options.file,
      active: () => this.engine.active,
      mask: () => this.mask,
      maskOf: (id) => this.resender.maskOf(id),
      changed: (ids) => this.sessions.forEach((session) => session.previewChanged(ids)),
    });
    const changed = (): void => void this.urgency++;
    const told = options.journal?.bind(options);
    const { journal: own } = this.whatIfs;
    const journal = (this.journal = told === undefined ? own : new BothJournals(own, new EventJournal(told)));
    this.engine = new Engine({
      recorder: this.recorder,
      facts: this.facts,
      baseDirectory: this.reader.directory,
      now,
      wallClock,
      seed,
      simulations: this.simulations,
      journal,
      changed,
    });
    this.hands = new Hands({
      now,
      active: () => this.engine.active,
      journal,
      changed,
    });
    this.limitHands = new LimitHands({
      now,
      wallClock,
      active: () => this.engine.active,
      journal,
      changed,
    });
    this.durable = new DurableStates({ file: options.file, active: () => this.engine.active });
    this.fleet = new Fleet({
      directory: this.reader.directory,
      mayRun: options.mayRun === true,
      now,
      stateOf: (service, url) => this.hands.stateOf(service, url),
      setLife: (...life) => this.hands.setLife(...life),
      replan: () => void this.inTurn(() => this.replan()).catch(() => {}),
      remarked: (...remark) => options.replicaRemarked?.(...remark),
      printed: (...line) => options.replicaPrinted?.(...line),
    });
    const { recorder, engine, fleet, simulations, limitHands, durable, lists } = this;
    this.views = new GatewayViews({
      recorder,
      engine,
      fleet,
      simulations,
      limitHands,
      durable,
      lists,
      file: options.file,
      version: VERSION,
      instance: this.generation,
      active: () => this.active,
      mask: () => this.mask,
      policy: () => ({ acceptedAt: this.acceptedAt, invalid: this.invalid, diagnostics: this.diagnostics }),
      draining: () => this.draining,
      detail: (id) => this.detail(id, false),
    });
  }

  // ---- Life -----------------------------------------------------------------------------------------------------

  /** Reads, compiles and opens the listeners. Rejects with PolicyProblem or ListenProblem; nothing is open then. */
  async start(text: string): Promise<void> {
    const { plan, diagnostics, sources } = this.reader.read(text);
    if (plan === undefined) throw new PolicyProblem(this.options.file, diagnostics);
    await this.inTurn(() => this.serve(plan, { text, sources }, diagnostics));
  }

  /** The process that watches over the replicas; undefined while there are none. */
  get supervisorId(): number | undefined {
    return this.fleet.supervisorId;
  }

  /** The running policy as text; "" before the start. */
  get policy(): string {
    return this.text;
  }

  /** Offers an edit. @param basedOn the revision it started from; -1 = whatever runs. Never rejects. */
  propose(text: string, basedOn: number): Promise<ProposeResult> {
    return this.inTurn(() => this.edit(text, basedOn));
  }

  /** Whatever changes the plan waits for its turn. */
  private inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const turn = this.lastEdit.then(change);
    this.lastEdit = turn.catch(() => undefined);
    return turn;
  }

  /** Lets requests in flight end for at most `milliseconds`, then closes everything. Sessions end last. */
  async stop(milliseconds = DRAIN): Promise<void> {
    this.draining = true;
    this.urgency++;
    await this.lastEdit;
    await this.engine.drain(milliseconds);
    await this.durable.close();
    await this.fleet.stop(REPLICA_GRACE);
    this.simulations.close();
    this.facts.close();
    this.whatIfs.close();
    for (const session of this.sessions) session.close();
    this.sessions.clear();
  }

  /** One session per watcher. */
  connect(options: SessionOptions): { receive(frame: unknown): void; close(): void } {
    const session = new Session(this, options);
    this.sessions.add(session);
    return {
      receive: (frame) => session.receive(frame),
      close: () => {
        session.close();
        this.sessions.delete(session);
      },
    };
  }

  requestStop(): void {
    this.options.onStopRequested?.();
  }

  private async edit(text: string, basedOn: number): Promise<ProposeResult> {
    if (this.draining) return { kind: "failed", message: "The gateway is stopping." };
    const serving = this.active.revision;
    // Every plan since the text was accepted is made of it.
    const stale = basedOn < this.textRevision || basedOn > serving;
    if (basedOn !== -1 && stale) return { kind: "conflict", revision: serving };
    const { plan, diagnostics, sources } = this.reader.read(text);
    if (plan === undefined) {
      this.invalid = true;
      this.diagnostics = diagnostics;
      this.urgency++;
      return { kind: "invalid", diagnostics };
    }
    try {
      await this.serve(plan, { text, sources }, diagnostics);
    } catch (error) {
      this.urgency++;
      if (error instanceof ListenProblem || error instanceof NoPorts) return { kind: "failed", message: error.message };
      throw error;
    }
    return { kind: "accepted", revision: this.active.revision, diagnostics };
  }

  private async serve(read: Plan, seen: SeenPolicy, diagnostics: readonly DiagnosticView[]): Promise<void> {
    const { plan, commit } = await this.fleet.draft(read);
    const acceptedAt = wallClock();
    await this.swap(plan, acceptedAt, seen);
    this.text = seen.text;
    this.textRevision = this.revision;
    this.acceptedAt = acceptedAt;
    this.invalid = false;
    this.diagnostics = diagnostics;
    commit();
    this.whatIfs.end();
    this.urgency++;
  }

  /** Other replicas under the same text. */
  private async replan(): Promise<void> {
    if (this.draining) return;
    await this.swap(this.fleet.planned(this.active.plan), this.acceptedAt);
    this.urgency++;
  }

  /** @throws ListenProblem; the old plan keeps serving then. */
  private async swap(plan: Plan, acceptedAt: number, seen?: SeenPolicy): Promise<void> {
    const revision = this.revision + 1;
    // The first request of the new plan may end before `apply` settles, so the book knows the plan first.
    this.recorder.plans.add(revision, plan, acceptedAt);
    this.recorder.analytics.add(plan);
    this.whatIfs.planned(revision, plan, seen);
    this.facts.bodies.planned(plan, this.whatIfs.recipe);
    this.revision = revision;
    try {
      const restored: [number, unknown][] = [];
      await this.engine.apply(
        plan,
        (old, at) => {
          const state = stateFor(plan, old, at);
          this.durable.restore(plan, state, (step, own) => void restored.push([step.index, clone(own)]));
          return state;
        },
        revision,
      );
      // Behind the swap, which a replay carries by itself; no request was read in between.
      for (const [step, state] of restored)
        this.journal.beside({ kind: "limit", at: now(), step, change: { kind: "whole", state } });
    } catch (error) {
      this.recorder.plans.withdraw(revision);
      this.recorder.analytics.withdraw();
      throw error;
    }
  }

  // ---- What sessions ask ----------------------------------------------------------------------------------------

  get activity(): number {
    return this.recorder.rate.total + this.urgency;
  }

  private get active(): Active {
    const { active } = this.engine;
    if (active === undefined) throw new Error("The gateway has not started yet.");
    return active;
  }

  /** Made anew when plans come or go. */
  private get mask(): Mask {
    const { size } = this.recorder.plans;
    if (this.knownMask?.size !== size || this.knownMask.revision !== this.revision) {
      this.rows.forget();
      const plans = [...this.recorder.plans.all()].map((page) => page.plan);
      this.knownMask = { size, revision: this.revision, mask: Mask.of(plans) };
    }
    return this.knownMask.mask;
  }

  openView(filter: string): ReturnType<TrafficLists["openView"]> {
    return this.lists.openView(filter);
  }

  row(id: number): Row | undefined {
    const row = this.lists.importedRow(id) ?? this.rows.row(id);
    return row && this.whatIfs.marked(row);
  }

  detail(id: number, reveal: boolean): Detail | undefined {
    if (id < 0) return this.lists.importedDetail(id);
    return detailOf({ recorder: this.recorder, rows: this.rows, mask: this.mask, port: this.portOf }, id, reveal);
  }

  lastRejection(): Detail | undefined {
    const id = this.recorder.lastRejection;
    return id === 0 ? undefined : this.detail(id, false);
  }

  private readonly portOf = (listener: string): number => {
    const known = this.engine.listeners.find((each) => each.name === listener);
    return known?.addresses.find((address) => address.port !== 0)?.port ?? known?.port ?? 80;
  };

  counts(): ReturnType<SessionGateway["counts"]> {
    return this.views.counts();
  }

  /** @throws Error when the filter cannot be read. */
  exportHar(filter: string): Promise<HarExport> {
    return this.views.har(filter);
  }

  servicesView(stamp: Stamp): ServicesView {
    return this.views.services(stamp);
  }

  analyticsView(stamp: Stamp, window: AnalyticsWindow): AnalyticsView {
    return this.views.analytics(stamp, window);
  }

  /** The counts since the start, for Prometheus. */
  metricsText(): string {
    return this.views.metricsText();
  }

  /** The same for a collector of OpenTelemetry. */
  otlpMetrics(): object {
    return this.views.otlpMetrics();
  }

  cachesView(search: string, count: number): CachesView {
    return this.views.caches(search, count);
  }

  limitsView(stamp: Stamp, search: string, count: number): LimitsView {
    return this.views.limits(stamp, search, count);
  }

  statusView(stamp: Stamp): GatewayStatus {
    return this.views.status(stamp);
  }

  purgeCache(identity: string, prefix: string): number {
    this.urgency++;
    return this.engine.caches.purge(identity === "" ? undefined : identity, prefix);
  }

  changeBucket(identity: string, key: string, change: BucketChange): BucketUndo {
    return this.limitHands.change(identity, key, change);
  }

  undoBucket(token: number): void {
    this.limitHands.undo(token);
  }

  setAdmin(service: string, url: string, admin: AdminState): void {
    this.hands.setAdmin(service, url, admin);
  }

  async simulate(service: string, url: string, simulation: Simulation | null): Promise<void> {
    const label = this.hands.label(service, url);
    if (simulation?.kind === "errors" && !this.answersHttp(service))
      throw new Error(`No HTTP request goes to "${service}", so no status can be answered: simulate down or latency.`);
    await this.simulations.set(service, url, label, simulation);
    this.urgency++;
  }

  private answersHttp(name: string): boolean {
    const { services, routes } = this.active.plan;
    return routes.some(
      ({ layer4, backends }) => layer4 !== true && backends.some(({ service }) => services[service].name === name),
    );
  }

  clearSimulations(): void {
    this.simulations.clear();
    this.urgency++;
  }

  /** Resolves when the plan has the replicas. @throws Error when the gateway does not run this service. */
  scale(service: string, replicas: number): Promise<void> {
    return this.inTurn(async () => {
      if (this.draining) throw new Error("The gateway is stopping.");
      const { plan, commit } = await this.fleet.draftScale(this.active.plan, service, replicas);
      await this.swap(plan, this.acceptedAt);
      commit();
      this.urgency++;
    });
  }

  replicaLog(service: string, url: string): string | undefined {
    const text = this.fleet.find(service, url)?.log.text;
    return text === undefined ? undefined : this.mask.text(text);
  }

  policyText(masked: boolean): { text: string; revision: number } {
    return { text: masked ? this.mask.text(this.text) : this.text, revision: this.active.revision };
  }

  explain(request: ExplainRequest): Promise<Detail> {
    return explainRequest(this.judging, request);
  }

  /** What it takes to decide on a request that is not sent. */
  private get judging() {
    return { ...this.active, facts: this.facts, mask: this.mask, now, wallClock, seed };
  }

  clearTraffic(): void {
    this.recorder.clear();
    this.whatIfs.journal.clear();
    this.whatIfs.end();
    this.rows.forget();
  }

  setRecording(on: boolean): void {
    this.recorder.recording = on;
  }
}

/** Carried at the moment of the swap, so that nothing taken meanwhile is lost. */
function stateFor(plan: Plan, old: Active | undefined, at: number): Active["state"] {
  return old === undefined ? freshState(plan) : carry(old.state, old.plan, plan, at);
}
