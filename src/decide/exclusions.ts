/**
 * Why an endpoint was not a candidate, in words. The numbers are model Exclusion.
 * Must not read State: the trace holds what was true at that moment.
 */
import { Exclusion } from "../model/decision.ts";
import { millisWords } from "./words.ts";

/** Reads after the endpoint's label: ":4002 is ejected after 5 failures in a row, back in 18 s". */
export function exclusionSentence(entry: { readonly reason: number; readonly x: number; readonly y: number }): string {
  switch (entry.reason) {
    case Exclusion.Ejected:
      return `is ejected after ${times(entry.y, "failure")} in a row, back in ${millisWords(entry.x)}`;
    case Exclusion.ProbeDown:
      return `is down: ${times(entry.x, "probe")} failed in a row`;
    case Exclusion.Drain:
      return "is being drained: it gets no new requests";
    case Exclusion.Maintenance:
      return "is in maintenance";
    case Exclusion.Tried:
      return "was tried already by this request";
    case Exclusion.Weightless:
      return "has weight 0";
    default:
      return `is left out (${entry.reason})`;
  }
}

function times(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
