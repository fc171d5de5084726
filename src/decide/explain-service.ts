/**
 * What holds for a service as a whole when one of its endpoints is picked, in words: the zone, the session, the circuit
 * breaker, the bound on requests in flight.
 * Must not look at today's state: the trace holds what was true at that moment.
 */
import { CircuitNote, Exclusion, Mark, SessionNote, ZoneNote, type TraceEntry } from "../model/decision.ts";
import type { PlanService } from "../model/plan.ts";
import { exclusionSentence } from "./exclusions.ts";
import { millisWords } from "./words.ts";

/** The part of one pick that is worded here. */
export interface ServiceNotes {
  readonly zones: readonly TraceEntry[];
  readonly session?: TraceEntry;
  readonly candidates: readonly TraceEntry[];
  readonly excluded: readonly TraceEntry[];
}

/** True when the session and not the balancer chose. */
export function isKept({ session }: Pick<ServiceNotes, "session">): boolean {
  return session?.reason === SessionNote.Kept;
}

/** "" when sessions are not asked for. */
export function sessionSentence(service: PlanService, { session, excluded }: ServiceNotes): string {
  if (session === undefined) return "";
  const label = service.endpoints[session.index]?.label ?? "?";
  const how = howSessionsGo(service);
  switch (session.reason) {
    case SessionNote.Kept:
      return `its session goes to ${label} (${how})`;
    case SessionNote.New:
      return `no session yet (${how}): chosen anew, and kept`;
    case SessionNote.Stranger:
      return `its session names no endpoint of ${service.name} any more (${how}): chosen anew`;
    default: {
      const entry = excluded.find(({ index }) => index === session.index);
      const why = entry === undefined ? "cannot take it" : exclusionSentence(entry);
      return `its session went to ${label}, which ${why}: rebalanced`;
    }
  }
}

function howSessionsGo({ persistence }: PlanService): string {
  if (persistence === undefined || persistence.type === "SourceAddress") return "by source address";
  return persistence.type === "Cookie" ? `cookie ${persistence.name}` : `header ${persistence.name}`;
}

/** For the table: only what went on, not that there was no session yet. */
export function sessionInBrief(service: PlanService, notes: ServiceNotes): string {
  return notes.session?.reason === SessionNote.New ? "" : sessionSentence(service, notes);
}

/** "" when no zone is preferred. */
export function zoneSentence(service: PlanService, notes: ServiceNotes): string {
  const { zones } = notes;
  if (zones.length === 0) return "";
  const chosen = zones.find(({ reason }) => reason === ZoneNote.Chosen);
  const nearest = zones.find(({ reason }) => reason === ZoneNote.Nearest);
  if (chosen === undefined || nearest === undefined) {
    const by = service.locality?.header;
    const where =
      by === undefined
        ? "the gateway's zone is near to none of the endpoints"
        : `header ${by} names no zone that is known`;
    return `${where}: no zone is preferred`;
  }
  const { x: healthy, y: total } = nearest;
  const near = zoneOf(service, notes, nearest.index);
  const share = Math.round(chosen.y * 100);
  const state = `${Number(healthy.toFixed(2))} of its weight of ${Number(total.toFixed(2))} is healthy`;
  const keeps =
    chosen.y >= 1
      ? `nearest is ${near}, where ${state}: it keeps every request`
      : `nearest is ${near}, but only ${state}: below ${service.locality?.spillover ?? 0}% it keeps ${share}% of the requests, and ${chosen.x.toFixed(3)} was drawn`;
  const goes = chosen.index === nearest.index ? "" : `; goes to ${zoneOf(service, notes, chosen.index)}`;
  const instead = zones.some(({ reason }) => reason === ZoneNote.Instead) ? " (nobody was left in the zone drawn)" : "";
  return keeps + goes + instead;
}

/** For the table: only when a request left its zone. */
export function zoneInBrief(service: PlanService, notes: ServiceNotes): string {
  const chosen = notes.zones.find(({ reason }) => reason === ZoneNote.Chosen);
  const nearest = notes.zones.find(({ reason }) => reason === ZoneNote.Nearest);
  if (chosen === undefined || nearest === undefined || chosen.index === nearest.index) return "";
  return `spilled over to ${zoneOf(service, notes, chosen.index)}`;
}

/** The name of a zone by its rank; several of one distance share a rank. */
function zoneOf(service: PlanService, { zones, candidates, excluded }: ServiceNotes, rank: number): string {
  const chosen = zones.find(({ reason }) => reason === ZoneNote.Chosen)?.index;
  const there =
    rank === chosen
      ? candidates.map(({ index }) => index)
      : excluded.filter((entry) => isAtRank(service, entry, rank)).map(({ index }) => index);
  const names = [...new Set(there.map((index) => service.endpoints[index]?.zone ?? "no zone"))];
  return names.length === 0 ? "a zone with nobody left" : `zone ${names.join(", ")}`;
}

/** One that was left out for its zone says its rank; of another it is known only while the gateway's zone is fixed. */
function isAtRank({ locality, endpoints }: PlanService, { index, reason, x }: TraceEntry, rank: number): boolean {
  if (reason === Exclusion.OtherZone) return x === rank;
  const zone = endpoints[index]?.zone;
  if (locality?.zone === undefined || zone === undefined) return false;
  return locality.ranks.get(locality.zone)?.get(zone) === rank;
}

/** Why nothing may be sent to the service now; "" when no bound stood in the way. */
export function boundSentence(service: PlanService | undefined, bounds: readonly TraceEntry[]): string {
  const name = service?.name ?? "the service";
  const full = bounds.find(({ mark }) => mark === Mark.Full);
  if (full !== undefined) {
    return `service ${name} has ${full.x} requests in flight, and maxParallelRequests allows ${full.y}`;
  }
  const open = bounds.find(({ mark, reason }) => mark === Mark.Circuit && reason === CircuitNote.Open);
  const counted = bounds.find(({ mark, reason }) => mark === Mark.Circuit && reason === CircuitNote.Counted);
  if (open !== undefined) {
    const why = counted === undefined ? "" : `: ${counted.x} of ${counted.y} attempts failed`;
    return `the circuit breaker of ${name} is open${why}; a trial is let through in ${millisWords(open.x)}`;
  }
  const busy = bounds.find(({ mark, reason }) => mark === Mark.Circuit && reason === CircuitNote.Busy);
  if (busy !== undefined) {
    return `the circuit breaker of ${name} is half-open, and its trials are taken: ${busy.x} on their way, ${busy.y} went well`;
  }
  return "";
}

/** The weight that counted, and the written one when that is another. */
export function weightWords(effective: number, written: number | undefined): string {
  const now = Number(effective.toFixed(2));
  return written === undefined || now === written ? `${now}` : `${now} of ${written}: starts slowly`;
}
