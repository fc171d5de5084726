/**
 * quota: how much a caller may ask for within a calendar day or month. Counted by the wall clock that was recorded with
 * the request, in a time zone; what was used survives the gateway's end (its owner keeps `durable` state on disk).
 * Must not take in `peek`, and must not give a budget back because a clock was set back a little.
 */
import { serializeList } from "structured-headers";
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT, type Millis } from "../model/basics.ts";
import { clear, entriesOf, forget, freshKeyed, lookUp, sizeOf, use, type Keyed } from "../model/keyed.ts";
import type { CompileContext, ConfigProblem, DurableState, LimitGauge, Policy, Step } from "../model/policy.ts";
import { isTimezone, periodFinder, type Period } from "./calendar.ts";
import { checkKey, compileKey, keyText, limitKey, sameKey } from "./rate-limit-key.ts";

const config = z.strictObject({
  key: limitKey.check(
    z.meta({
      description:
        "What is counted by; a list counts by the combination. Callers without it share the quota of `(none)`.",
    }),
  ),
  requests: z
    .int()
    .check(z.minimum(1), z.maximum(1_000_000_000_000))
    .check(z.meta({ description: "How many requests each key may make within `per`.", examples: [10000] })),
  per: z.enum(["day", "month"]).check(z.meta({ description: "A calendar day or month of `timezone`." })),
  timezone: z.prefault(
    z
      .string()
      .check(z.minLength(1), z.maxLength(64))
      .check(z.meta({ description: "Whose midnight begins a day or month.", examples: ["Europe/Berlin"] })),
    "UTC",
  ),
});

type Config = z.output<typeof config>;

interface Used {
  used: number;
  rejected: number;
  /** What was left when a person froze it; -1 = it is not frozen. */
  frozen: number;
}

interface State extends Keyed<Used> {
  /** The period that the counts belong to, epoch milliseconds. */
  from: number;
  until: number;
  /** A moment by both clocks, so that a view can tell the time until the period ends. */
  wall: number;
  at: Millis;
  /** Grows with every change that is worth keeping. */
  changes: number;
}

const Refusal = { exhausted: 1, frozen: 2 } as const;

export const quota: Policy<Config, State, keyof typeof Refusal> = {
  kind: "quota",
  phase: "limit",
  summary: "How much a caller may ask for within a calendar day or month; what was used survives a restart.",
  example: "quota: { key: consumer, requests: 10000, per: month, timezone: Europe/Berlin }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    exhausted: {
      status: 429,
      title: "quota used up",
      say: (c, _left, wait) =>
        `${c.requests === 1 ? `the one request of this ${c.per} is` : `all ${c.requests} requests of this ${c.per} are`} used (${limitText(c)}); the next ${c.per} begins in ${longText(wait)}`,
      brief: (c, _left, wait) => `0 of ${c.requests}, next ${c.per} in ${longText(wait)}`,
      fix: (c) => {
        const more = Math.ceil(c.requests * 1.25);
        return [{ title: `Allow ${more} requests per ${c.per}`, path: ["requests"], value: more }];
      },
    },
    frozen: {
      status: 429,
      title: "quota frozen by hand",
      say: (c) =>
        `the quota was frozen by hand with nothing left (${limitText(c)}); it ends with the gateway or by hand`,
    },
  },
  admits: (c, left, wait) =>
    `${left} of ${c.requests} left this ${c.per} after this one (${limitText(c)}); the next begins in ${longText(wait)}`,
  check: (c, context: CompileContext): readonly ConfigProblem[] => [
    ...checkKey(c.key, context),
    ...(isTimezone(c.timezone)
      ? []
      : [
          {
            path: ["timezone"],
            message: `there is no time zone ${JSON.stringify(c.timezone)}: write a name of the IANA database such as Europe/Berlin, or UTC`,
          },
        ]),
  ],
  state: freshState,
  carry: (old, from, to) =>
    sameKey(from.key, to.key) && from.per === to.per && from.timezone === to.timezone ? old : freshState(),
  compile,
  replyFields,
  gauge: gaugeOf(),
  durable: durableOf(),
};

function freshState(): State {
  return { ...freshKeyed<Used>(), from: 0, until: 0, wall: 0, at: 0, changes: 0 };
}

/**
 * A clock that was set back counts on in the period that it had reached, unless it is now more than a period behind:
 * then it had been wrong.
 */
function isOf(state: State, period: Period): boolean {
  return period.from <= state.from && period.until >= state.from - (period.until - period.from);
}

function compile(c: Config, context: CompileContext): Step<State> {
  const keyOf = compileKey(c.key, context);
  const find = periodFinder(c.per, c.timezone);
  return {
    peek(x, state, _now, note) {
      const period = find(x.wallClock);
      const known = isOf(state, period) ? lookUp(state, keyOf(x)) : undefined;
      const wait = period.until - x.wallClock;
      if (known !== undefined && known.frozen >= 0) {
        const reason = known.frozen >= 1 ? ADMIT : Refusal.frozen;
        note.put(reason, known.frozen, wait);
        return reason;
      }
      const left = c.requests - (known?.used ?? 0);
      const reason = left >= 1 ? ADMIT : Refusal.exhausted;
      note.put(reason, Math.max(0, left - (reason === ADMIT ? 1 : 0)), wait);
      return reason;
    },
    take(x, state, now) {
      const period = find(x.wallClock);
      if (!isOf(state, period)) {
        clear(state);
        state.from = period.from;
        state.until = period.until;
      }
      state.wall = x.wallClock;
      state.at = now;
      const known = use(state, keyOf(x), () => ({ used: 0, rejected: 0, frozen: -1 }));
      // In shadow it takes although it would have refused; frozen, nothing is taken.
      if (known.frozen >= 0 || known.used >= c.requests) return;
      known.used++;
      state.changes++;
    },
    refused(x, state) {
      const known = lookUp(state, keyOf(x));
      if (known !== undefined) known.rejected++;
    },
  };
}

/** draft-ietf-httpapi-ratelimit-headers, as `rateLimit` writes them. */
function replyFields(
  c: Config,
  reason: number,
  x: number,
  y: number,
  _seen: Passage,
  twin: number,
): readonly (readonly [string, string])[] {
  const place = twin === 0 ? "" : `/${twin + 1}`;
  const name = `${keyText(c.key)}/${c.requests}/${c.per}${place}`.replace(/[^\x20-\x7e]/g, "?");
  const seconds = Math.ceil(y / 1000);
  const left = Math.max(0, Math.floor(x));
  const parameters = (entries: [string, number][]) => serializeList([[name, new Map(entries)]]);
  const fields: [string, string][] = [
    ["RateLimit-Policy", parameters([["q", c.requests]])],
    [
      "RateLimit",
      parameters([
        ["r", left],
        ["t", seconds],
      ]),
    ],
  ];
  if (reason === Refusal.exhausted) fields.push(["Retry-After", String(Math.max(1, seconds))]);
  return fields;
}

const MOST_SHOWN = 1000;

function gaugeOf(): LimitGauge<Config, State> {
  const leftOf = (c: Config, known: Used): number =>
    known.frozen >= 0 ? known.frozen : Math.max(0, c.requests - known.used);
  return {
    describe: (c) => ({
      capacity: c.requests,
      perSecond: 0,
      key: keyText(c.key),
      algorithm: "quota",
      text: limitText(c),
    }),
    keys(c, state, now) {
      const untilEnd = state.until - (state.wall + (now - state.at));
      const over = untilEnd <= 0;
      return [...entriesOf(state)]
        .map(([key, known]) => {
          const left = over && known.frozen < 0 ? c.requests : leftOf(c, known);
          const wait = over || known.frozen >= 0 ? 0 : untilEnd;
          const nextIn = left >= 1 ? 0 : wait;
          const fullIn = left >= c.requests ? 0 : wait;
          return { key, left, fullIn, nextIn, rejected: known.rejected, ...(known.frozen >= 0 && { frozen: true }) };
        })
        .toSorted((a, b) => a.left - b.left || b.rejected - a.rejected)
        .slice(0, MOST_SHOWN);
    },
    size: sizeOf,
    reset(_c, state, key) {
      if (forget(state, key)) state.changes++;
    },
    set(c, state, key, left) {
      const known = use(state, key, () => ({ used: 0, rejected: 0, frozen: -1 }));
      if (known.frozen >= 0) known.frozen = left;
      else known.used = Math.max(0, c.requests - left);
      state.changes++;
    },
    freeze(c, state, key, frozen) {
      const known = use(state, key, () => ({ used: 0, rejected: 0, frozen: -1 }));
      known.frozen = frozen ? leftOf(c, known) : -1;
    },
    saved: (state, key) => copyOf(lookUp(state, key)),
    restore(_c, state, key, saved) {
      if (saved === undefined) forget(state, key);
      else
        Object.assign(
          use(state, key, () => ({ ...(saved as Used) })),
          saved,
        );
      state.changes++;
    },
  };
}

function copyOf(known: Used | undefined): Used | undefined {
  return known && { ...known };
}

/** What is kept on disk: what each key has used in which period. Frozen buckets end with the gateway. */
function durableOf(): DurableState<Config, State> {
  return {
    changes: (state) => state.changes,
    head: (c, { from, until }) => ({ key: keyText(c.key), per: c.per, timezone: c.timezone, from, until }),
    *entries(state) {
      for (const [key, { used }] of entriesOf(state)) if (used > 0) yield [key, used];
    },
    load(c, head, entries) {
      const { from, until } = head;
      const same = head.key === keyText(c.key) && head.per === c.per && head.timezone === c.timezone;
      if (!same || typeof from !== "number" || typeof until !== "number") return undefined;
      const state = freshState();
      for (const [key, used] of entries) use(state, key, () => ({ used, rejected: 0, frozen: -1 }));
      return { ...state, from, until };
    },
  };
}

function limitText(c: Config): string {
  return `${c.requests} per ${c.per} by ${keyText(c.key)}, ${c.timezone}`;
}

function longText(wait: Millis): string {
  const minutes = Math.max(1, Math.ceil(wait / 60_000));
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2880 ? `${Math.ceil(minutes / 60)} h` : `${Math.ceil(minutes / 1440)} days`;
}
