/**
 * fault: makes a share of the requests slow, fail or break, to see how callers take it.
 * Which requests: by draws from the request's own recorded seed, so that a replay meets the same ones.
 * Must not touch what the draw spares. A delay counts before anything is sent for the request.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import { draw, DrawOf } from "../model/draw.ts";
import type { Answer, CompileContext, ConfigProblem, Policy, Shape, Step } from "../model/policy.ts";
import { duration, percentage, size, writeDuration, writeSize } from "../model/scalars.ts";

const config = z.strictObject({
  delay: z.optional(
    duration({ least: 1, most: 600_000 }).check(
      z.meta({ description: "How long a request waits before anything is sent for it.", examples: ["300ms"] }),
    ),
  ),
  delayPercent: z.prefault(percentage().check(z.meta({ description: "The share of requests that wait." })), "100%"),
  bandwidth: z.optional(
    size({ least: 16, most: 1_073_741_824 }).check(
      z.meta({ description: "Bytes per second at which the answer's body arrives: a slow line.", examples: ["16KiB"] }),
    ),
  ),
  abort: z.optional(
    z.int().check(
      z.minimum(400),
      z.maximum(599),
      z.meta({
        description: "The status with which a request fails instead of reaching a backend.",
        examples: [503],
      }),
    ),
  ),
  reset: z.prefault(
    z
      .boolean()
      .check(
        z.meta({ description: "Break the connection instead of answering with a status: what a crash looks like." }),
      ),
    false,
  ),
  abortPercent: z.prefault(
    percentage().check(z.meta({ description: "The share of requests that fail or break." })),
    "100%",
  ),
});

type Config = z.output<typeof config>;

export const fault: Policy<Config, undefined, never> = {
  kind: "fault",
  phase: "answer",
  summary: "Makes a share of the requests slow, fail or break, to see how callers take it; the same ones in a replay.",
  example: "fault: { delay: 300ms, delayPercent: 20%, abort: 503, abortPercent: 5% }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {},
  admits: (c, delayDraw, abortDraw) => {
    const parts: string[] = [];
    if (c.delay !== undefined)
      parts.push(
        delayDraw < c.delayPercent
          ? `waits ${writeDuration(c.delay)} (drew ${shown(delayDraw)}, below ${c.delayPercent}%)`
          : `does not wait (drew ${shown(delayDraw)}, not below ${c.delayPercent}%)`,
      );
    if (aborts(c))
      parts.push(
        abortDraw < c.abortPercent
          ? `${c.reset ? "breaks the connection" : `fails with ${c.abort}`} (drew ${shown(abortDraw)}, below ${c.abortPercent}%)`
          : `does not fail (drew ${shown(abortDraw)}, not below ${c.abortPercent}%)`,
      );
    if (c.bandwidth !== undefined) parts.push(`the answer's body arrives at ${writeSize(c.bandwidth)} a second`);
    return parts.join("; ");
  },
  check: (c): readonly ConfigProblem[] => {
    if (c.delay === undefined && c.bandwidth === undefined && !aborts(c))
      return [{ path: [], message: "give `delay`, `abort`, `reset` or `bandwidth`: without one nothing happens" }];
    if (c.reset && c.abort !== undefined) {
      const fix = { title: "Remove abort", path: ["abort"], value: undefined };
      return [{ path: ["abort"], message: "a connection that breaks tells no status: give `abort` or `reset`", fix }];
    }
    return [];
  },
  compile,
};

function aborts(c: Config): boolean {
  return c.abort !== undefined || c.reset;
}

function compile(c: Config, context: CompileContext): Step<undefined> & Shape {
  // Faults that stand in several places draw apart from each other.
  const first = DrawOf.Policy + (xxHash32(`${context.owner} ${JSON.stringify(c)}`, 0) % 1_000_000) * 2;
  const delayDraw = (x: Passage) => draw(x.seed, first) * 100;
  const abortDraw = (x: Passage) => draw(x.seed, first + 1) * 100;
  const answer: Answer = { status: c.abort ?? 503, fields: [], body: "", ...(c.reset ? { reset: true } : {}) };
  return {
    peek(x, _state, _now, note) {
      note.put(ADMIT, delayDraw(x), abortDraw(x));
      return ADMIT;
    },
    ...(aborts(c) && { answers: (x: Passage) => abortDraw(x) < c.abortPercent, answer: () => answer }),
    ...(c.bandwidth !== undefined && { body: { bandwidth: c.bandwidth } }),
    ...(c.delay !== undefined && { delay: (x: Passage) => (delayDraw(x) < c.delayPercent ? (c.delay ?? 0) : 0) }),
  };
}

function shown(value: number): string {
  return value.toFixed(1);
}
