/**
 * What one cache holds, within its bytes: answers by URL, the least recently used leaving first; and the flights, by which
 * many requests for the same wait for one answer. Must not read a clock or judge freshness.
 */
import type { Arrival } from "../../model/arrival.ts";
import type { CacheSource } from "../../model/cache.ts";
import type { Unstorable } from "../../policies/cache-freshness.ts";
import type { Entry } from "./entry.ts";
import { selects } from "./uri.ts";

/** Answers kept for one URL; beyond it the oldest goes. */
const MOST_VARIANTS = 32;
/** URLs remembered as giving nothing that can be stored. */
const MOST_REFUSED = 512;

/** What became of the request that others waited for. */
export type Landing = "stored" | "unsuitable" | "failed" | "unasked";

/** One request that others wait for. */
export class Flight {
  private readonly waiting: ((landing: Landing) => void)[] = [];

  get waiters(): number {
    return this.waiting.length;
  }

  wait(): Promise<Landing> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  land(landing: Landing): void {
    for (const wake of this.waiting.splice(0)) wake(landing);
  }
}

/** Someone who is about to store an answer. */
export interface Keeper {
  readonly uri: string;
  /** What it keeps was made before something changed it: it must not be stored. */
  overtaken: boolean;
}

/** Why nothing of a URL is stored. */
export interface Refused {
  readonly why: Unstorable | "too large" | "incomplete";
  readonly status: number;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Monotonic milliseconds until which nobody waits for its answers. */
  readonly until: number;
}

export class Store {
  source: CacheSource;
  bytes = 0;
  hits = 0;
  misses = 0;
  readonly flights = new Map<string, Flight>();
  readonly keepers = new Set<Keeper>();
  private readonly byUri = new Map<string, Entry[]>();
  /** In order of use, the latest last. */
  private readonly order = new Set<Entry>();
  private readonly refusals = new Map<string, Refused>();

  constructor(source: CacheSource) {
    this.source = source;
  }

  get count(): number {
    return this.order.size;
  }

  /** Latest used first. */
  get entries(): Entry[] {
    return [...this.order].toReversed();
  }

  /** Latest first. */
  get refused(): [string, Refused][] {
    return [...this.refusals].toReversed();
  }

  /** Bytes of one answer, at most. */
  get largest(): number {
    return this.source.maxSize / 8;
  }

  /** The newest answer that the request selects. */
  find(uri: string, arrival: Arrival): Entry | undefined {
    const entries = this.byUri.get(uri);
    if (entries === undefined) return undefined;
    for (const entry of entries) if (selects(entry.selectors, arrival)) return entry;
    return undefined;
  }

  variants(uri: string): number {
    return this.byUri.get(uri)?.length ?? 0;
  }

  used(entry: Entry): void {
    entry.hits++;
    this.hits++;
    if (!this.order.delete(entry)) return;
    this.order.add(entry);
  }

  /** Takes the place of what the same request selected before. */
  put(entry: Entry, arrival: Arrival): void {
    const before = this.find(entry.uri, arrival);
    if (before !== undefined) this.remove(before);
    const entries = this.byUri.get(entry.uri) ?? [];
    this.byUri.set(entry.uri, entries);
    entries.unshift(entry);
    this.order.add(entry);
    this.bytes += entry.size;
    this.refusals.delete(entry.uri);
    if (entries.length > MOST_VARIANTS) this.remove(entries[entries.length - 1]);
    this.fit();
  }

  /** Its head has changed. @param size before. */
  resized(entry: Entry, size: number): void {
    if (!this.order.has(entry)) return;
    this.bytes += entry.size - size;
    this.fit();
  }

  remove(entry: Entry): void {
    if (!this.order.delete(entry)) return;
    this.bytes -= entry.size;
    const entries = this.byUri.get(entry.uri);
    if (entries === undefined) return;
    entries.splice(entries.indexOf(entry), 1);
    if (entries.length === 0) this.byUri.delete(entry.uri);
  }

  /** Everything of a URL, and what is on its way to be stored for it. @returns how many answers went. */
  invalidate(uri: string): number {
    for (const keeper of this.keepers) if (keeper.uri === uri) keeper.overtaken = true;
    const entries = [...(this.byUri.get(uri) ?? [])];
    for (const entry of entries) this.remove(entry);
    return entries.length;
  }

  /** @param prefix of URLs without their scheme; "" = all. @returns how many answers went. */
  purge(prefix: string): number {
    const matches = (uri: string) => uri.slice(uri.indexOf("//") + 2).startsWith(prefix);
    for (const keeper of this.keepers) if (matches(keeper.uri)) keeper.overtaken = true;
    const gone = [...this.order].filter(({ uri }) => matches(uri));
    for (const entry of gone) this.remove(entry);
    for (const uri of this.refusals.keys()) if (matches(uri)) this.refusals.delete(uri);
    return gone.length;
  }

  refuse(uri: string, refused: Refused): void {
    this.refusals.delete(uri);
    this.refusals.set(uri, refused);
    if (this.refusals.size > MOST_REFUSED)
      for (const oldest of this.refusals.keys()) return void this.refusals.delete(oldest);
  }

  /** Whether the last answer of a URL could not be stored, a short while ago: waiting for the next would be in vain. */
  givesNothing(uri: string, now: number): boolean {
    const refused = this.refusals.get(uri);
    return refused !== undefined && now < refused.until;
  }

  /** Another budget may hold. */
  fit(): void {
    for (const oldest of this.order) {
      if (this.bytes <= this.source.maxSize) return;
      this.remove(oldest);
    }
  }
}
