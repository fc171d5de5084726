/**
 * One request at its cache: answers it from the store, asks the backend whether what is held still holds, keeps what the
 * backend answers, and stands in when no backend can. Made once per request of a route with a cache.
 * Must not judge: cache-freshness.ts does; must not outlive its request but for the flight that others wait for.
 */
import type { CacheFact, CacheSource } from "../../model/cache.ts";
import type { Decision } from "../../model/decision.ts";
import type { Plan } from "../../model/plan.ts";
import { Failure } from "../../model/state.ts";
import {
  ageAt,
  judgeAnswer,
  judgeUse,
  servesOnError,
  Use,
  type Answered,
  type Storable,
  type Unstorable,
} from "../../policies/cache-freshness.ts";
import { cache } from "../../policies/cache.ts";
import type { Host, Visit } from "../forward/visit.ts";
import type { RequestHeadEdit } from "../http1/edit.ts";
import type { Head } from "../http1/head.ts";
import { httpDate } from "../listen/http-date.ts";
import { Entry, renewedHead, storedHead } from "./entry.ts";
import { giveStored } from "./give.ts";
import type { Flight, Keeper, Landing, Store } from "./store.ts";
import { selectorsOf } from "./uri.ts";

/** Milliseconds for which nobody waits for a URL whose answer could not be stored. */
const REFUSED_FOR = 10_000;
/** Answers that say that the backend is not well (RFC 5861 section 4). */
const ERRORS: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** Renews an entry behind a client's back. */
export type Renew = (host: Host, visit: CacheVisit) => void;

/** An answer on its way that may be stored once it is whole. */
interface Keeping extends Storable {
  readonly head: Head;
  readonly pieces: Buffer[];
  size: number;
}

export class CacheVisit implements Visit, Keeper {
  readonly uri: string;
  readonly store: Store;
  overtaken = false;
  rescued = false;
  /** What is held for the request; undefined = nothing. */
  entry: Entry | undefined;
  /** This request is the one that others wait for. */
  flight: Flight | undefined;
  /** It waited for another one. */
  collapsed = false;
  /** The request has ended. */
  over = false;
  /** What the core was told of what is held. */
  fact: CacheFact;
  private readonly renew: Renew;
  private readonly renews: boolean;
  /** Its policy has spoken, so that its answer may be kept. */
  private active: boolean;
  private asksIfModified = false;
  private judged: Keeping | undefined;
  private status = "";
  private sentAt = -1;
  private landing: Landing = "unasked";

  /** @param renews it fetches a newer answer, whatever policies say to its request. */
  constructor(store: Store, uri: string, entry: Entry | undefined, fact: CacheFact, renew: Renew, renews = false) {
    this.store = store;
    this.uri = uri;
    this.entry = entry;
    this.fact = fact;
    this.renew = renew;
    this.renews = this.active = renews;
  }

  get lines(): string {
    return this.status === "" ? "" : `Cache-Status: Switchyard; ${this.status}\r\n`;
  }

  answers(plan: Plan, decision: Decision): boolean {
    return plan.steps[decision.answer]?.policy === cache && this.entry !== undefined;
  }

  answer(host: Host): void {
    const entry = this.entry as Entry;
    const { services, passage, arrival } = host;
    const now = services.now();
    const age = ageAt(entry.fact, now, passage.wallClock);
    const left = Math.floor(entry.fact.lifetime - age);
    this.status = `hit; ttl=${left}${this.collapsed ? "; collapsed" : ""}`;
    if (left < 0 && judgeUse(entry.fact, arrival, now, passage.wallClock) === Use.StaleWhileRevalidate) {
      this.renew(host, this);
    }
    this.store.used(entry);
    giveStored(host, entry, age, this.lines);
  }

  // ---- To the backend ------------------------------------------------------------------------------------------

  sent(host: Host, edit: RequestHeadEdit): boolean {
    const { decision, active, services, arrival, passage } = host;
    this.active = this.renews || spoke(active.plan, decision);
    if (!this.active) return false;
    this.landing = "failed";
    this.store.misses++;
    this.store.keepers.add(this);
    this.sentAt = services.now();
    const use = judgeUse(this.fact, arrival, this.sentAt, passage.wallClock);
    this.status = forwardWords(use, this.fact) + (this.collapsed ? "; collapsed" : "");
    const { entry } = this;
    this.asksIfModified =
      entry !== undefined && arrival.method === "GET" && entry.fact.validator !== "none" && use < Use.Miss;
    if (!this.asksIfModified || entry === undefined) return false;
    // The client's own conditions are judged by what comes of this (RFC 9111 section 4.3.2).
    edit.remove("if-none-match");
    edit.remove("if-modified-since");
    const { etag } = entry;
    if (etag !== undefined) edit.set("If-None-Match", etag);
    const modified = entry.head.get("last-modified");
    if (modified !== undefined) edit.set("If-Modified-Since", modified);
    return true;
  }

  replaces(host: Host, head: Head): boolean {
    if (!this.active) return false;
    const { entry } = this;
    this.status += `; fwd-status=${head.status}`;
    if (entry !== undefined && head.status === 304 && this.asksIfModified) {
      this.stillHolds(host, entry, head);
      return true;
    }
    if (entry !== undefined && ERRORS.has(head.status) && this.mayStandIn(host, entry)) {
      this.status += "; detail=stale-if-error";
      return true;
    }
    if (host.arrival.method === "HEAD") this.renewByHead(host, head);
    else this.keep(host, head);
    return false;
  }

  give(host: Host): void {
    const entry = this.entry as Entry;
    const age = ageAt(entry.fact, host.services.now(), host.passage.wallClock);
    this.status += `; ttl=${Math.floor(entry.fact.lifetime - age)}`;
    this.store.used(entry);
    giveStored(host, entry, age, this.lines);
  }

  private stillHolds(host: Host, entry: Entry, head: Head): void {
    const renewed = renewedHead(entry.head, head, entry.body.length);
    this.landing = "unsuitable";
    if (renewed === undefined) this.store.remove(entry);
    else this.freshen(host, entry, renewed);
  }

  /** RFC 9111 section 4.3.4: what the answer says now counts, also that it may not be stored any more. */
  private freshen(host: Host, entry: Entry, renewed: Head): void {
    const judged = judgeAnswer(this.source, this.answered(host, renewed));
    if (typeof judged === "string" || this.overtaken) return this.store.remove(entry);
    const size = entry.size;
    entry.renew(renewed, judged.fact);
    this.store.resized(entry, size);
    this.landing = "stored";
  }

  /** RFC 9111 section 4.3.5: a HEAD that tells of another representation ends the one held. */
  private renewByHead(host: Host, head: Head): void {
    const { entry } = this;
    if (entry === undefined || head.status !== entry.fact.status) return;
    const differs = (name: string) => head.get(name) !== undefined && head.get(name) !== entry.head.get(name);
    const other = differs("etag") || differs("last-modified") || differs("content-length");
    const renewed = other ? undefined : renewedHead(entry.head, head, entry.body.length);
    if (renewed === undefined) this.store.remove(entry);
    else this.freshen(host, entry, renewed);
  }

  private keep(host: Host, head: Head): void {
    const judged = judgeAnswer(this.source, this.answered(host, head));
    if (typeof judged === "string") {
      this.landing = "unsuitable";
      this.refuse(host, judged, head.status);
      // What was held is not what the backend has to say any more.
      if (this.entry !== undefined && head.status < 500) this.store.remove(this.entry);
      return;
    }
    const { vary, without } = judged;
    this.judged = { head, without, vary, fact: judged.fact, pieces: [], size: 0 };
    if (head.contentLength > this.store.largest) this.tooLarge(host);
    else this.status += "; stored";
  }

  bytes(buffer: Buffer, start: number, end: number): void {
    const { judged } = this;
    if (judged === undefined) return;
    judged.size += end - start;
    if (judged.size > this.store.largest) judged.pieces.length = 0;
    else judged.pieces.push(Buffer.from(buffer.subarray(start, end)));
  }

  complete(host: Host): void {
    const { judged, store } = this;
    this.judged = undefined;
    if (judged === undefined || this.overtaken) return;
    if (judged.size > store.largest) return this.tooLarge(host);
    const { head, without, vary, fact, pieces } = judged;
    const selectors = selectorsOf(vary, this.source.key.cookies, host.arrival);
    const body = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    const stored = storedHead(head, without, body.length, httpDate(fact.storedWall));
    if (stored === undefined) return this.refuse(host, "too large", head.status);
    store.put(new Entry(this.uri, selectors, stored, body, fact), host.arrival);
    this.landing = "stored";
  }

  private tooLarge(host: Host): void {
    this.refuse(host, "too large", this.judged?.head.status ?? 200);
    this.judged = undefined;
    this.landing = "unsuitable";
  }

  private refuse({ services }: Host, why: Unstorable | "too large", status: number): void {
    if (why === "method") return;
    this.store.refuse(this.uri, { why, status, at: services.wallClock(), until: services.now() + REFUSED_FOR });
  }

  private get source(): CacheSource {
    return this.store.source;
  }

  private answered({ arrival, services }: Host, head: Head): Answered {
    const now = services.now();
    return {
      method: "GET",
      request: (name) => arrival.header(name),
      status: head.status,
      field: (name) => head.get(name),
      wallClock: services.wallClock(),
      delay: now - this.sentAt,
      now,
    };
  }

  // ---- Without a backend -----------------------------------------------------------------------------------------

  rescues(host: Host, failure: number): boolean {
    const { entry } = this;
    if (!this.active || entry === undefined || failure === Failure.ClientGone || this.over) return false;
    if (!this.mayStandIn(host, entry)) return false;
    this.rescued = true;
    this.status += "; detail=stale-if-error";
    this.give(host);
    return true;
  }

  private mayStandIn({ services, passage }: Host, entry: Entry): boolean {
    return servesOnError(entry.fact, services.now(), passage.wallClock);
  }

  ended(failure: number): void {
    if (this.over) return;
    this.over = true;
    this.store.keepers.delete(this);
    const { flight } = this;
    if (flight === undefined) return;
    this.flight = undefined;
    if (this.store.flights.get(this.uri) === flight) this.store.flights.delete(this.uri);
    // A client that left says nothing of the backend: one of those who waited shall ask.
    flight.land(failure === Failure.ClientGone && this.landing === "failed" ? "unasked" : this.landing);
  }
}

/** Whether the cache's own step let the request pass: it may have been skipped by its `when`, or stand in shadow. */
function spoke(plan: Plan, decision: Decision): boolean {
  for (let i = 0; i < decision.takenCount; i++) {
    const step = plan.steps[decision.taken[i]];
    if (step.policy === cache) return !step.shadow;
  }
  return false;
}

/** Why it was forwarded, as RFC 9211 section 2.2 names it. */
function forwardWords(use: number, fact: CacheFact): string {
  switch (use) {
    case Use.Bypass:
      return fact.state === "bypass" && (fact.why === "method" || fact.why === "unlisted")
        ? "fwd=method"
        : "fwd=bypass";
    case Use.Miss:
      return "fwd=uri-miss";
    case Use.OtherVariant:
      return "fwd=vary-miss";
    case Use.Stale:
    case Use.NoCache:
      return "fwd=stale";
    default:
      return "fwd=request";
  }
}
