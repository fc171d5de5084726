/**
 * The track: the line that each request draws. A dot per phase that ran, a square where the gateway stopped it,
 * then a fork with one line per replica: the chosen one thick, an excluded one dashed, a cross where it failed.
 * Never meaning by colour alone: dot, diamond, square, dash and thickness say the same as green, yellow and red.
 */
import { html, svg, type SVGTemplateResult, type TemplateResult } from "lit";
import type { Track } from "../../src/contract/traffic.ts";

const STEP = 11;
const MIDDLE = 9;
const HEIGHT = 18;
/** More replicas than this are drawn as this many lines; the text alternative has the number. */
const MOST_LINES = 5;

export const TRACK_WIDTH = 92;

/** Phases are squeezed when there are so many that the fork would not fit. */
function stepWidth(phases: number): number {
  const room = TRACK_WIDTH - 36;
  return phases * STEP <= room ? STEP : Math.max(7, room / phases);
}

function phaseMark(x: number, index: number, track: Track): SVGTemplateResult {
  if (track.stopped && index === track.phases.length - 1)
    return svg`<rect class="t-stop" x=${x - 4} y=${MIDDLE - 4} width="8" height="8" rx="1.5"></rect>`;
  if (index === track.warned)
    return svg`<path class="t-warn" d="M${x} ${MIDDLE - 4.5} l4.5 4.5 -4.5 4.5 -4.5 -4.5z"></path>`;
  return svg`<circle class="t-pass" cx=${x} cy=${MIDDLE} r="3"></circle>`;
}

/** Which replicas get a line: all, or the first few with the chosen one among them. */
function linesOf(track: Track): number[] {
  const count = Math.min(track.replicas, MOST_LINES);
  const shown = Array.from({ length: count }, (_, index) => index);
  if (track.chosen >= count) shown[count - 1] = track.chosen;
  return shown;
}

function fork(x: number, track: Track): SVGTemplateResult[] {
  const shown = linesOf(track);
  const spread = shown.length > 3 ? 15 / (shown.length - 1) : 6;
  const drawn = shown.map((replica, line) => {
    const y = MIDDLE + (line - (shown.length - 1) / 2) * spread;
    const chosen = replica === track.chosen;
    const path = `M${x - 8} ${MIDDLE} C${x} ${MIDDLE} ${x} ${y} ${x + 6} ${y} H${x + 14}`;
    const excluded = track.excluded.includes(replica);
    const shape = svg`<path class=${chosen ? (track.failed ? "t-failed" : "t-chosen") : excluded ? "t-out" : "t-other"}
      d=${path}></path>`;
    return { chosen, shape: chosen ? svg`${shape}${endMark(x + 17, y, track.failed)}` : shape };
  });
  // The chosen line lies on top of the others.
  return drawn.toSorted((a, b) => Number(a.chosen) - Number(b.chosen)).map((line) => line.shape);
}

function endMark(x: number, y: number, failed: boolean): SVGTemplateResult {
  return failed
    ? svg`<path class="t-cross" d="M${x - 2.2} ${y - 2.6} l5.2 5.2 m0 -5.2 l-5.2 5.2"></path>`
    : svg`<circle class="t-end" cx=${x} cy=${y} r="2.6"></circle>`;
}

/** One row's track; `say` is its text alternative. `fit`: no wider than what is drawn. */
export function drawTrack(track: Track, fit = false): TemplateResult {
  const step = stepWidth(track.phases.length);
  const last = 5 + step * Math.max(0, track.phases.length - 1);
  const forks = !track.stopped && track.replicas > 0;
  const width = fit ? last + (forks ? STEP + 21 : 6) : TRACK_WIDTH;
  const rail = track.phases.length > 1 ? svg`<path class="t-rail" d="M5 ${MIDDLE} H${last}"></path>` : svg``;
  return html`<svg
    class="track"
    width=${width}
    height=${HEIGHT}
    viewBox="0 0 ${width} ${HEIGHT}"
    role="img"
    aria-label=${track.say}
  >
    <title>${track.say}</title>
    ${rail}${track.phases.map((_, index) => phaseMark(5 + index * step, index, track))}${
      forks ? fork(last + STEP, track) : svg``
    }
  </svg>`;
}
