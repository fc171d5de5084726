/**
 * Asks an authorization server whether a token holds (RFC 7662), and remembers the answer by a digest of the token: no
 * longer than `cache`, no longer than the token's own `exp`, a "no" for ten seconds at most, a failure for one.
 * Must not keep a token, must not ask about one token twice at a time, and must not let a flood of guesses push out
 * the answers in use.
 */
import { hash } from "node:crypto";
import type { IntrospectionFact, IntrospectionSource } from "../../model/arrival.ts";
import { demandSafe, failureOf, readBounded } from "./ask.ts";
import { findToken } from "./compact-token.ts";
import { parseStrictObject } from "./strict-json.ts";

const ABSENT: IntrospectionFact = Object.freeze({ state: "absent" });
const INACTIVE: IntrospectionFact = Object.freeze({ state: "inactive" });

/** RFC 6750 section 2.1. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const LONGEST_TOKEN = 16_384;
const LARGEST_ANSWER = 65_536;

const MOST_GOOD = 10_000;
const MOST_BAD = 1000;
/** Milliseconds that a "no" serves: a token that is not known now may be soon. */
const NO_HOLDS = 10_000;
/** Milliseconds without asking a server that failed. */
const PAUSE = 1000;
const MOST_AT_ONCE = 64;

interface Kept {
  readonly fact: IntrospectionFact;
  /** Monotonic milliseconds. */
  readonly until: number;
  /** Epoch milliseconds. */
  readonly expires: number;
}

interface Server {
  readonly good: Map<string, Kept>;
  readonly bad: Map<string, Kept>;
  readonly pending: Map<string, Promise<IntrospectionFact>>;
  failedAt: number;
  problem: string;
}

export class Introspector {
  readonly #now: () => number;
  readonly #servers = new WeakMap<IntrospectionSource, Server>();
  readonly #closing = new AbortController();

  /** @param now monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param wallClock epoch milliseconds of the request. Never throws, never rejects. */
  verdict(
    source: IntrospectionSource,
    value: string | undefined,
    wallClock: number,
  ): IntrospectionFact | Promise<IntrospectionFact> {
    const token = findToken(source.header, value);
    if (token === undefined) return ABSENT;
    if (typeof token !== "string") return { state: "malformed", problem: token.problem };
    if (token.length > LONGEST_TOKEN) {
      return { state: "malformed", problem: `the token is longer than ${LONGEST_TOKEN} characters` };
    }
    if (!TOKEN.test(token)) return { state: "malformed", problem: "the token holds characters that no token has" };
    const server = this.#serverOf(source);
    const digest = hash("sha256", token, "base64");
    const known = this.#known(server, digest, wallClock) ?? server.pending.get(digest);
    if (known !== undefined) return known;
    if (this.#now() - server.failedAt < PAUSE) return { state: "unavailable", problem: server.problem };
    if (server.pending.size >= MOST_AT_ONCE) {
      return { state: "unavailable", problem: `${MOST_AT_ONCE} questions to ${source.url} wait for an answer already` };
    }
    const asking = this.#ask(source, server, token, digest).finally(() => server.pending.delete(digest));
    server.pending.set(digest, asking);
    return asking;
  }

  close(): void {
    this.#closing.abort();
  }

  #known(server: Server, digest: string, wallClock: number): IntrospectionFact | undefined {
    const kept = server.good.get(digest) ?? server.bad.get(digest);
    if (kept === undefined) return undefined;
    return this.#now() < kept.until && wallClock < kept.expires ? kept.fact : undefined;
  }

  async #ask(source: IntrospectionSource, server: Server, token: string, digest: string): Promise<IntrospectionFact> {
    try {
      const answer = await this.#answer(source, token);
      const fact = factOf(answer);
      if (source.cache > 0) this.#keep(source, server, digest, fact);
      return fact;
    } catch (problem) {
      server.failedAt = this.#now();
      server.problem = `${source.url} does not say whether the token holds: ${failureOf(problem, source.timeout)}`;
      return { state: "unavailable", problem: server.problem };
    }
  }

  async #answer(source: IntrospectionSource, token: string): Promise<Readonly<Record<string, unknown>>> {
    const { url, clientId, clientSecret, timeout } = source;
    demandSafe(url);
    // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
    const credentials = Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString("base64");
    const response = await fetch(url, {
      method: "POST",
      redirect: "error",
      signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeout)]),
      headers: { accept: "application/json", authorization: `Basic ${credentials}` },
      body: new URLSearchParams({ token, token_type_hint: "access_token" }),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      const why = response.status === 401 ? ` (it does not know the client ${clientId}, or its secret)` : "";
      throw new Error(`it answered ${response.status}${why}`);
    }
    const bytes = await readBounded(response, LARGEST_ANSWER);
    try {
      return parseStrictObject(bytes);
    } catch (problem) {
      throw new Error(`its answer ${(problem as Error).message}`, { cause: problem });
    }
  }

  #keep(source: IntrospectionSource, server: Server, digest: string, fact: IntrospectionFact): void {
    const active = fact.state === "active";
    const until = this.#now() + (active ? source.cache : Math.min(source.cache, NO_HOLDS));
    const exp = active ? fact.claims.exp : undefined;
    const expires = typeof exp === "number" ? exp * 1000 : Infinity;
    const [shelf, most] = active ? [server.good, MOST_GOOD] : [server.bad, MOST_BAD];
    server.good.delete(digest);
    server.bad.delete(digest);
    shelf.set(digest, { fact, until, expires });
    if (shelf.size > most) for (const oldest of shelf.keys()) return void shelf.delete(oldest);
  }

  #serverOf(source: IntrospectionSource): Server {
    let server = this.#servers.get(source);
    if (server === undefined) {
      server = { good: new Map(), bad: new Map(), pending: new Map(), failedAt: -Infinity, problem: "" };
      this.#servers.set(source, server);
    }
    return server;
  }
}

/** @throws Error when `active` is not there (RFC 7662 section 2.2). */
function factOf({ active, ...claims }: Readonly<Record<string, unknown>>): IntrospectionFact {
  if (active === true) return { state: "active", claims };
  if (active === false) return INACTIVE;
  throw new Error("its answer has no `active` that is true or false");
}

function formEncoded(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2);
}
