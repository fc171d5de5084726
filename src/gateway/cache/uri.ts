/**
 * What makes two requests ask for the same: the URL, or the parts of it that the policy names, and the request fields
 * that select among several answers (RFC 9111 sections 2 and 4.1).
 * Must not decode anything: the path came in one form, and the query stays as it was written.
 */
import { normalisePath } from "../../decide/path.ts";
import type { Arrival } from "../../model/arrival.ts";
import type { CacheKey } from "../../model/cache.ts";
import { cookieValues, queryValues } from "../../policies/request-parts.ts";

/** @param secure the client came over TLS: https://a/ and http://a/ are two resources. */
export function uriOf(key: CacheKey, secure: boolean, { host = "", path = "", query }: Arrival): string {
  const where = (secure ? "https://" : "http://") + (key.host ? host : "") + path;
  if (query === undefined || key.query === false) return where;
  if (key.query === true) return where + "?" + query;
  return where + parametersOf(key.query, query);
}

function parametersOf(names: readonly string[], query: string): string {
  let text = "?";
  for (const name of names) {
    for (const value of queryValues(query, name)) text += `${encodeURIComponent(name)}=${encodeURIComponent(value)}&`;
  }
  return text;
}

/** The URL that Location or Content-Location names, when it is of the request's own origin; undefined otherwise (RFC 9111 section 4.4). */
export function sameOriginTarget(reference: string, authority: string, arrival: Arrival): Arrival | undefined {
  const base = `http://${authority}${arrival.path ?? "/"}`;
  if (!URL.canParse(reference, base)) return undefined;
  const url = new URL(reference, base);
  if (url.host !== new URL(base).host) return undefined;
  const path = normalisePath(url.pathname);
  if (path === undefined) return undefined;
  return { ...plain(arrival), path, query: url.search === "" ? undefined : url.search.slice(1) };
}

function plain({ layer, listener, clientIp, clientPort, method, host }: Arrival): Omit<Arrival, "path" | "query"> {
  return { layer, listener, clientIp, clientPort, method, host, header: () => undefined };
}

/** A request field that selects an answer, with its value then; cookies as "cookie.name". */
export type Selector = readonly [name: string, value: string | undefined];

export function selectorsOf(
  vary: readonly string[],
  cookies: readonly string[],
  arrival: Arrival,
): readonly Selector[] {
  if (vary.length === 0 && cookies.length === 0) return NONE;
  return [
    ...vary.map((name): Selector => [name, selecting(arrival, name)]),
    ...cookies.map((name): Selector => [`cookie.${name}`, selecting(arrival, `cookie.${name}`)]),
  ];
}

const NONE: readonly Selector[] = [];

/** Whether a request selects the answer that was stored with these. */
export function selects(selectors: readonly Selector[], arrival: Arrival): boolean {
  for (const [name, value] of selectors) if (selecting(arrival, name) !== value) return false;
  return true;
}

/** RFC 9111 section 4.1: blanks around list members say nothing, nor does case where the field has none. */
function selecting(arrival: Arrival, name: string): string | undefined {
  if (name.startsWith("cookie.")) return cookieValues(arrival.header("cookie"), name.slice(7)).join(";");
  const value = arrival.header(name);
  if (value === undefined) return undefined;
  const plain = value
    .trim()
    .split(/\s*,\s*/)
    .join(",");
  if (name === "accept-language") return plain.toLowerCase().split(",").toSorted().join(",");
  return name === "accept-encoding" ? plain.toLowerCase() : plain;
}
