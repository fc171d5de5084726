/**
 * Active health checks: asks every endpoint of a service that wants it, on its interval, and tells the core.
 * A checker belongs to one plan; it is started again by identity when the plan is swapped, so verdicts go on.
 * Must not judge: thresholds are the core's. Nothing probes where no active check is configured.
 */
import { get } from "node:http";
import { get as getSecurely } from "node:https";
import type { ConnectionOptions } from "node:tls";
import { probed } from "../../decide/health.ts";
import type { Millis } from "../../model/basics.ts";
import type { PlanEndpoint } from "../../model/endpoint.ts";
import type { ActiveCheck, Plan, PlanService } from "../../model/plan.ts";
import type { State } from "../../model/state.ts";
import { askHttp2 } from "./ask-http2.ts";
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

/** What is spoken with an endpoint. */
export interface Spoken {
  readonly tls: ConnectionOptions | undefined;
  readonly http2: boolean;
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

/** Asks once. @param done is called once, unless called off. @returns how to call it off. */
export function probe(
  { host, port }: Pick<PlanEndpoint, "host" | "port">,
  check: Pick<ActiveCheck, "path" | "timeout">,
  done: (up: boolean) => void,
  spoken?: Spoken,
): () => void {
  let told = false;
  const tell = (up: boolean): void => {
    if (told) return;
    told = true;
    clearTimeout(limit);
    done(up);
  };
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const limit = setTimeout(() => {
    callOff();
    tell(false);
  }, check.timeout);
  limit.unref();
  let callOff: () => void;
  if (spoken?.http2 === true) {
    callOff = askHttp2(authority, check.path, spoken.tls, tell);
    return () => {
      told = true;
      clearTimeout(limit);
      callOff();
    };
  }
  const options = {
    host,
    port,
    path: check.path,
    // No agent: a probe that reuses a connection would not notice that nobody accepts any more.
    agent: false,
    headers: { host: authority, "user-agent": "switchyard-health", connection: "close" },
  };
  const request = spoken?.tls === undefined ? get(options) : getSecurely({ ...options, ...spoken.tls });
  callOff = () => void request.destroy();
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
