/**
 * rateLimit: how often a caller may call. Peeks at the budget of the caller's key, takes when everything else admitted.
 * Must not take in `peek`, or a request that a later step refuses would cost the caller's budget.
 */
import { serializeList } from "structured-headers";
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT, type Millis } from "../model/basics.ts";
import { entriesOf, forget, freshKeyed, lookUp, sizeOf, use, type Keyed } from "../model/keyed.ts";
import type { CompileContext, ConfigProblem, Fix, LimitGauge, Policy, Step } from "../model/policy.ts";
import { duration, expression, writeDuration } from "../model/scalars.ts";
import { checkExpression, compileExpression } from "./expression.ts";
import { algorithms, type LimitShape, type Usage } from "./limit-algorithms.ts";
import { checkKey, compileKey, keyText, limitKey, sameKey } from "./rate-limit-key.ts";

const config = z.strictObject({
  key: limitKey.check(
    z.meta({
      description:
        "What the limit counts by; a list counts by the combination. Callers without it (no token, no such header) share the budget of `(none)`.",
    }),
  ),
  requests: z
    .int()
    .check(z.minimum(1), z.maximum(1_000_000_000))
    .check(z.meta({ description: "How much is allowed within `per`.", examples: [60] })),
  per: duration({ least: 1 }).check(
    z.meta({ description: "The length of time that `requests` belongs to.", examples: ["1m"] }),
  ),
  burst: z.optional(
    z
      .int()
      .check(z.minimum(1), z.maximum(1_000_000_000))
      .check(
        z.meta({
          description:
            "Most that may pass at once: the size of the bucket. Default: `requests` for tokenBucket, 1 for leakyBucket; not for windows.",
          examples: [20],
        }),
      ),
  ),
  algorithm: z.prefault(
    z.enum(["tokenBucket", "slidingWindow", "fixedWindow", "leakyBucket"]).check(
      z.meta({
        description:
          "tokenBucket refills evenly; slidingWindow weighs the last two windows; fixedWindow opens with a key's first request; leakyBucket spaces requests evenly (excess is refused, not queued).",
      }),
    ),
    "tokenBucket",
  ),
  cost: z.optional(
    expression().check(
      z.meta({
        description:
          "How much one request takes (CEL, a number of 0 or more). Default 1. One that fails refuses the request.",
        examples: ["request.method == 'POST' ? 5 : 1"],
      }),
    ),
  ),
  headers: z.prefault(
    z.enum(["draft", "legacy", "off"]).check(
      z.meta({
        description:
          "How answers tell what is left: draft = RateLimit and RateLimit-Policy (IETF draft), legacy = X-RateLimit-*, off = nothing. Retry-After comes with every 429.",
      }),
    ),
    "draft",
  ),
});

type Config = z.output<typeof config>;
type State = Keyed<Usage>;

const Refusal = { limited: 1, tooCostly: 2, costFailed: 3, frozen: 4 } as const;

export const rateLimit: Policy<Config, State, keyof typeof Refusal> = {
  kind: "rateLimit",
  phase: "limit",
  summary: "How often a caller may call, counted by address, consumer, token claim, header or route.",
  example: "rateLimit: { key: client.ip, requests: 60, per: 1m }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    limited: {
      status: 429,
      title: "rate limit reached",
      say: (c, left, wait, seen) =>
        `${amount(left)} of ${capacityOf(c)} ${unitOf(c)} left (${limitText(c)}); ${costText(c, seen)} needed; next in ${seconds(wait)}`,
      brief: (c, left, wait) => `${short(amount(left))} of ${capacityOf(c)}, next in ${short(seconds(wait))}`,
      fix: (c, left, _wait, seen) => raise(c, Math.ceil(capacityOf(c) - left + (costOf(c, seen) ?? 1) - 1e-11)),
    },
    tooCostly: {
      status: 429,
      title: "costs more than the whole limit",
      say: (c, _left, cost) =>
        `this request costs ${amount(cost)}, and at most ${capacityOf(c)} ${unitOf(c)} may be taken at once`,
      fix: (c, _left, cost) => raise(c, Math.ceil(cost)),
    },
    costFailed: {
      status: 403,
      title: "its cost cannot be told",
      say: (c, _x, _y, seen) =>
        c.cost === undefined
          ? "the cost cannot be told"
          : `the cost must be a number of 0 or more: ${compiledCost(c.cost).explain(seen)}`,
    },
    frozen: {
      status: 429,
      title: "bucket frozen by hand",
      say: (c, left, needed) =>
        `the bucket was frozen by hand with ${amount(left)} of ${capacityOf(c)} left, and ${amount(needed)} is needed; that ends by hand or with the gateway`,
    },
  },
  admits: (c, left) => `${amount(left)} of ${capacityOf(c)} ${unitOf(c)} left after this one (${limitText(c)})`,
  layer4,
  check: checkConfig,
  state: () => freshKeyed<Usage>(),
  carry,
  compile,
  replyFields,
  gauge: gaugeOf(),
};

function checkConfig(c: Config, context: CompileContext): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [...checkKey(c.key, context)];
  if (c.burst !== undefined && (c.algorithm === "fixedWindow" || c.algorithm === "slidingWindow")) {
    problems.push({
      path: ["burst"],
      message: `a ${c.algorithm} has no burst: within a window ${c.requests} may come at once; burst belongs to tokenBucket and leakyBucket`,
      fix: { title: "Remove burst", path: ["burst"], value: undefined },
    });
  }
  const wrong = c.cost === undefined ? undefined : checkExpression(c.cost);
  if (wrong) problems.push({ path: ["cost"], message: wrong.message, within: wrong });
  return problems;
}

/** Connections are counted there, by address. */
function layer4(c: Config): string | undefined {
  if (c.cost !== undefined) return "`cost`, which looks at the request";
  const key = keyText(c.key);
  return key === "client.ip" || key === "route" ? undefined : `\`${key}\` of the request`;
}

function compile(c: Config, context: CompileContext): Step<State> {
  const algorithm = algorithms[c.algorithm];
  const shape = shapeOf(c);
  const keyOf = compileKey(c.key, context);
  const cost = c.cost === undefined ? undefined : compiledCost(c.cost);
  const price = (x: Passage): number | undefined => (cost === undefined ? 1 : cost.measure(x));
  return {
    peek(x, state, now, note) {
      const needed = price(x);
      if (needed === undefined || needed < 0) {
        note.put(Refusal.costFailed, 0, 0);
        return Refusal.costFailed;
      }
      const usage = lookUp(state, keyOf(x));
      if (usage !== undefined && usage.frozen >= 0) {
        const reason = needed <= usage.frozen ? ADMIT : Refusal.frozen;
        note.put(reason, usage.frozen, reason === ADMIT ? 0 : needed);
        return reason;
      }
      const left = algorithm.left(shape, usage, now);
      const wait = algorithm.wait(shape, usage, needed, now);
      if (wait === 0) {
        note.put(ADMIT, Math.max(0, left - needed), algorithm.full(shape, usage, now));
        return ADMIT;
      }
      if (wait === Infinity) {
        note.put(Refusal.tooCostly, left, needed);
        return Refusal.tooCostly;
      }
      note.put(Refusal.limited, left, wait);
      return Refusal.limited;
    },
    take(x, state, now) {
      const needed = price(x);
      if (needed === undefined || needed < 0) return;
      const usage = use(state, keyOf(x), () => algorithm.begin(shape, 0, now));
      if (usage.frozen >= 0) return;
      // A step in shadow takes although it would have refused; what would have been refused must not cost anything.
      if (algorithm.wait(shape, usage, needed, now) === 0) algorithm.take(shape, usage, needed, now);
    },
    refused(x, state) {
      const usage = lookUp(state, keyOf(x));
      if (usage !== undefined) usage.rejected++;
    },
  };
}

/**
 * What was used stays used: a key that took 15 of 20 has taken 15 of 40 after the edit, and is at most used up when the
 * new limit is smaller. Counting by something else begins afresh, since the keys mean something else.
 */
function carry(old: State, from: Config, to: Config, now: Millis): State {
  if (!sameKey(from.key, to.key)) return freshKeyed<Usage>();
  const before = shapeOf(from);
  const after = shapeOf(to);
  const sameShape =
    before.capacity === after.capacity && before.requests === after.requests && before.per === after.per;
  if (sameShape && from.algorithm === to.algorithm) return old;
  const kept = freshKeyed<Usage>();
  for (const [key, usage] of entriesOf(old)) {
    const used = before.capacity - algorithms[from.algorithm].left(before, usage, now);
    const next = algorithms[to.algorithm].begin(after, Math.min(used, after.capacity), now);
    next.rejected = usage.rejected;
    if (usage.frozen >= 0) next.frozen = Math.min(usage.frozen, after.capacity);
    use(kept, key, () => next);
  }
  return kept;
}

/**
 * draft-ietf-httpapi-ratelimit-headers (structured fields), or X-RateLimit-*. Names must differ within a field, and several
 * limits may count by one key: so a limit is named by its key and its numbers, "client.ip/20/1m", and by its place among those
 * that say the very same, "client.ip/20/1m/2".
 */
interface DraftNames {
  /** The whole RateLimit-Policy field. */
  readonly policy: string;
  /** The limit's name as a structured string. */
  readonly name: string;
}

/** What does not change between requests: made once per config and twin, since these fields go with every answer. */
const draftNamesOf = new WeakMap<Config, DraftNames[]>();

function draftNames(c: Config, twin: number): DraftNames {
  let all = draftNamesOf.get(c);
  if (all === undefined) draftNamesOf.set(c, (all = []));
  return (all[twin] ??= namesOf(c, twin));
}

function namesOf(c: Config, twin: number): DraftNames {
  const key = printable(`${keyText(c.key)}/${c.requests}/${writeDuration(c.per)}${twin === 0 ? "" : `/${twin + 1}`}`);
  const quota: [string, number][] = [
    ["q", c.requests],
    ["w", Math.max(1, Math.ceil(c.per / 1000))],
  ];
  return { policy: serializeList([[key, new Map(quota)]]), name: serializeList([[key, new Map()]]) };
}

function replyFields(
  c: Config,
  reason: number,
  x: number,
  y: number,
  _seen: Passage,
  twin: number,
): readonly (readonly [string, string])[] {
  if (reason === Refusal.costFailed || reason === Refusal.frozen) return [];
  const left = Math.max(0, Math.floor(x + 1e-6));
  const untilSeconds = reason === Refusal.tooCostly ? 0 : Math.ceil(y / 1000);
  const fields: [string, string][] = [];
  if (c.headers === "draft") {
    const { policy, name } = draftNames(c, twin);
    fields.push(["RateLimit-Policy", policy], ["RateLimit", `${name};r=${left};t=${untilSeconds}`]);
  } else if (c.headers === "legacy") {
    fields.push(["X-RateLimit-Limit", String(c.requests)]);
    fields.push(["X-RateLimit-Remaining", String(left)], ["X-RateLimit-Reset", String(untilSeconds)]);
  }
  if (reason === Refusal.limited) fields.push(["Retry-After", String(Math.max(1, untilSeconds))]);
  return fields;
}

/** Most keys that the Limits view is given at once. */
const MOST_SHOWN = 1000;

function gaugeOf(): LimitGauge<Config, State> {
  return {
    describe: (c) => ({
      capacity: capacityOf(c),
      perSecond: (c.requests * 1000) / c.per,
      key: keyText(c.key),
      algorithm: c.algorithm,
      text: limitText(c),
    }),
    keys(c, state, now) {
      const algorithm = algorithms[c.algorithm];
      const shape = shapeOf(c);
      const leftOf = (usage: Usage) => (usage.frozen >= 0 ? usage.frozen : algorithm.left(shape, usage, now));
      const lefts = Float64Array.from(entriesOf(state), ([, usage]) => leftOf(usage));
      const most = lefts.length > MOST_SHOWN ? lefts.toSorted()[MOST_SHOWN - 1] : Infinity;
      const shown: { key: string; left: number; fullIn: Millis; nextIn: Millis; rejected: number; frozen?: boolean }[] =
        [];
      let i = 0;
      for (const [key, usage] of entriesOf(state)) {
        const left = lefts[i++];
        if (left > most) continue;
        const frozen = usage.frozen >= 0;
        const nextIn = frozen ? 0 : algorithm.wait(shape, usage, Math.min(1, shape.capacity), now);
        const fullIn = frozen ? 0 : algorithm.full(shape, usage, now);
        shown.push({ key, left, fullIn, nextIn, rejected: usage.rejected, ...(frozen && { frozen }) });
      }
      return shown.toSorted((a, b) => a.left - b.left || b.rejected - a.rejected).slice(0, MOST_SHOWN);
    },
    size: sizeOf,
    reset: (_c, state, key) => void forget(state, key),
    set(c, state, key, left, now) {
      const shape = shapeOf(c);
      const known = use(state, key, () => algorithms[c.algorithm].begin(shape, 0, now));
      const kept = Math.min(left, shape.capacity);
      const next = algorithms[c.algorithm].begin(shape, shape.capacity - kept, now);
      Object.assign(known, next, { rejected: known.rejected, frozen: known.frozen >= 0 ? kept : -1 });
    },
    freeze(c, state, key, frozen, now) {
      const shape = shapeOf(c);
      const algorithm = algorithms[c.algorithm];
      const known = use(state, key, () => algorithm.begin(shape, 0, now));
      if (frozen === known.frozen >= 0) return;
      // It goes on from what it was frozen with: the time meanwhile does not count.
      if (frozen) known.frozen = algorithm.left(shape, known, now);
      else
        Object.assign(known, algorithm.begin(shape, shape.capacity - known.frozen, now), { rejected: known.rejected });
    },
    saved: (state, key) => copyOf(lookUp(state, key)),
    restore(_c, state, key, saved) {
      if (saved === undefined) forget(state, key);
      else
        Object.assign(
          use(state, key, () => ({ ...(saved as Usage) })),
          saved,
        );
    },
  };
}

function copyOf(usage: Usage | undefined): Usage | undefined {
  return usage && { ...usage };
}

function capacityOf(c: Config): number {
  if (c.algorithm === "tokenBucket") return c.burst ?? c.requests;
  return c.algorithm === "leakyBucket" ? (c.burst ?? 1) : c.requests;
}

function shapeOf(c: Config): LimitShape {
  return { capacity: capacityOf(c), requests: c.requests, per: c.per };
}

function raise(c: Config, capacity: number): readonly Fix[] {
  const field = c.burst === undefined && c.algorithm !== "leakyBucket" ? "requests" : "burst";
  const text = field === "requests" ? `${capacity} requests per ${writeDuration(c.per)}` : `a burst of ${capacity}`;
  return [{ title: `Allow ${text}: the least that admits this request`, path: [field], value: capacity }];
}

// `say` asks for the same few expressions again and again; compiling one takes longer than evaluating it.
const costs = new Map<string, ReturnType<typeof compileExpression>>();

function compiledCost(source: string): ReturnType<typeof compileExpression> {
  let cost = costs.get(source);
  if (cost === undefined) {
    if (costs.size >= 64) costs.clear();
    cost = compileExpression(source);
    costs.set(source, cost);
  }
  return cost;
}

function costOf(c: Config, seen: Passage): number | undefined {
  return c.cost === undefined ? 1 : compiledCost(c.cost).measure(seen);
}

function costText(c: Config, seen: Passage): string {
  return amount(costOf(c, seen) ?? 1);
}

function unitOf(c: Config): string {
  return c.algorithm === "tokenBucket" || c.algorithm === "leakyBucket" ? "tokens" : "requests";
}

function limitText(c: Config): string {
  const burst = c.burst === undefined ? "" : `, burst ${c.burst}`;
  return `${c.requests} per ${writeDuration(c.per)}${burst} by ${keyText(c.key)}, ${c.algorithm}`;
}

/** Rounded down, so that 0.96 of a token does not read as a whole one. */
function amount(value: number): string {
  return Number.isInteger(value) && value !== 0 ? String(value) : (Math.floor(value * 10 + 1e-6) / 10).toFixed(1);
}

/** "5.0 s" -> "5 s": a table has no room for it. */
function short(number: string): string {
  return number.replace(/\.0(?= |$)/, "");
}

function seconds(wait: Millis): string {
  return wait < 1000 ? `${Math.ceil(wait)} ms` : `${(Math.ceil(wait / 100) / 10).toFixed(1)} s`;
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
