/**
 * What a consistent hash hashes: `client.ip`, `path`, `header.<name>`, `cookie.<name>` or `jwt.<claim>`.
 * Compiled once per edit to a function of the passage. Must not invent a key: absent stays absent.
 */
import type { Passage } from "../model/arrival.ts";
import { cookieValue } from "../model/cookie.ts";

export type KeyReader = (x: Passage) => string | undefined;

/** As written in `on`. */
export const KEY_PATTERN = /^(?:client\.ip|path|(?:header|cookie)\.[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}|jwt\.\S{1,256})$/;

/** @param on matches KEY_PATTERN. */
export function keyReader(on: string): KeyReader {
  if (on === "client.ip") return (x) => x.arrival.clientIp;
  if (on === "path") return (x) => x.arrival.path;
  const dot = on.indexOf(".");
  const source = on.slice(0, dot);
  const name = on.slice(dot + 1);
  if (source === "header") {
    const lower = name.toLowerCase();
    return (x) => x.arrival.header(lower);
  }
  if (source === "cookie") return (x) => cookieValue(x.arrival.header("cookie"), name);
  return (x) => claimText(x.caller.jwt, name);
}

/** Only a text, number or boolean makes a key: the text of an object would be the same for all. */
function claimText(claims: Readonly<Record<string, unknown>> | undefined, name: string): string | undefined {
  if (claims === undefined || !Object.hasOwn(claims, name)) return undefined;
  const value = claims[name];
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? `${value}` : undefined;
}
