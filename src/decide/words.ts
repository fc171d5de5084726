/**
 * Numbers as people read them, the same in every sentence of the core.
 * Must not know what the numbers mean.
 */
import type { Millis } from "../model/basics.ts";

/** 850 -> "850 ms", 1300 -> "1.3 s", 18000 -> "18 s", 75000 -> "1 min 15 s". Rounds up, so that "in" is never too early. */
export function millisWords(millis: Millis): string {
  if (!(millis > 0)) return "0 ms";
  const whole = Math.ceil(millis);
  if (whole < 1000) return `${whole} ms`;
  if (whole < 10_000) return `${Math.ceil(whole / 100) / 10} s`;
  const seconds = Math.ceil(whole / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  const rest = seconds % 60;
  if (minutes < 60) return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}
