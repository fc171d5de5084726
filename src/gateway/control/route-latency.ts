/**
 * How slow each route was of late, from the recorded rows: asked for once a second by who looks, so that a request pays
 * nothing for it. Must not look further back than a few thousand rows.
 */
import { RATE_SECONDS } from "../record/rates.ts";
import { RowStateCode } from "../record/chunk.ts";
import type { Recorder } from "../record/recorder.ts";

const MOST_ROWS = 4000;

/** 95th percentile of the duration by index of the route in the plan of `revision`, milliseconds. @param now monotonic */
export function routeLatencies(recorder: Recorder, revision: number, now: number): ReadonlyMap<number, number> {
  const durations = new Map<number, number[]>();
  const since = now - RATE_SECONDS * 1000;
  const oldest = Math.max(recorder.first, recorder.next - MOST_ROWS);
  for (let id = recorder.next - 1; id >= oldest; id--) {
    const place = recorder.place(id);
    if (place === undefined) continue;
    const { chunk, index } = place;
    if (chunk.start[index] < since) break;
    const route = chunk.route[index];
    const counts = chunk.revision[index] === revision && chunk.state[index] !== RowStateCode.Pending && route >= 0;
    if (!counts || chunk.protocol[index] !== 0) continue;
    const known = durations.get(route);
    if (known === undefined) durations.set(route, [chunk.duration[index]]);
    else known.push(chunk.duration[index]);
  }
  return new Map([...durations].map(([route, all]) => [route, slowest(all)]));
}

function slowest(durations: number[]): number {
  const sorted = Float64Array.from(durations).toSorted();
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))] * 10) / 10;
}
