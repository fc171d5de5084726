/**
 * Active health checks: asks every endpoint of a service that wants it, on its interval, and tells the core.
 * A checker belongs to one plan; it is started again by identity when the plan is swapped, so verdicts go on.
 * Must not judge: thresholds are the core's. Nothing probes where no active check is configured.
 */
import { get } from "node:http";
import { probed } from "../../decide/health.ts";
import type { Millis } from "../../model/basics.ts";
import type { JournalEvent } from "../../model/journal.ts";
import type { ActiveCheck, Plan, PlanEndpoint } from "../../model/plan.ts";
import type { State } from "../../model/state.ts";

export interface HealthOptions {
  now(): Millis;
  /** The pair that serves at the moment of the verdict. */
  active(): { readonly plan: Plan; readonly state: State };
  /** A person pretends that this replica is down: it is not asked. */
  isDown(service: string, url: string): boolean;
  readonly journal: ((event: JournalEvent) => void) | undefined;
  /** Some endpoint's verdict changed. */
  changed(): void;
}

/** One endpoint's probes, one after another. */
class Checker {
  private readonly endpoint: PlanEndpoint;
  private readonly check: ActiveCheck;
  private readonly report: (up: boolean) => void;
  private timer: NodeJS.Timeout | undefined;
  private callOff: () => void = () => {};
  private stopped = false;

  constructor(endpoint: PlanEndpoint, check: ActiveCheck, report: (up: boolean) => void) {
    this.endpoint = endpoint;
    this.check = check;
    this.report = report;
    this.probe();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.callOff();
  }

  private probe(): void {
    this.callOff = probe(this.endpoint, this.check, (up) => {
      this.report(up);
      if (this.stopped) return;
      this.timer = setTimeout(() => this.probe(), this.check.interval);
      this.timer.unref();
    });
  }
}

/** Asks once. @param done is called once, unless called off. @returns how to call it off. */
export function probe(
  { host, port }: Pick<PlanEndpoint, "host" | "port">,
  check: Pick<ActiveCheck, "path" | "timeout">,
  done: (up: boolean) => void,
): () => void {
  let told = false;
  const tell = (up: boolean): void => {
    if (told) return;
    told = true;
    clearTimeout(limit);
    done(up);
  };
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const request = get({
    host,
    port,
    path: check.path,
    // No agent: a probe that reuses a connection would not notice that nobody accepts any more.
    agent: false,
    headers: { host: authority, "user-agent": "switchyard-health", connection: "close" },
  });
  const limit = setTimeout(() => {
    request.destroy();
    tell(false);
  }, check.timeout);
  limit.unref();
  request.on("error", () => tell(false));
  request.on("response", (response) => {
    response.on("error", () => {});
    const { statusCode = 0 } = response;
    tell(statusCode >= 200 && statusCode < 400);
    // The verdict needs no body, however long it is.
    response.destroy();
  });
  request.on("close", () => tell(false));
  return () => {
    told = true;
    clearTimeout(limit);
    request.destroy();
  };
}

export class HealthChecks {
  private readonly options: HealthOptions;
  private readonly checkers = new Map<string, Checker>();

  constructor(options: HealthOptions) {
    this.options = options;
  }

  /** Runs what the plan asks for: checkers of unchanged endpoints go on, others stop or start. */
  follow(plan: Plan): void {
    const wanted = new Map<string, { service: string; endpoint: PlanEndpoint; check: ActiveCheck }>();
    for (const service of plan.services) {
      const check = service.active;
      if (check === undefined) continue;
      for (const endpoint of service.endpoints) {
        wanted.set(JSON.stringify([service.name, endpoint.url, check]), { service: service.name, endpoint, check });
      }
    }
    for (const [identity, checker] of this.checkers) {
      if (wanted.has(identity)) continue;
      checker.stop();
      this.checkers.delete(identity);
    }
    for (const [identity, { service, endpoint, check }] of wanted) {
      if (this.checkers.has(identity)) continue;
      this.checkers.set(identity, new Checker(endpoint, check, (up) => this.verdict(service, endpoint.url, up)));
    }
  }

  stop(): void {
    for (const checker of this.checkers.values()) checker.stop();
    this.checkers.clear();
  }

  private verdict(serviceName: string, url: string, up: boolean): void {
    const { now, active, journal, changed, isDown } = this.options;
    const { plan, state } = active();
    if (isDown(serviceName, url)) up = false;
    const service = plan.services.find((candidate) => candidate.name === serviceName);
    const endpoint = service?.endpoints.find((candidate) => candidate.url === url);
    if (service === undefined || endpoint === undefined) return;
    const at = now();
    const turned = probed(plan, state, service.index, endpoint.index, up, at);
    journal?.({ kind: "probe", at, service: service.index, endpoint: endpoint.index, up });
    if (turned) changed();
  }
}
