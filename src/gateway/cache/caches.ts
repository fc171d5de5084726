/**
 * All caches of a gateway: looks up what is held for a request, lets requests for the same wait for one answer, and takes
 * out what unsafe requests have changed. A cache is known by where its policy stands, so that an edit keeps it warm.
 * Must not decide what to do with what it finds: that is the policy's, in the core.
 */
import type { Arrival, Passage } from "../../model/arrival.ts";
import type { BypassReason, CacheFact, CacheSource } from "../../model/cache.ts";
import type { Millis } from "../../model/basics.ts";
import type { Plan } from "../../model/plan.ts";
import { Failure } from "../../model/state.ts";
import { isAnswered, judgeUse, requestDirectives, Use } from "../../policies/cache-freshness.ts";
import { RENEWAL } from "../../policies/cache.ts";
import { Child, type ChildOwner } from "../forward/child.ts";
import { LivePassage } from "../forward/passage.ts";
import type { Run } from "../forward/run.ts";
import type { Head } from "../http1/head.ts";
import { Flight, Store } from "./store.ts";
import { sameOriginTarget, uriOf } from "./uri.ts";
import { CacheVisit, type Renew } from "./visit.ts";

/** RFC 9110 section 9.2.1. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"]);
/** Times that a request waits anew because the one it waited for left without asking. */
const MOST_WAITS = 3;

const BYPASS: Readonly<Record<BypassReason, CacheFact>> = {
  method: { state: "bypass", why: "method" },
  unlisted: { state: "bypass", why: "unlisted" },
  range: { state: "bypass", why: "range" },
  precondition: { state: "bypass", why: "precondition" },
  upgrade: { state: "bypass", why: "upgrade" },
};
const NOTHING_HELD: CacheFact = { state: "none", variants: 0 };

export class Caches {
  private readonly stores = new Map<string, Store>();
  private readonly now: () => Millis;
  /** By listener of the serving plan: clients come over TLS. */
  private secure: readonly boolean[] = [];

  constructor(now: () => Millis) {
    this.now = now;
  }

  /** Something may be stored, so that unsafe requests matter. */
  get watching(): boolean {
    return this.stores.size > 0;
  }

  get all(): Iterable<Store> {
    return this.stores.values();
  }

  /** A plan serves from now on: caches that it does not have are dropped, the others keep what they hold within their new bounds. */
  follow(plan: Plan): void {
    this.secure = plan.listeners.map(({ tls }) => tls !== undefined);
    const wanted = new Map<string, CacheSource>();
    for (const { needs } of plan.routes)
      for (const need of needs) if (need.kind === "cache") wanted.set(need.source.owner, need.source);
    for (const owner of this.stores.keys()) if (!wanted.has(owner)) this.stores.delete(owner);
    for (const [owner, source] of wanted) {
      const store = this.storeOf(source);
      // Another key, or other selecting fields: what is stored is no answer to what is asked from now on.
      if (keyText(store.source) !== keyText(source)) this.stores.set(owner, new Store(source));
      else store.source = source;
      store.fit();
    }
  }

  /** What is held for the request. A live request may wait here for another one's answer. */
  look(source: CacheSource, x: Passage): CacheFact | Promise<CacheFact> {
    const { arrival } = x;
    const live = x instanceof LivePassage ? x : undefined;
    const store = this.storeOf(source);
    const why = bypassReason(source, arrival);
    const uri = why === undefined ? uriOf(source.key, this.secure[arrival.listener] === true, arrival) : "";
    const entry = why === undefined ? store.find(uri, arrival) : undefined;
    const fact = why === undefined ? (entry?.fact ?? missing(store, uri)) : BYPASS[why];
    // Of several caches on the way the first one is the request's.
    if (live === undefined || live.visit !== undefined) return fact;
    const visit = new CacheVisit(store, uri, entry, fact, this.renew);
    live.visit = visit;
    if (why !== undefined) return fact;
    const use = judgeUse(fact, arrival, this.now(), x.wallClock);
    if (isAnswered(use) || use === Use.RequestNoStore || !shares(arrival)) return fact;
    return this.join(visit, live);
  }

  /** Becomes the one that asks, or waits for the one that does. */
  private join(visit: CacheVisit, x: LivePassage): CacheFact | Promise<CacheFact> {
    const { store, uri } = visit;
    const flight = store.flights.get(uri);
    if (flight !== undefined) return this.wait(visit, x, flight);
    if (store.givesNothing(uri, this.now())) return visit.fact;
    visit.flight = new Flight();
    store.flights.set(uri, visit.flight);
    return visit.fact;
  }

  private async wait(visit: CacheVisit, x: LivePassage, first: Flight): Promise<CacheFact> {
    const { store, uri } = visit;
    let flight: Flight | undefined = first;
    for (let waits = 0; flight !== undefined && waits < MOST_WAITS; waits++) {
      const landing = await flight.wait();
      // The passage serves another request by now.
      if (visit.over) return visit.fact;
      visit.entry = store.find(uri, x.arrival);
      visit.fact = visit.entry?.fact ?? missing(store, uri);
      if (landing === "stored") {
        visit.collapsed = true;
        return visit.fact;
      }
      if (landing !== "unasked") return (visit.fact = waitedInVain(visit.fact, landing));
      flight = store.flights.get(uri);
    }
    if (flight === undefined) {
      visit.flight = new Flight();
      store.flights.set(uri, visit.flight);
    }
    return visit.fact;
  }

  /** Asks for a newer answer on behalf of a request that got the stale one: one at a time for each URL (RFC 5861 section 3). */
  private readonly renew: Renew = (host, { store, uri, fact, entry }) => {
    if (store.flights.has(uri)) return;
    const visit = new CacheVisit(store, uri, entry, fact, this.renew, true);
    visit.flight = new Flight();
    store.flights.set(uri, visit.flight);
    const request = { name: RENEWAL, head: unconditional(host.exchange.head), visit };
    if (Child.begin(host as Run, request, NOBODY, host.services.now()) === undefined) visit.ended(Failure.None);
  };

  /** An unsafe request was answered: what it changed is not what is stored any more (RFC 9111 section 4.4). */
  changedBy(arrival: Arrival, authority: string, head: Head): void {
    if (SAFE.has(arrival.method ?? "") || head.status < 200 || head.status >= 400) return;
    const targets: Arrival[] = [arrival];
    for (const name of ["location", "content-location"]) {
      const reference = head.get(name);
      const target = reference && sameOriginTarget(reference, authority || "localhost", arrival);
      if (target) targets.push(target);
    }
    const secure = this.secure[arrival.listener] === true;
    for (const store of this.stores.values()) {
      for (const target of targets) store.invalidate(uriOf(store.source.key, secure, target));
    }
  }

  /** @param owner of one cache; undefined = all. @param prefix "host/path" of URLs; "" = all. @returns how many answers went. */
  purge(owner: string | undefined, prefix: string): number {
    let count = 0;
    for (const [name, store] of this.stores) if (owner === undefined || owner === name) count += store.purge(prefix);
    return count;
  }

  private storeOf(source: CacheSource): Store {
    let store = this.stores.get(source.owner);
    if (store === undefined) {
      store = new Store(source);
      this.stores.set(source.owner, store);
    }
    return store;
  }
}

function missing(store: Store, uri: string): CacheFact {
  const variants = store.variants(uri);
  return variants === 0 ? NOTHING_HELD : { state: "none", variants };
}

function waitedInVain(fact: CacheFact, landing: "unsuitable" | "failed"): CacheFact {
  return fact.state === "none" ? { ...fact, waited: landing } : fact;
}

function keyText({ key, vary }: CacheSource): string {
  return JSON.stringify([key, vary]);
}

function bypassReason({ methods }: CacheSource, arrival: Arrival): BypassReason | undefined {
  const { method = "" } = arrival;
  if (method !== "GET" && method !== "HEAD") return "method";
  if (!methods.includes(method)) return "unlisted";
  if (arrival.header("range") !== undefined) return "range";
  if (arrival.header("upgrade") !== undefined) return "upgrade";
  const conditional = arrival.header("if-match") ?? arrival.header("if-unmodified-since") ?? arrival.header("if-range");
  return conditional === undefined ? undefined : "precondition";
}

/** Whether its answer may well be the answer to others, too: not of a HEAD, a conditional request, or one with credentials. */
function shares(arrival: Arrival): boolean {
  return (
    arrival.method === "GET" &&
    arrival.header("authorization") === undefined &&
    arrival.header("if-none-match") === undefined &&
    arrival.header("if-modified-since") === undefined &&
    !requestDirectives(arrival).has("only-if-cached")
  );
}

/** Nobody hears the answer: the store keeps it. */
const NOBODY: ChildOwner = { head() {}, bytes() {}, ended() {}, failed() {} };

/** The request's head as GET, without its own conditions. */
function unconditional(head: Head): string {
  let text = `GET ${head.target} HTTP/1.1\r\n`;
  for (let i = 0; i < head.count; i++) {
    if (/^if-(?:none-match|modified-since)$/i.test(head.nameAt(i))) continue;
    text += head.text.slice(head.nameStart[i], head.lineEnd(i));
  }
  return `${text}\r\n`;
}
