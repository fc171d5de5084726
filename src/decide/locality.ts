/**
 * Which zone serves a request: the nearest, as long as enough of it is well. Below `spillover` it keeps a share in
 * proportion to what is left of it, and the rest goes to the next nearest: gradually, so that the neighbour is not hit
 * at once. The same rule as Envoy's priority load, whose overprovisioning factor of 1.4 is a spillover of 71%.
 * Must not choose an endpoint: it narrows the candidates, and the balancer chooses among them.
 */
import type { Passage } from "../model/arrival.ts";
import { Mark, ZoneNote, type Decision } from "../model/decision.ts";
import { draw, DrawOf } from "../model/draw.ts";
import type { PlanEndpoint } from "../model/endpoint.ts";
import type { PlanLocality } from "../model/plan.ts";

/** One rank per endpoint at most, and one for all that are nowhere. */
const MOST_RANKS = 33;
const NO_RANKS: ReadonlyMap<string, number> = new Map();

/** Sums over the endpoints of one rank; reused. */
const inService = new Float64Array(MOST_RANKS);
const healthy = new Float64Array(MOST_RANKS);
const eligible = new Int32Array(MOST_RANKS);

/** How each endpoint stands to the request's zone; lent for one pick. */
export class Zones {
  #ranks: ReadonlyMap<string, number> = NO_RANKS;
  #count = 0;

  /** @returns false when the request says no zone that is known: then nothing is preferred. */
  begin(x: Passage, locality: PlanLocality, out: Decision): boolean {
    const zone = locality.zone ?? x.arrival.header(locality.header ?? "");
    const ranks = zone === undefined ? undefined : locality.ranks.get(zone);
    if (ranks === undefined) {
      out.trace.mark(Mark.Zone, 0, ZoneNote.Unknown, 0, 0);
      return false;
    }
    this.#ranks = ranks;
    this.#count = ranks.size + 1;
    inService.fill(0, 0, this.#count);
    healthy.fill(0, 0, this.#count);
    eligible.fill(0, 0, this.#count);
    return true;
  }

  /** 0 = nearest. An endpoint of no zone, or of one at no known distance, is the furthest. */
  rankOf({ zone }: PlanEndpoint): number {
    return zone === undefined ? this.#ranks.size : (this.#ranks.get(zone) ?? this.#ranks.size);
  }

  /** An endpoint that is meant to serve. @param isHealthy by probes and answers. @param mayBePicked by this request. */
  count(endpoint: PlanEndpoint, weight: number, isHealthy: boolean, mayBePicked: boolean): void {
    const rank = this.rankOf(endpoint);
    inService[rank] += weight;
    if (isHealthy) healthy[rank] += weight;
    if (mayBePicked) eligible[rank]++;
  }

  /** @returns the rank whose endpoints are the candidates; -1 = nobody is left anywhere. */
  choose(x: Passage, { spillover }: PlanLocality, out: Decision): number {
    const at = draw(x.seed, DrawOf.Zone + Math.min(out.attempts, DrawOf.Retry - DrawOf.Zone - 1));
    const nearest = this.#next(-1, inService);
    const keeps = nearest < 0 ? 0 : shareOf(nearest, spillover);
    const drawn = this.#drawn(at, spillover);
    const chosen = drawn >= 0 && eligible[drawn] > 0 ? drawn : this.#next(-1, eligible);
    if (chosen < 0) return -1;
    out.trace.mark(Mark.Zone, chosen, ZoneNote.Chosen, at, keeps);
    out.trace.mark(Mark.Zone, nearest, ZoneNote.Nearest, healthy[nearest], inService[nearest]);
    if (chosen !== drawn) out.trace.mark(Mark.Zone, chosen, ZoneNote.Instead, 0, 0);
    return chosen;
  }

  #next(after: number, of: Int32Array | Float64Array): number {
    for (let rank = after + 1; rank < this.#count; rank++) if (of[rank] > 0) return rank;
    return -1;
  }

  /** Nearest first, each takes its share of what is left; when all together are too ill to take everything, in proportion. */
  #drawn(at: number, spillover: number): number {
    let sum = 0;
    for (let rank = 0; rank < this.#count; rank++) sum += shareOf(rank, spillover);
    let left = at * Math.min(1, sum);
    let last = -1;
    for (let rank = 0; rank < this.#count && left >= 0; rank++) {
      const share = shareOf(rank, spillover);
      if (share === 0) continue;
      last = rank;
      left -= share;
    }
    return last;
  }
}

function shareOf(rank: number, spillover: number): number {
  if (!(inService[rank] > 0)) return 0;
  const part = healthy[rank] / inService[rank];
  return spillover > 0 ? Math.min(1, (part * 100) / spillover) : part > 0 ? 1 : 0;
}
