/**
 * Active health checks: asks every endpoint of a service that wants it, on its interval, and tells the core.
 * A checker belongs to one plan; it is started again by identity when the plan is swapped, so verdicts go on.
 * Must not judge: thresholds are the core's. Nothing probes where no active check is configured.
 */
import type { ConnectionOptions } from "node:tls";
import { probed } from "../../decide/health.ts";
import type { Millis } from "../../model/basics.ts";
import type { PlanEndpoint } from "../../model/endpoint.ts";
import type { ActiveCheck, Plan, PlanService } from "../../model/plan.ts";
import type { State } from "../../model/state.ts";
import { probe, type Spoken } from "./probe.ts";
import type { Journal } from "../record/journal.ts";

export interface HealthOptions {
  now(): Millis;
  /** The pair that serves at the moment of the verdict. */
  active(): { readonly plan: Plan; readonly state: State };
  /** A person pretends that this replica is down: it is not asked. */
  isDown(service: string, url: string): boolean;
  /** How requests to it are secured, so that a probe believes whom they believe; undefined for http://. */
  tls(service: PlanService, endpoint: PlanEndpoint): ConnectionOptions | undefined;
  readonly journal: Pick<Journal, "beside"> | undefined;
  /** Some endpoint's verdict changed. */
  changed(): void;
}

/** One endpoint's probes, one after another. */
class Checker {
  private readonly endpoint: PlanEndpoint;
  private readonly check: ActiveCheck;
  private readonly spoken: Spoken;
  private readonly report: (up: boolean) => void;
  private timer: NodeJS.Timeout | undefined;
  private callOff: () => void = () => {};
  private stopped = false;

  constructor(endpoint: PlanEndpoint, check: ActiveCheck, spoken: Spoken, report: (up: boolean) => void) {
    this.endpoint = endpoint;
    this.spoken = spoken;
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
    const told = (up: boolean): void => {
      this.report(up);
      if (this.stopped) return;
      this.timer = setTimeout(() => this.probe(), this.check.interval);
      this.timer.unref();
    };
    this.callOff = probe(this.endpoint, this.check, told, this.spoken);
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
    const wanted = new Map<string, { service: PlanService; endpoint: PlanEndpoint; check: ActiveCheck }>();
    for (const service of plan.services) {
      const check = service.active;
      if (check === undefined) continue;
      for (const endpoint of service.endpoints) {
        const identity = [service.name, endpoint.url, check, service.tls, service.http2];
        wanted.set(JSON.stringify(identity), { service, endpoint, check });
      }
    }
    for (const [identity, checker] of this.checkers) {
      if (wanted.has(identity)) continue;
      checker.stop();
      this.checkers.delete(identity);
    }
    for (const [identity, { service, endpoint, check }] of wanted) {
      if (this.checkers.has(identity)) continue;
      const spoken = { tls: this.options.tls(service, endpoint), http2: service.http2 === true };
      const report = (up: boolean): void => this.verdict(service.name, endpoint.url, up);
      this.checkers.set(identity, new Checker(endpoint, check, spoken, report));
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
    journal?.beside({ kind: "probe", at, service: service.index, endpoint: endpoint.index, up });
    if (turned) changed();
  }
}
