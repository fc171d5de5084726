/**
 * The circuit breaker of one service: when too large a share of its attempts fails, it is left alone for a while, then a
 * few trials decide. Closed -> Open -> HalfOpen -> Closed, as in Nygard, "Release It!".
 * Counts attempts and not requests, so that retries open it as fast as they hurt. Must not know endpoints: one bad
 * replica is ejected by itself (health.ts), a bad service is what this is about.
 */
import type { Millis } from "../model/basics.ts";
import { CircuitNote, Mark, type Decision } from "../model/decision.ts";
import type { PlanCircuitBreaker } from "../model/plan.ts";
import { Circuit, type CircuitState } from "../model/state.ts";
import { placeNow, recent } from "./window.ts";

/** So many go through a half-open circuit, and all must go well. */
export const CIRCUIT_TRIALS = 3;

/** @returns true when nothing may be sent now; the trace then holds the numbers. Changes nothing. */
export function circuitRefuses(circuit: CircuitState, now: Millis, out: Decision): boolean {
  if (circuit.phase === Circuit.Closed) return false;
  if (circuit.phase === Circuit.Open) {
    if (now >= circuit.until) return false;
    out.trace.mark(Mark.Circuit, 0, CircuitNote.Open, circuit.until - now, 0);
    out.trace.mark(Mark.Circuit, 0, CircuitNote.Counted, circuit.failedThen, circuit.totalThen);
    return true;
  }
  if (circuit.trials + circuit.passed < CIRCUIT_TRIALS) return false;
  out.trace.mark(Mark.Circuit, 0, CircuitNote.Busy, circuit.trials, circuit.passed);
  return true;
}

/** The attempt is made: past a circuit that is not closed it is a trial. */
export function enterCircuit(circuit: CircuitState, out: Decision): void {
  out.trial = 0;
  if (circuit.phase === Circuit.Closed) return;
  if (circuit.phase === Circuit.Open) {
    circuit.phase = Circuit.HalfOpen;
    circuit.period++;
    circuit.trials = circuit.passed = 0;
  }
  circuit.trials++;
  out.trial = circuit.period;
  out.trace.mark(Mark.Circuit, 0, CircuitNote.Trial, circuit.trials + circuit.passed, CIRCUIT_TRIALS);
}

/** @param verdict 1 = went well, -1 = failed, 0 = says nothing. @param trial see Decision.trial. */
export function leaveCircuit(
  circuit: CircuitState,
  settings: PlanCircuitBreaker,
  verdict: number,
  trial: number,
  now: Millis,
): void {
  if (circuit.phase === Circuit.Closed) {
    if (verdict !== 0) count(circuit, settings, verdict, now);
    return;
  }
  // What was sent before it opened was counted by then; what an older half-open time tried is old news.
  if (circuit.phase !== Circuit.HalfOpen || trial !== circuit.period) return;
  circuit.trials--;
  if (verdict > 0 && ++circuit.passed >= CIRCUIT_TRIALS) close(circuit);
  else if (verdict < 0) open(circuit, settings, 1, circuit.passed + 1, now);
}

/** What the window holds: attempts that failed, and all. */
export function circuitCounts(
  circuit: CircuitState,
  settings: PlanCircuitBreaker,
  now: Millis,
): { failed: number; total: number } {
  const { slices } = circuit;
  const failed = recent(slices, circuit.failed, settings.window, now);
  return { failed, total: failed + recent(slices, circuit.well, settings.window, now) };
}

function count(circuit: CircuitState, settings: PlanCircuitBreaker, verdict: number, now: Millis): void {
  const place = placeNow(circuit.slices, settings.window, now, (stale) => {
    circuit.well[stale] = circuit.failed[stale] = 0;
  });
  if (verdict > 0) {
    circuit.well[place]++;
    return;
  }
  circuit.failed[place]++;
  const { failed, total } = circuitCounts(circuit, settings, now);
  if (total >= settings.minimumRequests && failed >= settings.errorRate * total) {
    open(circuit, settings, failed, total, now);
  }
}

function open(circuit: CircuitState, settings: PlanCircuitBreaker, failed: number, total: number, now: Millis): void {
  circuit.phase = Circuit.Open;
  circuit.until = now + settings.openFor;
  circuit.failedThen = failed;
  circuit.totalThen = total;
}

/** Afresh: what opened it is not held against the service a second time. */
function close(circuit: CircuitState): void {
  circuit.phase = Circuit.Closed;
  circuit.trials = circuit.passed = 0;
  circuit.well.fill(0);
  circuit.failed.fill(0);
}
