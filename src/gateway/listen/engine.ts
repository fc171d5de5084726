/**
 * The running engine: listeners, the plan and state they serve, health checks; and the swap of all of them under load.
 * It exists so that the rest of the gateway sees one thing with `apply` and `drain`.
 * Must not move bytes or decide: connections do the first, decide/ the second.
 */
import { randomBytes } from "node:crypto";
import type { Millis, Seed } from "../../model/basics.ts";
import type { PlanEndpoint } from "../../model/endpoint.ts";
import type { Plan, PlanListener, PlanService } from "../../model/plan.ts";
import { Failure, type EndpointState, type State } from "../../model/state.ts";
import { PolicyCosts } from "../analytics/costs.ts";
import type { FactGatherer } from "../facts/gatherer.ts";
import { Caches } from "../cache/caches.ts";
import { UpstreamPool } from "../forward/pool.ts";
import type { Active, EngineServices } from "../forward/services.ts";
import { HealthChecks } from "../health/checks.ts";
import { flat } from "../http1/flat.ts";
import { UdpListener } from "../layer4/udp-listener.ts";
import { Revival } from "../health/revival.ts";
import type { Journal } from "../record/journal.ts";
import type { RecordKeeper } from "../record/recording.ts";
import { Simulations } from "../simulate/simulations.ts";
import { BackendSessions } from "../http2/sessions.ts";
import { Terminators } from "../tls/terminators.ts";
import { UpstreamSecurities } from "../tls/upstream-security.ts";
import { CoarseClock } from "./clock.ts";
import { ListenProblem, type ListenerAddress } from "./addresses.ts";
import { BoundListener } from "./listener.ts";
import type { Listening } from "./listening.ts";

export { ListenProblem, type Active, type ListenerAddress };

export interface EngineOptions {
  readonly recorder: RecordKeeper;
  readonly facts: FactGatherer;
  /** Where relative paths of the policy file begin; the working directory by default. */
  readonly baseDirectory?: string;
  /** Monotonic milliseconds. */
  now(): Millis;
  /** Epoch milliseconds. */
  wallClock(): number;
  seed(): Seed;
  /** What people pretend of single replicas; absent = nothing, ever. */
  readonly simulations?: Simulations;
  /** Everything that touches State, in order. Absent: nobody listens and nothing is built for it. */
  readonly journal?: Journal;
  /** A health verdict or an ejection changed; listener addresses changed. For status displays, never per request. */
  changed?(what: "health" | "listeners"): void;
}

export interface ListenerStatus {
  readonly name: string;
  readonly protocol: PlanListener["protocol"];
  /** As in the plan. */
  readonly port: number;
  readonly addresses: readonly ListenerAddress[];
  readonly connections: number;
}

export class Engine {
  readonly caches: Caches;
  private readonly options: EngineOptions;
  private readonly services: EngineServices;
  private readonly pool = new UpstreamPool();
  private readonly sessions: BackendSessions;
  private readonly terminators: Terminators;
  private readonly clock: CoarseClock;
  readonly costs = new PolicyCosts(() => performance.now());
  private readonly checks: HealthChecks;
  private readonly revival: Revival;
  /** By what makes a listener the same one over an edit: where it listens. */
  private bound = new Map<string, Listening>();
  /** Closed listeners whose connections still finish. */
  private readonly leaving = new Set<Listening>();
  private current: Active | undefined;
  private queue: Promise<void> = Promise.resolve();
  private draining = false;

  constructor(options: EngineOptions) {
    this.options = options;
    this.terminators = new Terminators(options.baseDirectory ?? ".", () => options.wallClock());
    const now = (): Millis => options.now();
    const simulations = options.simulations ?? new Simulations();
    this.caches = new Caches(now);
    options.facts.cacheLookUp = (source, x) => this.caches.look(source, x);
    this.clock = new CoarseClock(now);
    this.clock.watch(this.pool);
    this.sessions = new BackendSessions(this.pool, now);
    this.clock.watch(this.sessions);
    const securities = new UpstreamSecurities(options.baseDirectory ?? ".");
    const health = {
      now,
      tls: (service: PlanService, endpoint: PlanEndpoint) =>
        securities.of(service, endpoint, service.http2 === true ? ["h2"] : ["http/1.1"])?.options,
      active: () => this.current as Active,
      isDown: (service: string, url: string) => simulations.isDown(service, url),
      journal: options.journal,
      changed: () => options.changed?.("health"),
    };
    this.checks = new HealthChecks(health);
    this.revival = new Revival(health);
    const pseudonym = `switchyard-${randomBytes(4).toString("hex")}`;
    /** Ejections that were told already. */
    const told = new WeakMap<EndpointState, Millis>();
    this.services = {
      recorder: options.recorder,
      facts: options.facts,
      caches: this.caches,
      pool: this.pool,
      sessions: this.sessions,
      securities,
      clock: this.clock,
      costs: this.costs,
      pseudonym,
      viaLine: flat(`Via: 1.1 ${pseudonym}\r\n`),
      now,
      wallClock: () => options.wallClock(),
      seed: () => options.seed(),
      randomId: makeRandomId(),
      journal: options.journal,
      active: () => this.current as Active,
      simulations,
      mirrors: new Set(),
      attemptFailed: (active, service, endpoint, failure, at) => {
        if (active.state === this.current?.state) this.revival.failed(service, endpoint, failure);
        const seen = active.state.services[service].endpoints[endpoint];
        if (seen.ejectedUntil <= at || told.get(seen) === seen.ejectedUntil) return;
        told.set(seen, seen.ejectedUntil);
        options.changed?.("health");
      },
    };
    options.facts.calls.attach(this.services);
  }

  /** The pair that serves; undefined before the first `apply` has settled. */
  get active(): Active | undefined {
    return this.current;
  }

  get listeners(): readonly ListenerStatus[] {
    const plan = this.current?.plan;
    if (plan === undefined) return [];
    return plan.listeners.map((listener) => {
      const bound = this.bound.get(identityOf(listener));
      const { name, port, protocol } = listener;
      return { name, protocol, port, addresses: bound?.addresses ?? [], connections: bound?.connections.size ?? 0 };
    });
  }

  /**
   * Opens what is new, then swaps `{plan, state}` in one assignment, then closes what is gone. Calls are served in order.
   * @param state made by policyfile/carry from `active.state`. As a function it is called at the moment of the swap, so
   * that nothing taken while ports were opened is lost.
   * @throws ListenProblem; the old pair keeps serving then.
   */
  apply(plan: Plan, state: State | ((old: Active | undefined, at: Millis) => State), revision: number): Promise<void> {
    const turn = this.queue.then(() => this.applyNow(plan, state, revision));
    this.queue = turn.catch(() => {});
    return turn;
  }

  /** Stops accepting, lets requests in flight finish with `Connection: close`, destroys what is left after `ms`. */
  async drain(ms: number): Promise<void> {
    this.draining = true;
    await this.queue;
    this.checks.stop();
    this.revival.stop();
    const all = [...this.bound.values(), ...this.leaving];
    this.bound = new Map();
    const closed = all.map((listener) => this.retire(listener));
    await Promise.race([Promise.all(closed), new Promise<void>((resolve) => setTimeout(resolve, ms).unref())]);
    for (const { connections } of all) for (const connection of connections) connection.destroy();
    await Promise.all(closed);
    for (const mirror of this.services.mirrors) mirror.giveUp(Failure.ClientGone);
    this.pool.close();
    this.terminators.close();
    this.sessions.close();
    this.clock.stop();
  }

  private async applyNow(
    plan: Plan,
    state: State | ((old: Active | undefined, at: Millis) => State),
    revision: number,
  ) {
    if (this.draining) throw new Error("The gateway is stopping: no plan is applied any more.");
    const opened: [string, Listening][] = [];
    const secured = await this.terminators.prepare(
      plan,
      ({ name, port }, problem) => new ListenProblem(name, port, "ETLS", `Listener ${name}: ${problem}`),
    );
    try {
      for (const listener of plan.listeners) {
        const identity = identityOf(listener);
        if (this.bound.has(identity)) continue;
        const fresh = listeningFor(this.services, listener);
        await fresh.open(listener);
        opened.push([identity, fresh]);
      }
    } catch (error) {
      secured.withdraw();
      await Promise.all(opened.map(([, listener]) => listener.close()));
      throw error;
    }
    // From here to the end nothing waits: no request sees a half-swapped engine.
    const next = new Map<string, Listening>();
    for (const [identity, listener] of opened) this.bound.set(identity, listener);
    for (const listener of plan.listeners) {
      const identity = identityOf(listener);
      next.set(identity, this.bound.get(identity) as Listening);
    }
    const gone = [...this.bound].filter(([identity]) => !next.has(identity)).map(([, listener]) => listener);
    this.bound = next;
    this.caches.follow(plan);
    const at = this.options.now();
    const old = this.current;
    this.current = { plan, state: typeof state === "function" ? state(old, at) : state, revision };
    if (old !== undefined) this.options.journal?.beside({ kind: "swap", at, revision });
    plan.listeners.forEach((listener, index) =>
      next.get(identityOf(listener))?.activate(index, listener, secured.byListener.get(index)),
    );
    this.terminators.swap(secured);
    for (const listener of gone) void this.retire(listener);
    this.checks.follow(plan);
    this.options.changed?.("listeners");
  }

  /** Closes a listener and lets its connections finish. */
  private async retire(listener: Listening): Promise<void> {
    listener.index = -1;
    this.leaving.add(listener);
    const closed = listener.close();
    for (const connection of listener.connections) connection.retire();
    await closed;
    await listener.empty();
    this.leaving.delete(listener);
  }
}

function listeningFor(services: EngineServices, { protocol, name }: PlanListener): Listening {
  return protocol === "UDP" ? new UdpListener(services, name) : new BoundListener(services, name);
}

/** Port 0 is a new port each time: only its name makes such a listener the same one. */
function identityOf(listener: PlanListener): string {
  const place = listener.port === 0 ? listener.name : listener.port;
  const transport = listener.protocol === "UDP" ? "udp" : "tcp";
  return `${transport} ${place} ${listener.addresses.join(" ")}`;
}

/** 16 hexadecimal digits: random from the start of the process, distinct for each call. */
function makeRandomId(): () => string {
  let block = "";
  let at = 0;
  return () => {
    if (at >= block.length) {
      // One call for 512 ids: three of them go with every request.
      block = randomBytes(4096).toString("hex");
      at = 0;
    }
    at += 16;
    return block.slice(at - 16, at);
  };
}
