/**
 * What the caches hold, for people: each stored answer with why it is fresh or stale, and URLs whose answers are not stored,
 * with why not. Must not show a body, nor more entries than were asked for.
 */
import type { CacheEntryView, CacheView } from "../../contract/caches.ts";
import type { Millis } from "../../model/basics.ts";
import type { Plan } from "../../model/plan.ts";
import { ageAt } from "../../policies/cache-freshness.ts";
import { ageWords } from "../../policies/cache.ts";
import type { Caches } from "../cache/caches.ts";
import type { Entry } from "../cache/entry.ts";
import type { Refused, Store } from "../cache/store.ts";
import { locationOf } from "../record/location.ts";

export interface CachesAsked {
  readonly plan: Plan;
  readonly now: Millis;
  readonly wallClock: number;
  /** Part of a URL. */
  readonly search: string;
  /** Entries for each cache. */
  readonly count: number;
  /** A URL as it may be shown. */
  show(url: string): string;
}

export function cacheViews(caches: Caches, asked: CachesAsked): CacheView[] {
  return [...caches.all].map((store) => cacheView(store, asked));
}

function cacheView(store: Store, asked: CachesAsked): CacheView {
  const { owner, maxSize } = store.source;
  const step = asked.plan.steps.find(({ identity, kind }) => kind === "cache" && identity.startsWith(`${owner}/`));
  const wanted = asked.search.toLowerCase();
  const matches = (uri: string) => uri.toLowerCase().includes(wanted);
  const entries = store.entries.filter(({ uri }) => matches(uri)).slice(0, asked.count);
  const refused = store.refused.filter(([uri]) => matches(uri)).slice(0, asked.count - entries.length);
  return {
    identity: owner,
    owner: owner.replace("/", " "),
    bytes: store.bytes,
    maxSize,
    count: store.count,
    hits: store.hits,
    misses: store.misses,
    entries: [
      ...entries.map((entry) => entryView(entry, asked)),
      ...refused.map(([uri, why]) => refusedView(uri, why, asked)),
    ],
    ...(step === undefined ? {} : { location: locationOf(step.source) }),
  };
}

function entryView({ uri, fact, size, hits, selectors }: Entry, asked: CachesAsked): CacheEntryView {
  const age = ageAt(fact, asked.now, asked.wallClock);
  const fresh = age < fact.lifetime && !fact.noCache;
  const by = fact.validator === "none" ? "fetched anew" : `revalidated by ${fact.validator}`;
  return {
    url: asked.show(uri),
    state: fresh ? "fresh" : "stale",
    sentence: fresh ? ageWords(age, fact) : `${ageWords(age, fact)}; ${by} when it is asked for`,
    status: fact.status,
    size,
    hits,
    // Names only: a value may be a secret.
    selectors: selectors.map(([name]) => name),
  };
}

const WHY: Readonly<Record<Refused["why"], string>> = {
  method: "only answers to GET are stored",
  status: "its status says nothing of freshness, and it does not either (RFC 9111 section 3)",
  partial: "a part of an answer (206): ranges are left to the backend",
  "no-store": "the answer says Cache-Control: no-store",
  "request no-store": "the request said Cache-Control: no-store",
  private: "the answer says Cache-Control: private: it is for one user",
  authorization: "the request had credentials, and the answer does not say public, s-maxage or must-revalidate",
  "Vary: *": "Vary: * says that no request is like another",
  cookie: "it sets a cookie, and does not say for itself that it may be shared",
  "stale at once": "it is stale at once, and has neither ETag nor Last-Modified to ask again by",
  "too large": "larger than an eighth of maxSize",
  incomplete: "its end never came",
};

function refusedView(uri: string, { why, status }: Refused, { show }: CachesAsked): CacheEntryView {
  return { url: show(uri), state: "uncacheable", sentence: WHY[why], status, size: 0, hits: 0, selectors: [] };
}
