/**
 * What people and the fleet do to single endpoints of the serving pair: drain, readmit, take out, start, lose, dismiss.
 * Each is one call of the core and one line of the journal, so that a replay does the same at the same moment.
 * Must not decide who may do it.
 */
import { probed, setAdmin, setLife } from "../../decide/health.ts";
import type { Millis } from "../../model/basics.ts";
import { Admin, Probe, type EndpointState } from "../../model/state.ts";
import type { Active } from "../listen/engine.ts";
import type { AdminState } from "../../contract/services.ts";
import type { Journal } from "../record/journal.ts";

export interface HandsOptions {
  now(): Millis;
  active(): Active | undefined;
  journal: Pick<Journal, "beside"> | undefined;
  /** Worth telling at once. */
  changed(): void;
}

interface Place {
  readonly active: Active;
  readonly service: number;
  readonly endpoint: number;
  readonly label: string;
  readonly seen: EndpointState;
}

export class Hands {
  private readonly options: HandsOptions;

  constructor(options: HandsOptions) {
    this.options = options;
  }

  stateOf(service: string, url: string): EndpointState | undefined {
    return this.find(service, url)?.seen;
  }

  /** @throws Error that says which there are. */
  label(service: string, url: string): string {
    return this.place(service, url).label;
  }

  /** `Up` also ends an ejection and a verdict of the probes: the person says that it works. @throws Error as `label`. */
  setAdmin(service: string, url: string, admin: AdminState): void {
    const { now, journal, changed } = this.options;
    const { active, service: index, endpoint, seen } = this.place(service, url);
    const at = now();
    const value = Admin[admin];
    setAdmin(active.state, index, endpoint, value, at);
    journal?.beside({ kind: "admin", at, service: index, endpoint, admin: value });
    if (admin === "Up" && (at < seen.ejectedUntil || seen.probe === Probe.Down)) {
      probed(active.plan, active.state, index, endpoint, true, at);
      journal?.beside({ kind: "probe", at, service: index, endpoint, up: true });
    }
    changed();
  }

  setLife(service: string, url: string, life: number, until: Millis, exitCode: number): void {
    const { now, journal, changed } = this.options;
    const place = this.find(service, url);
    if (place === undefined) return;
    const { active, service: index, endpoint } = place;
    const at = now();
    if (!setLife(active.state, index, endpoint, life, until, exitCode, at)) return;
    journal?.beside({ kind: "life", at, service: index, endpoint, life, until, exitCode });
    changed();
  }

  private find(name: string, url: string): Place | undefined {
    const active = this.options.active();
    const service = active?.plan.services.find((each) => each.name === name);
    const endpoint = service?.endpoints.find((each) => each.url === url);
    if (active === undefined || service === undefined || endpoint === undefined) return undefined;
    const seen = active.state.services[service.index].endpoints[endpoint.index];
    return { active, service: service.index, endpoint: endpoint.index, label: endpoint.label, seen };
  }

  private place(name: string, url: string): Place {
    const found = this.find(name, url);
    if (found !== undefined) return found;
    const services = this.options.active()?.plan.services ?? [];
    const service = services.find((each) => each.name === name);
    if (service === undefined)
      throw new Error(`There is no service "${name}": ${list(services, (each) => each.name)}.`);
    throw new Error(`${name} has no replica at ${url}: ${list(service.endpoints, (each) => each.url)}.`);
  }
}

function list<Item>(items: readonly Item[], name: (item: Item) => string): string {
  return items.length === 0 ? "there are none" : `there are ${items.map(name).join(", ")}`;
}
