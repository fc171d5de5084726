/**
 * How numbers become words on the page: times, durations, sizes, counts, shares.
 * One place, so that the table, the detail and the gauges never disagree about the same figure.
 * Must not touch the DOM or read a clock.
 */
import type { RowState } from "../../src/contract/traffic.ts";

const CLOCK = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});
const WHOLE = new Intl.NumberFormat("en-US");

/** "12:04:31" in the person's own time zone. */
export function clock(epoch: number): string {
  return CLOCK.format(epoch);
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** "24 Nov" in the person's own time zone. */
export function day(epoch: number): string {
  return DAY.format(epoch);
}

/** "12:04:31.882" */
export function clockExact(epoch: number): string {
  return `${CLOCK.format(epoch)}.${String(Math.floor(epoch % 1000)).padStart(3, "0")}`;
}

/** Milliseconds: "0.4 ms", "84 ms", "4.1 s", "3 min"; "" when negative. */
export function duration(milliseconds: number): string {
  if (!(milliseconds >= 0)) return "";
  if (milliseconds < 9.95) return `${milliseconds < 0.05 ? "0" : milliseconds.toFixed(1)} ms`;
  if (milliseconds < 999.5) return `${milliseconds.toFixed(0)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}

/** A wait that runs down: "1.3 s" below ten seconds, then "14 s", "3 min 20 s". */
export function countdown(milliseconds: number): string {
  if (milliseconds < 10_000) return `${(Math.ceil(milliseconds / 100) / 10).toFixed(1)} s`;
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 100) return `${seconds} s`;
  const rest = seconds % 60;
  return `${Math.floor(seconds / 60)} min${rest > 0 ? ` ${rest} s` : ""}`;
}

/** Bytes: "0 B", "212 B", "3.1 KiB", "4 MiB". */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  const units = ["KiB", "MiB", "GiB"];
  let value = count / 1024;
  let unit = 0;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

/** "96,204" */
export function whole(count: number): string {
  return WHOLE.format(count);
}

/** 0..1 as "2.1%", "38%". */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0) return "0%";
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)}%`;
}

/** "12.4 rps" */
export function rate(perSecond: number): string {
  return `${perSecond < 99.95 ? perSecond.toFixed(1) : whole(Math.round(perSecond))} rps`;
}

/** Tokens left: whole numbers bare, fractions with one digit, never rounded up to a token that is not there. */
export function tokens(left: number): string {
  const floored = Math.floor(left * 10 + 1e-6) / 10;
  return Number.isInteger(floored) ? String(floored) : floored.toFixed(1);
}

/** The last name of a path: "switchyard.yaml". */
export function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

export interface StateWords {
  readonly icon: string;
  readonly word: string;
  /** CSS class that colours glyph and status. */
  readonly tone: "ok" | "warn" | "bad" | "stop" | "quiet" | "live";
}

/** A gateway rejection (shield, square) must never look like an upstream failure (cross). */
export const STATES: Readonly<Record<RowState, StateWords>> = {
  pending: { icon: "ellipsis", word: "pending", tone: "live" },
  ok: { icon: "check", word: "ok", tone: "ok" },
  clientError: { icon: "warning", word: "client error", tone: "warn" },
  upstreamError: { icon: "error", word: "upstream error", tone: "bad" },
  rejected: { icon: "shield", word: "rejected by the gateway", tone: "stop" },
  aborted: { icon: "circle-slash", word: "client went away", tone: "quiet" },
};
