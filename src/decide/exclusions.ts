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
    case Exclusion.Starting:
      return "is starting: it gets requests once it is healthy";
    case Exclusion.Restarting:
      return `is restarting in ${millisWords(entry.x)} after ${exitWords(entry.y)}`;
    case Exclusion.Leaving:
      return "is leaving: it gets no new requests";
    case Exclusion.Forbidden:
      return "is not started: commands of this policy file may not be run here";
    case Exclusion.OtherZone:
      return entry.x === 0 ? "is in the nearest zone, but the draw went past it" : "is in another zone";
    default:
      return `is left out (${entry.reason})`;
  }
}

/** Signals that end processes, by number, as on Linux and macOS. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  6: "SIGABRT",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  15: "SIGTERM",
};

/** How a process ended: 1 -> "exit code 1", 137 -> "SIGKILL", -1 -> "it could not be started". */
export function exitWords(code: number): string {
  if (code < 0) return "it could not be started";
  const signal = code > 128 ? SIGNALS[code - 128] : undefined;
  return signal ?? `exit code ${code}`;
}

function times(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
