/**
 * concurrency: how many requests of one caller may be on their way at once. Counted when a request is let pass, given
 * back when it ends, however it ends. Must not lose a count: over an edit both plans count on the same numbers.
 */
import * as z from "zod/mini";
import { ADMIT } from "../model/basics.ts";
import type { CompileContext, ConfigProblem, Fix, Policy, Step } from "../model/policy.ts";
import { checkKey, compileKey, keyText, limitKey, sameKey } from "./rate-limit-key.ts";

const config = z.strictObject({
  key: limitKey.check(
    z.meta({
      description:
        "What is counted by; a list counts by the combination. Callers without it share the count of `(none)`.",
    }),
  ),
  max: z
    .int()
    .check(z.minimum(1), z.maximum(1_000_000))
    .check(z.meta({ description: "Most requests on their way at once, for each key.", examples: [4] })),
});

type Config = z.output<typeof config>;

interface Count {
  inFlight: number;
  rejected: number;
}

/** Only keys with requests on their way, so it is no larger than the number of open requests. */
interface State {
  readonly entries: Map<string, Count>;
}

const Refusal = { full: 1 } as const;

export const concurrency: Policy<Config, State, keyof typeof Refusal> = {
  kind: "concurrency",
  phase: "limit",
  summary: "How many requests of one caller may be on their way at once, by address, consumer, claim, header or route.",
  example: "concurrency: { key: consumer, max: 4 }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    full: {
      status: 429,
      title: "too many requests at once",
      say: (c, inFlight) =>
        `${inFlight} ${inFlight === 1 ? "request is" : "requests are"} on the way; ${c.max} may be at once by ${keyText(c.key)}`,
      fix: (_c, inFlight): readonly Fix[] => [
        { title: `Allow ${inFlight + 1} at once: the least that admits this one`, path: ["max"], value: inFlight + 1 },
      ],
    },
  },
  admits: (c, inFlight) => `${inFlight + 1} of ${c.max} on their way with this one, by ${keyText(c.key)}`,
  check: checkConfig,
  state: () => ({ entries: new Map() }),
  carry: (old, from, to) => (sameKey(from.key, to.key) ? old : { entries: new Map() }),
  compile,
  replyFields: (_c, reason) => (reason === ADMIT ? [] : [["Retry-After", "1"]]),
  gauge: {
    describe: (c) => ({
      capacity: c.max,
      perSecond: 0,
      key: keyText(c.key),
      algorithm: "concurrency",
      text: `${c.max} at once by ${keyText(c.key)}`,
    }),
    keys: (c, { entries }) =>
      [...entries]
        .map(([key, { inFlight, rejected }]) => {
          return { key, left: Math.max(0, c.max - inFlight), fullIn: 0, nextIn: 0, rejected };
        })
        .toSorted((a, b) => a.left - b.left || b.rejected - a.rejected)
        .slice(0, 1000),
    size: ({ entries }) => entries.size,
    // What is on its way cannot be called back: only the count of refusals begins anew.
    reset: (_c, { entries }, key) => {
      const count = entries.get(key);
      if (count !== undefined) count.rejected = 0;
    },
  },
};

/** A listener's step ends after the route's have changed who is calling: its key must not hang on that. */
function checkConfig(c: Config, context: CompileContext): readonly ConfigProblem[] {
  const problems = checkKey(c.key, context);
  if (problems.length > 0 || !context.owner.startsWith("listener/")) return problems;
  const parts = typeof c.key === "string" ? [c.key] : c.key;
  return parts.flatMap((part, i) =>
    part === "consumer" || part.startsWith("jwt.")
      ? [
          {
            path: typeof c.key === "string" ? ["key"] : ["key", i],
            message: `on a listener \`${part}\` may still change on the route, and the count would not be given back: put it on the route`,
          },
        ]
      : [],
  );
}

function compile(c: Config, context: CompileContext): Step<State> {
  const keyOf = compileKey(c.key, context);
  return {
    peek(x, { entries }, _now, note) {
      const inFlight = entries.get(keyOf(x))?.inFlight ?? 0;
      const reason = inFlight < c.max ? ADMIT : Refusal.full;
      note.put(reason, inFlight, 0);
      return reason;
    },
    take(x, { entries }) {
      const key = keyOf(x);
      const count = entries.get(key);
      if (count === undefined) entries.set(key, { inFlight: 1, rejected: 0 });
      else count.inFlight++;
    },
    end(x, { entries }) {
      const key = keyOf(x);
      const count = entries.get(key);
      if (count === undefined) return;
      if (--count.inFlight === 0) entries.delete(key);
    },
    refused(x, { entries }) {
      const count = entries.get(keyOf(x));
      if (count !== undefined) count.rejected++;
    },
  };
}
