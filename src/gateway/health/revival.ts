/**
 * Brings back an endpoint that was ejected because nobody listened: once a second it is knocked at, and readmitted
 * as soon as it accepts a connection after having refused one. Without this a restarted replica would sit out its
 * whole ejection. This is the only probing that happens without an active health check in the policy file.
 * Must not readmit an endpoint that was ejected for its answers: that one listens, and its time has to pass.
 */
import { probed } from "../../decide/health.ts";
import type { Millis } from "../../model/basics.ts";
import { Failure, type EndpointState } from "../../model/state.ts";
import { knock } from "../forward/dial.ts";
import type { HealthOptions } from "./checks.ts";

const INTERVAL: Millis = 1000;
const KNOCK_LIMIT: Millis = 800;

interface Suspect {
  readonly service: string;
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** It has refused a connection since it failed; only then does accepting one mean that it came back. */
  down: boolean;
  cancel: (() => void) | undefined;
}

export class Revival {
  private readonly options: HealthOptions;
  /** By the endpoint's state, which outlives a swap of the plan. */
  private readonly suspects = new Map<EndpointState, Suspect>();
  private timer: NodeJS.Timeout | undefined;

  constructor(options: HealthOptions) {
    this.options = options;
  }

  /** An attempt failed before the response; perhaps it ejected the endpoint. */
  failed(service: number, endpoint: number, failure: number): void {
    const refused =
      failure === Failure.ConnectRefused || failure === Failure.ConnectTimeout || failure === Failure.ConnectFailed;
    if (!refused && failure !== Failure.ResetBeforeResponse && failure !== Failure.ResetDuringResponse) return;
    const { plan, state } = this.options.active();
    const planned = plan.services[service]?.endpoints[endpoint];
    if (planned === undefined) return;
    const seen = state.services[service].endpoints[endpoint];
    const known = this.suspects.get(seen);
    if (known !== undefined) {
      known.down ||= refused;
      return;
    }
    const { url, host, port } = planned;
    const name = plan.services[service].name;
    this.suspects.set(seen, { service: name, url, host, port, down: refused, cancel: undefined });
    this.schedule();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const suspect of this.suspects.values()) suspect.cancel?.();
    this.suspects.clear();
  }

  private schedule(): void {
    if (this.timer !== undefined || this.suspects.size === 0) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.round();
      this.schedule();
    }, INTERVAL);
    this.timer.unref();
  }

  private round(): void {
    const now = this.options.now();
    for (const [seen, suspect] of this.suspects) {
      if (now >= seen.ejectedUntil) {
        suspect.cancel?.();
        this.suspects.delete(seen);
      } else if (suspect.cancel === undefined) {
        suspect.cancel = knock(suspect.host, suspect.port, KNOCK_LIMIT, (up) => {
          suspect.cancel = undefined;
          if (!up || this.options.isDown(suspect.service, suspect.url)) suspect.down = true;
          else if (suspect.down) this.readmit(seen, suspect);
        });
      }
    }
  }

  private readmit(seen: EndpointState, suspect: Suspect): void {
    this.suspects.delete(seen);
    const { now, active, journal, changed } = this.options;
    const { plan, state } = active();
    const service = plan.services.find((candidate) => candidate.name === suspect.service);
    const endpoint = service?.endpoints.find((candidate) => candidate.url === suspect.url);
    if (service === undefined || endpoint === undefined) return;
    const at = now();
    const turned = probed(plan, state, service.index, endpoint.index, true, at);
    journal?.beside({ kind: "probe", at, service: service.index, endpoint: endpoint.index, up: true });
    if (turned) changed();
  }
}
