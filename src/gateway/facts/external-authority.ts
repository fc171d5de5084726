/**
 * Asks a server of the policy's choice whether a request may pass: the request's method, place and chosen headers go
 * there, and what it says is a fact. Nothing is remembered: its answer may hang on anything.
 * Must not send more of a request than the policy names, and must not wait longer than it allows.
 */
import type { Arrival, AuthorityFact, AuthoritySource } from "../../model/arrival.ts";
import { demandSafe, failureOf, readBounded } from "./ask.ts";

/** What is read of an answer's body, so that its connection can serve again; nobody looks at it. */
const MOST_READ = 65_536;
const MOST_AT_ONCE = 256;

export class ExternalAuthority {
  readonly #closing = new AbortController();
  readonly #asking = new WeakMap<AuthoritySource, { count: number }>();

  /** Never rejects. */
  async verdict(source: AuthoritySource, arrival: Arrival): Promise<AuthorityFact> {
    let asking = this.#asking.get(source);
    if (asking === undefined) this.#asking.set(source, (asking = { count: 0 }));
    if (asking.count >= MOST_AT_ONCE) {
      return { state: "unavailable", problem: `${MOST_AT_ONCE} questions to ${source.url} wait for an answer already` };
    }
    asking.count++;
    try {
      return await this.#ask(source, arrival);
    } catch (problem) {
      return { state: "unavailable", problem: `${source.url}: ${failureOf(problem, source.timeout)}` };
    } finally {
      asking.count--;
    }
  }

  close(): void {
    this.#closing.abort();
  }

  async #ask(source: AuthoritySource, arrival: Arrival): Promise<AuthorityFact> {
    const { url, timeout, keep } = source;
    demandSafe(url);
    const response = await fetch(url, {
      // A redirect is an answer: not a 2xx one.
      redirect: "manual",
      signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeout)]),
      headers: questionOf(source, arrival),
    });
    await readBounded(response, MOST_READ);
    const headers = Object.fromEntries(
      keep.flatMap((name) => {
        const value = response.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
    );
    const challenge = response.headers.get("www-authenticate");
    return { state: "answered", status: response.status, headers, ...(challenge !== null && { challenge }) };
  }
}

/** The names that other gateways use for it (Traefik's ForwardAuth, nginx's auth_request by custom). */
function questionOf({ forwardHeaders }: AuthoritySource, arrival: Arrival): Headers {
  const question = new Headers({
    "x-forwarded-method": arrival.method ?? "",
    "x-forwarded-host": arrival.host ?? "",
    "x-forwarded-uri": `${arrival.path ?? ""}${arrival.query === undefined ? "" : `?${arrival.query}`}`,
    "x-forwarded-for": arrival.clientIp,
  });
  for (const name of forwardHeaders) {
    const value = arrival.header(name);
    if (value !== undefined) question.set(name, value);
  }
  return question;
}
