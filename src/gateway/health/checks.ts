/**
 * Active health checks: asks every endpoint of a service that wants it, on its interval, and tells the core.
 * A checker belongs to one plan; it is started again by identity when the plan is swapped, so verdicts go on.
 * Must not judge: thresholds are the core's. Nothing probes where no active check is configured.
 */
import { get, type ClientRequest } from "node:http";
import { probed } from "../../decide/health.ts";
import type { Millis } from "../../model/basics.ts";
import type { JournalEvent } from "../../model/journal.ts";
import type { ActiveCheck, Plan, PlanEndpoint } from "../../model/plan.ts";
import type { State } from "../../model/state.ts";

export interface HealthOptions {
  now(): Millis;
  /** The pair that serves at the moment of the verdict. */
  active(): { readonly plan: Plan; readonly state: State };
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
  private request: ClientRequest | undefined;
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
    this.request?.destroy();
  }

  private probe(): void {
    const { host, port } = this.endpoint;
    let told = false;
    const tell = (up: boolean): void => {
      if (told || this.stopped) return;
      told = true;
      clearTimeout(limit);
      this.report(up);
      this.timer = setTimeout(() => this.probe(), this.check.interval);
      this.timer.unref();
    };
    const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const request = get({
      host,
      port,
      path: this.check.path,
      // No agent: a probe that reuses a connection would not notice that nobody accepts any more.
      agent: false,
      headers: { host: authority, "user-agent": "switchyard-health", connection: "close" },
    });
    this.request = request;
    const limit = setTimeout(() => {
      request.destroy();
      tell(false);
    }, this.check.timeout);
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
  }
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
    const { now, active, journal, changed } = this.options;
    const { plan, state } = active();
    const service = plan.services.find((candidate) => candidate.name === serviceName);
    const endpoint = service?.endpoints.find((candidate) => candidate.url === url);
    if (service === undefined || endpoint === undefined) return;
    const at = now();
    const turned = probed(plan, state, service.index, endpoint.index, up, at);
    journal?.({ kind: "probe", at, service: service.index, endpoint: endpoint.index, up });
    if (turned) changed();
  }
}
