/**
 * The track: the line that each request draws. A dot per phase that ran, a square where the gateway stopped it,
 * then a fork with one line per replica: the chosen one thick, an excluded one dashed, a cross where it failed.
 * Never meaning by colour alone: dot, diamond, square, dash and thickness say the same as green, yellow and red.
 * Always the same few elements, so that another request's track is another `d` and no new element.
 */
import { html, type TemplateResult } from "lit";
import type { Track } from "../../src/contract/traffic.ts";

const STEP = 11;
const MIDDLE = 9;
const HEIGHT = 18;
/** More replicas than this are drawn as this many lines; the text alternative has the number. */
const MOST_LINES = 5;

export const TRACK_WIDTH = 92;

/** What each of the paths draws; "" = nothing. */
interface Drawing {
  rail: string;
  out: string;
  chosen: string;
  end: string;
  pass: string;
  warn: string;
  stop: string;
}

/** Phases are squeezed when there are so many that the fork would not fit. */
function stepWidth(phases: number): number {
  const room = TRACK_WIDTH - 36;
  return phases * STEP <= room ? STEP : Math.max(7, room / phases);
}

function disc(x: number, y: number, r: number): string {
  return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
}

/** Eight pixels wide, with round corners. */
function square(x: number, y: number): string {
  const corner = (dx: number, dy: number): string => `a1.5 1.5 0 0 1 ${dx * 1.5} ${dy * 1.5}`;
  return `M${x - 2.5} ${y - 4}h5${corner(1, 1)}v5${corner(-1, 1)}h-5${corner(-1, -1)}v-5${corner(1, -1)}z`;
}

function drawPhases(track: Track, step: number, drawing: Drawing): void {
  track.phases.forEach((_, index) => {
    const x = 5 + index * step;
    if (track.stopped && index === track.phases.length - 1) drawing.stop += square(x, MIDDLE);
    else if (index === track.warned) drawing.warn += `M${x} ${MIDDLE - 4.5}l4.5 4.5-4.5 4.5-4.5-4.5z`;
    else drawing.pass += disc(x, MIDDLE, 3);
  });
}

/** Which replicas get a line: all, or the first few with the chosen one among them. */
function linesOf(track: Track): number[] {
  const count = Math.min(track.replicas, MOST_LINES);
  const shown = Array.from({ length: count }, (_, index) => index);
  if (track.chosen >= count) shown[count - 1] = track.chosen;
  return shown;
}

function drawFork(x: number, track: Track, drawing: Drawing): void {
  const shown = linesOf(track);
  const spread = shown.length > 3 ? 15 / (shown.length - 1) : 6;
  shown.forEach((replica, line) => {
    const y = MIDDLE + (line - (shown.length - 1) / 2) * spread;
    const path = `M${x - 8} ${MIDDLE}C${x} ${MIDDLE} ${x} ${y} ${x + 6} ${y}H${x + 14}`;
    if (replica === track.chosen) {
      drawing.chosen = path;
      drawing.end = track.failed ? `M${x + 14.8} ${y - 2.6}l5.2 5.2m0-5.2l-5.2 5.2` : disc(x + 17, y, 2.6);
    } else if (track.excluded.includes(replica)) drawing.out += path;
    else drawing.rail += path;
  });
}

/** One row's track; `say` is its text alternative. `fit`: no wider than what is drawn. */
export function drawTrack(track: Track, fit = false): TemplateResult {
  const step = stepWidth(track.phases.length);
  const last = 5 + step * Math.max(0, track.phases.length - 1);
  const forks = !track.stopped && track.replicas > 0;
  const width = fit ? last + (forks ? STEP + 21 : 6) : TRACK_WIDTH;
  const rail = track.phases.length > 1 ? `M5 ${MIDDLE}H${last}` : "";
  const drawing: Drawing = { rail, out: "", chosen: "", end: "", pass: "", warn: "", stop: "" };
  drawPhases(track, step, drawing);
  if (forks) drawFork(last + STEP, track, drawing);
  const { failed, say } = track;
  return html`<svg
    class="track"
    width=${width}
    height=${HEIGHT}
    viewBox="0 0 ${width} ${HEIGHT}"
    role="img"
    aria-label=${say}
  >
    <title>${say}</title>
    <path class="t-rail" d=${drawing.rail}></path>
    <path class="t-out" d=${drawing.out}></path>
    <path class=${failed ? "t-failed" : "t-chosen"} d=${drawing.chosen}></path>
    <path class=${failed ? "t-cross" : "t-end"} d=${drawing.end}></path>
    <path class="t-pass" d=${drawing.pass}></path>
    <path class="t-warn" d=${drawing.warn}></path>
    <path class="t-stop" d=${drawing.stop}></path>
  </svg>`;
}
