/**
 * The replicas of every service that the gateway runs: which there are, which are to come, which leave.
 * How many there are is no part of the file but of the plan: an edit or a scaling is drafted first (ports are looked for),
 * the plan is made with the draft's ports and swapped, and only then is anything started or told to leave.
 * Must not touch requests: the core excludes what does not serve, and says why.
 */
import { resolve } from "node:path";
import type { Millis } from "../../model/basics.ts";
import type { Plan, PlanService } from "../../model/plan.ts";
import { Life, type EndpointState } from "../../model/state.ts";
import { withReplicas } from "../../policyfile/replicas.ts";
import { freePorts } from "./ports.ts";
import { Replica, type ReplicaContext } from "./replica.ts";
import { SupervisorLink } from "./supervisor-link.ts";

/** As many endpoints as a service may have. */
export const MOST_REPLICAS = 32;
/** While replicas drain: how often it is looked whether they may end. */
const LOOK: Millis = 20;

/** What a fleet asks of the gateway. */
export interface FleetHost {
  /** Folder of the policy file. */
  readonly directory: string;
  /** Commands of the policy file may be run: the workspace is trusted, or a person started the gateway. */
  readonly mayRun: boolean;
  now(): Millis;
  /** The living state of an endpoint of the serving plan. */
  stateOf(service: string, url: string): EndpointState | undefined;
  /** Tells the core, and the journal. */
  setLife(service: string, url: string, life: number, until: Millis, exitCode: number): void;
  /** Replicas have left for good: the plan is to be made without them. */
  replan(): void;
  /** "reviews", ":4101", "healthy, takes requests" */
  remarked?(service: string, label: string, words: string): void;
  printed?(service: string, label: string, line: string): void;
}

/** One service's replicas. */
interface Group {
  service: PlanService;
  /** Equal for run blocks whose processes are interchangeable. */
  identity: string;
  wanted: number;
  replicas: Replica[];
  /** Of an earlier run block: they serve until the new ones do. */
  former: Replica[];
}

/** What would change; nothing has, until `commit`. */
export interface Draft {
  readonly plan: Plan;
  /** The plan serves: starts and dismisses. */
  commit(): void;
}

interface Change {
  readonly service: PlanService;
  readonly identity: string;
  readonly wanted: number;
  readonly kept: readonly Replica[];
  readonly fresh: readonly Replica[];
  readonly former: readonly Replica[];
  /** To leave, though the plan still has them. */
  readonly retired: readonly Replica[];
  /** To leave at once: the plan has no room for them. */
  readonly crowded: readonly Replica[];
}

export class Fleet {
  private readonly host: FleetHost;
  private readonly supervisor: SupervisorLink;
  private readonly context: ReplicaContext;
  private readonly groups = new Map<string, Group>();
  /** Told to leave; their processes still run. */
  private readonly leaving = new Set<Replica>();
  /** Left the service; their processes are being ended. */
  private readonly ending = new Map<Replica, Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private lastId = 0;
  private closed = false;

  constructor(host: FleetHost) {
    this.host = host;
    this.supervisor = new SupervisorLink((report) => {
      for (const replica of this.all()) if (replica.heard(report)) return;
    });
    this.context = {
      supervisor: this.supervisor,
      directory: host.directory,
      mayRun: host.mayRun,
      now: () => host.now(),
      nextId: () => ++this.lastId,
      changed: (replica) => this.changed(replica),
      printed: (replica, line) => host.printed?.(replica.service, replica.label, line),
      remarked: (replica, words) => host.remarked?.(replica.service, replica.label, words),
    };
  }

  /** Process id of the supervisor while there is one. */
  get supervisorId(): number | undefined {
    return this.supervisor.processId;
  }

  /** A replica that runs, pauses or drains. */
  find(service: string, url: string): Replica | undefined {
    for (const replica of this.all()) if (replica.service === service && replica.url === url) return replica;
    return undefined;
  }

  /** How many replicas the service is to have; undefined when the gateway does not run it. */
  wanted(service: string): number | undefined {
    return this.groups.get(service)?.wanted;
  }

  /** @param plan as read from the file. @throws Error when there are no free ports. */
  async draft(plan: Plan): Promise<Draft> {
    const taken = this.takenPorts(plan);
    const changes: Change[] = [];
    for (const service of plan.services) if (service.run !== undefined) changes.push(await this.follow(service, taken));
    return this.drafted(plan, changes, true);
  }

  /** @param plan the serving one. @throws Error when the service is not run here, or there are no free ports. */
  async draftScale(plan: Plan, name: string, wanted: number): Promise<Draft> {
    const group = this.groups.get(name);
    const service = plan.services.find((each) => each.name === name);
    if (group === undefined || service === undefined) {
      throw new Error(
        `Switchyard does not run the replicas of "${name}": give the service \`run\` instead of endpoints.`,
      );
    }
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > MOST_REPLICAS)
      throw new Error(`A service has 1 to ${MOST_REPLICAS} replicas, not ${wanted}.`);
    const change = await this.change(group, service, group.identity, wanted, this.takenPorts(plan));
    return this.drafted(plan, [change], false);
  }

  /** The plan with the replicas that there are. */
  planned(plan: Plan): Plan {
    return withReplicas(plan, ({ name }) => this.ports(this.inPlan(name)));
  }

  /** Ends every process: politely, then for good after `grace` milliseconds. */
  async stop(grace: Millis): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.supervisor.hold();
    await Promise.all([...this.all()].map((replica) => replica.stop(grace)));
    this.groups.clear();
    this.leaving.clear();
    this.supervisor.close();
  }

  // ---- Drafting --------------------------------------------------------------------------------------------------

  /** A service of an edited file: its replicas go on when their run block is the same, and roll over when not. */
  private follow(service: PlanService, taken: Set<number>): Promise<Change> {
    const run = service.run as NonNullable<PlanService["run"]>;
    const group = this.groups.get(service.name);
    const identity = JSON.stringify([run.command, run.cwd, run.port, run.env]);
    // The file speaks again only where it changed its mind: a scaling by hand outlives unrelated edits.
    const same = group !== undefined && group.service.run?.replicas === run.replicas;
    return this.change(group, service, identity, same ? group.wanted : run.replicas, taken);
  }

  private async change(
    group: Group | undefined,
    service: PlanService,
    identity: string,
    wanted: number,
    taken: Set<number>,
  ): Promise<Change> {
    const run = service.run as NonNullable<PlanService["run"]>;
    const same = group?.identity === identity;
    const kept = same ? group.replicas.slice(0, wanted) : [];
    const retired = same ? group.replicas.slice(wanted) : [];
    const former = same ? group.former : [...(group?.former ?? []), ...(group?.replicas ?? [])];
    const ports = await freePorts(run.port.from, wanted - kept.length, taken);
    for (const port of ports) taken.add(port);
    const cwd = resolve(this.host.directory, run.cwd);
    const fresh = ports.map((port) => new Replica(this.context, service.name, run, cwd, port));
    // Oldest first: whoever leaves already has the least claim to a place in the plan.
    const room = MOST_REPLICAS - kept.length - fresh.length;
    const leaving = [...this.leaving].filter((each) => each.service === service.name && each.planned);
    const crowded = [...leaving, ...former, ...retired].slice(
      0,
      Math.max(0, leaving.length + former.length + retired.length - room),
    );
    const stays = (each: Replica): boolean => !crowded.includes(each);
    return {
      service,
      identity,
      wanted,
      kept,
      fresh,
      former: former.filter(stays),
      retired: retired.filter(stays),
      crowded,
    };
  }

  private drafted(plan: Plan, changes: readonly Change[], whole: boolean): Draft {
    const changeOf = new Map(changes.map((change) => [change.service.name, change]));
    const portsOf = ({ name }: PlanService): readonly number[] => {
      const change = changeOf.get(name);
      if (change === undefined) return this.ports(this.inPlan(name));
      const leaving = [...this.leaving].filter(
        (each) => each.service === name && each.planned && !change.crowded.includes(each),
      );
      return this.ports([...leaving, ...change.former, ...change.retired, ...change.kept, ...change.fresh]);
    };
    const made = withReplicas(plan, portsOf);
    return {
      plan: made,
      commit: () => {
        for (const change of changes) this.commit(change);
        if (whole) this.forgetServices(plan, changeOf);
        // While ports were opened for the plan, replicas in it may have left for good.
        if (made.services.some((service) => this.isStale(service))) this.host.replan();
      },
    };
  }

  private forgetServices(plan: Plan, changeOf: ReadonlyMap<string, Change>): void {
    for (const [name, group] of this.groups) {
      if (changeOf.has(name)) {
        group.service = plan.services.find((service) => service.name === name) as PlanService;
        continue;
      }
      this.groups.delete(name);
      for (const each of this.leaving) if (each.service === name) each.planned = false;
      for (const replica of [...group.former, ...group.replicas]) this.dismiss(replica, group.service, false);
    }
  }

  private isStale({ name, run, endpoints }: PlanService): boolean {
    if (run === undefined) return false;
    const ports = this.ports(this.inPlan(name));
    return ports.length !== endpoints.length || endpoints.some(({ port }, i) => port !== ports[i]);
  }

  private commit(change: Change): void {
    const { service, identity, wanted, kept, fresh, former, retired, crowded } = change;
    const group = { service, identity, wanted, replicas: [...kept, ...fresh], former: former.filter(isStaying) };
    this.groups.set(service.name, group);
    for (const replica of group.replicas) replica.check = service.active;
    for (const replica of crowded) this.dismiss(replica, service, false);
    for (const replica of retired) this.dismiss(replica, service, true);
    for (const replica of fresh) {
      replica.state = this.host.stateOf(service.name, replica.url);
      replica.start();
    }
    this.rollOver(group);
  }

  private takenPorts(plan: Plan): Set<number> {
    const taken = new Set<number>();
    for (const replica of this.all()) taken.add(replica.port);
    for (const { port } of plan.listeners) taken.add(port);
    for (const { endpoints } of plan.services)
      for (const { port, managed } of endpoints) if (managed !== true) taken.add(port);
    return taken;
  }

  // ---- Life ------------------------------------------------------------------------------------------------------

  private changed(replica: Replica): void {
    const { service, url, life, lifeUntil, exitCode } = replica;
    if (replica.planned) this.host.setLife(service, url, life, lifeUntil, exitCode);
    if (life !== Life.Serving) return;
    const group = this.groups.get(service);
    if (group !== undefined) this.rollOver(group);
  }

  /** Replicas of an earlier run block leave one by one, as the new ones begin to serve. */
  private rollOver(group: Group): void {
    const serving = group.replicas.filter(({ life }) => life === Life.Serving).length;
    if (serving === 0) return;
    const spare = Math.max(0, serving + group.former.length - group.wanted);
    for (const replica of group.former.splice(0, spare)) this.dismiss(replica, group.service, true);
  }

  private dismiss(replica: Replica, service: PlanService, planned: boolean): void {
    replica.planned &&= planned;
    this.leaving.add(replica);
    replica.leave(this.host.now() + service.drain);
    this.look();
  }

  /** Ends whoever has nothing on its way any more, or no time left. */
  private look(): void {
    if (this.timer !== undefined || this.closed) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      let left = false;
      for (const replica of this.leaving) {
        const busy = (replica.state?.inFlight ?? 0) > 0;
        if (busy && this.host.now() < replica.lifeUntil) continue;
        this.leaving.delete(replica);
        left ||= replica.planned;
        replica.planned = false;
        this.end(replica);
      }
      if (left) this.host.replan();
      if (this.leaving.size > 0) this.look();
    }, LOOK);
    this.timer.unref();
  }

  private end(replica: Replica): void {
    const ended = replica.stop();
    this.ending.set(replica, ended);
    void ended.then(() => this.ending.delete(replica));
  }

  private *all(): Iterable<Replica> {
    for (const group of this.groups.values()) {
      yield* group.replicas;
      yield* group.former;
    }
    yield* this.leaving;
    yield* this.ending.keys();
  }

  private inPlan(service: string): Replica[] {
    const group = this.groups.get(service);
    const leaving = [...this.leaving].filter((each) => each.service === service && each.planned);
    return [...leaving, ...(group?.former ?? []), ...(group?.replicas ?? [])];
  }

  /** In a fixed order, so that positions in the plan change as little as can be. */
  private ports(replicas: readonly Replica[]): number[] {
    return replicas.map(({ port }) => port).toSorted((a, b) => a - b);
  }
}

/** Some may have been told to leave while ports were looked for. */
function isStaying({ life }: Replica): boolean {
  return life !== Life.Leaving;
}
