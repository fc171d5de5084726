/**
 * Verdicts by digest of the token: bounded in number and in bytes, least recently used go first.
 * Good and bad verdicts are kept apart, so that a flood of forged tokens cannot push out those in use.
 */
import type { TokenFact } from "../../model/arrival.ts";

interface Kept {
  readonly fact: TokenFact;
  /** Length of the token: about what its claims take. */
  readonly bytes: number;
}

class Shelf {
  readonly #most: number;
  readonly #mostBytes: number;
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(most: number, mostBytes: number) {
    this.#most = most;
    this.#mostBytes = mostBytes;
  }

  get(digest: string): TokenFact | undefined {
    const found = this.#kept.get(digest);
    if (found === undefined) return undefined;
    // Moving within a Map costs more than the look-up: the order matters only when something may have to go.
    if (this.#kept.size * 2 > this.#most || this.#bytes * 2 > this.#mostBytes) {
      this.#kept.delete(digest);
      this.#kept.set(digest, found);
    }
    return found.fact;
  }

  set(digest: string, fact: TokenFact, bytes: number): void {
    this.#bytes += bytes - (this.#kept.get(digest)?.bytes ?? 0);
    this.#kept.set(digest, { fact, bytes });
    for (const [oldest, kept] of this.#kept) {
      if (this.#kept.size <= this.#most && this.#bytes <= this.#mostBytes) break;
      this.#kept.delete(oldest);
      this.#bytes -= kept.bytes;
    }
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }

  get size(): number {
    return this.#kept.size;
  }
}

export class VerdictCache {
  readonly #good = new Shelf(10_000, 8_388_608);
  readonly #bad = new Shelf(1000, 524_288);

  get(digest: string): TokenFact | undefined {
    return this.#good.get(digest) ?? this.#bad.get(digest);
  }

  set(digest: string, fact: TokenFact, bytes: number): void {
    (fact.state === "verified" ? this.#good : this.#bad).set(digest, fact, bytes);
  }

  clear(): void {
    this.#good.clear();
    this.#bad.clear();
  }

  get size(): number {
    return this.#good.size + this.#bad.size;
  }
}
