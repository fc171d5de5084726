/**
 * cache: a shared HTTP cache (RFC 9111) between the policies and the backends: what is fresh is answered from memory, what
 * is stale is revalidated, and requests for the same thing wait for one answer. The gateway says what it holds, as a fact;
 * this file judges by the recorded clock whether it may be used. Must not hold an answer.
 */
import * as z from "zod/mini";
import type { Arrival, FactRequest, Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { CacheFact, CacheKey, CacheSource } from "../model/cache.ts";
import type { ConfigProblem, Policy, Step } from "../model/policy.ts";
import { duration, headerName, size } from "../model/scalars.ts";
import { isAnswered, judgeUse, ageAt, requestDirectives, Use, type Held } from "./cache-freshness.ts";

const YEAR = 31_536_000_000;
const DEFAULT_SIZE = "32MiB";

const keyPart = z.string().check(
  z.regex(
    /^(?:host|path|query|query\.[^\s]{1,256}|header\.[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}|cookie\.[^\s;=,]{1,256})$/,
    {
      error: "write host, path, query, query.<name>, header.<name> or cookie.<name>",
    },
  ),
);

const config = z.strictObject({
  ttl: z.optional(
    duration({ least: 1000, most: YEAR }).check(
      z.meta({
        description:
          "How long an answer is fresh that says nothing about it (no Cache-Control, no Expires). Default: a tenth of the time since its Last-Modified, at most a day.",
        examples: ["60s"],
      }),
    ),
  ),
  methods: z.prefault(
    z
      .array(z.enum(["GET", "HEAD"]))
      .check(z.minLength(1), z.meta({ description: "Methods that are answered from the cache." })),
    ["GET", "HEAD"],
  ),
  vary: z.prefault(
    z.array(headerName()).check(
      z.maxLength(16),
      z.meta({
        description: "Request header fields on which answers depend without saying so in Vary.",
        examples: [["accept-language"]],
      }),
    ),
    [],
  ),
  staleWhileRevalidate: z.prefault(
    duration({ least: 0, most: YEAR }).check(
      z.meta({
        description:
          "How long after its time an answer is still given at once, while a newer one is fetched behind it (RFC 5861). An answer's own stale-while-revalidate goes first.",
        examples: ["30s"],
      }),
    ),
    "0s",
  ),
  staleIfError: z.prefault(
    duration({ least: 0, most: YEAR }).check(
      z.meta({
        description:
          "How long after its time an answer is given when no backend can be reached or it says 500, 502, 503 or 504 (RFC 5861). An answer's own stale-if-error goes first.",
        examples: ["5m"],
      }),
    ),
    "0s",
  ),
  maxSize: z.prefault(
    size({ least: 65_536, most: 1_073_741_824 }).check(
      z.meta({
        description:
          "Memory for all that is stored; the least recently used goes first, and an answer larger than an eighth of it is not stored.",
      }),
    ),
    DEFAULT_SIZE,
  ),
  key: z.prefault(
    z.array(keyPart).check(
      z.minLength(1),
      z.maxLength(16),
      z.meta({
        description:
          "What makes two requests ask for the same: host, path, query (all of it), query.<name>, header.<name>, cookie.<name>.",
        examples: [["host", "path", "query.page", "cookie.currency"]],
      }),
    ),
    ["host", "path", "query"],
  ),
});

type Config = z.output<typeof config>;

const Refusal = { onlyIfCached: 1 } as const;

export const cache: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "cache",
  phase: "answer",
  summary:
    "A shared HTTP cache (RFC 9111): answers from memory what is fresh, revalidates what is stale, and sends one request for many that ask for the same.",
  example: "cache: { ttl: 60s, vary: [accept-language], staleWhileRevalidate: 30s, staleIfError: 5m }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    onlyIfCached: {
      status: 504,
      title: "not in the cache",
      say: (_c, use, age, seen) =>
        `the request accepts only a stored answer (only-if-cached), and the cache cannot give one: ${useWords(use, age, factOf(seen))}`,
    },
  },
  admits: (_c, use, age, seen) => useWords(use, age, factOf(seen)),
  check: (c): readonly ConfigProblem[] =>
    c.key.includes("path") ? [] : [{ path: ["key"], message: "without `path` every page would be the same one" }],
  needs: (c, { owner }): readonly FactRequest[] => [
    { name: factName(owner), kind: "cache", source: sourceOf(c, owner) },
  ],
  sends: () => [{ name: RENEWAL }],
  compile: (_c, { owner }) => compile(factName(owner)),
};

/** The request that renews a stale answer behind a client's back. */
export const RENEWAL = "renewal";

/** One place has one cache, whatever its fields: what is stored is carried over an edit of them. */
function factName(owner: string): string {
  return `cache/${owner}`;
}

function sourceOf(c: Config, owner: string): CacheSource {
  const names = (prefix: string) =>
    c.key.filter((part) => part.startsWith(prefix)).map((part) => part.slice(prefix.length));
  const parameters = names("query.");
  const key: CacheKey = {
    host: c.key.includes("host"),
    path: c.key.includes("path"),
    query: c.key.includes("query") || (parameters.length > 0 && parameters),
    cookies: names("cookie."),
  };
  return {
    owner,
    ttl: c.ttl,
    methods: c.methods,
    vary: [...new Set([...c.vary, ...names("header.")].map((name) => name.toLowerCase()))],
    staleWhileRevalidate: c.staleWhileRevalidate,
    staleIfError: c.staleIfError,
    maxSize: c.maxSize,
    key,
  };
}

function compile(name: string): Step<undefined> {
  const use = (x: Passage, now: number) =>
    judgeUse(x.facts[name] as CacheFact | undefined, x.arrival, now, x.wallClock);
  return {
    peek(x, _state, now, note) {
      const fact = x.facts[name] as CacheFact | undefined;
      const how = use(x, now);
      const age = fact?.state === "held" ? ageAt(fact, now, x.wallClock) : 0;
      const reason = !isAnswered(how) && onlyIfCached(x.arrival) ? Refusal.onlyIfCached : ADMIT;
      note.put(reason, how, age);
      return reason;
    },
    answers: (x, now) => isAnswered(use(x, now)),
    // Only its status: the gateway has the rest.
    answer: (x) => ({ status: (x.facts[name] as Held).status, fields: [], body: "" }),
  };
}

function onlyIfCached(arrival: Arrival): boolean {
  return requestDirectives(arrival).has("only-if-cached");
}

function factOf(seen: Passage): CacheFact | undefined {
  for (const name in seen.facts) if (name.startsWith("cache/")) return seen.facts[name] as CacheFact;
  return undefined;
}

// ---- Words -------------------------------------------------------------------------------------------------------

const BYPASS_WORDS = {
  method: "the method is not answered from a cache",
  unlisted: "`methods` of the policy does not name this one",
  range: "ranges are left to the backend",
  precondition: "If-Match, If-Unmodified-Since and If-Range are the backend's to judge",
  upgrade: "it asks for another protocol",
} as const;

/** The sentence for a verdict of the cache: what it holds, how old it is, and what follows. */
function useWords(use: number, age: number, fact: CacheFact | undefined): string {
  if (fact === undefined) return "not looked up";
  if (fact.state === "bypass") return `not asked: ${BYPASS_WORDS[fact.why]}`;
  if (use === Use.RequestNoStore) return "not asked: the request says no-store";
  if (fact.state === "none") return missWords(use, fact);
  const times = ageWords(age, fact);
  switch (use) {
    case Use.Hit:
      return `hit: ${times}`;
    case Use.StaleAccepted:
      return `hit: ${times}; stale, which the request accepts (max-stale)`;
    case Use.StaleWhileRevalidate:
      return `hit: ${times}; stale, and renewed behind this request (stale-while-revalidate ${seconds(fact.staleWhileRevalidate)})`;
    case Use.NoCache:
      return `${asking(fact)}: the stored answer says no-cache; ${times}`;
    case Use.RequestNoCache:
      return `${asking(fact)}: the request says no-cache; ${times}`;
    case Use.RequestMaxAge:
      return `${asking(fact)}: the request wants a younger one (max-age); ${times}`;
    case Use.RequestMinFresh:
      return `${asking(fact)}: the request wants one that is fresh for longer (min-fresh); ${times}`;
    default:
      return `${asking(fact)}: stale; ${times}`;
  }
}

/** "12 s old, fresh for 60 s (max-age)" @param age in seconds. */
export function ageWords(age: number, held: Held): string {
  return `${seconds(age)} old, fresh for ${seconds(held.lifetime)} (${lifetimeWords(held)})`;
}

function missWords(use: number, fact: Extract<CacheFact, { state: "none" }>): string {
  const held =
    use === Use.OtherVariant
      ? `miss: ${fact.variants} ${fact.variants === 1 ? "answer is" : "answers are"} held for this URL, selected by other header fields (Vary)`
      : "miss: nothing is held for this URL";
  if (fact.waited === undefined) return held;
  const why = fact.waited === "failed" ? "failed" : "gave an answer that cannot be shared";
  return `${held}; waited for another request, which ${why}`;
}

function asking(fact: Held): string {
  return fact.validator === "none" ? "fetched anew" : `revalidated by ${fact.validator}`;
}

function lifetimeWords({ from }: Held): string {
  if (from === "heuristic") return "a tenth of the time since Last-Modified";
  if (from === "none") return "it says nothing of its freshness";
  return from === "ttl" ? "ttl of the policy" : from;
}

function seconds(value: number): string {
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} s`;
}
