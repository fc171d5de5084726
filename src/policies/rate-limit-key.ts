/**
 * By what a limit counts: `client.ip`, `consumer`, `jwt.<claim>`, `header.<name>`, `route`, or several of them.
 * A caller who lacks a part is counted as "(none)" in its place: all such callers share one budget, so leaving out a
 * header or a token never frees anyone from the limit. Must not let two different callers meet under one key.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { boundedKey } from "../model/keyed.ts";
import type { CompileContext, ConfigProblem } from "../model/policy.ts";

export const NO_KEY = "(none)";

const PART = /^(?:client\.ip|consumer|route|jwt\.[^\s"\\]{1,100}|header\.[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100})$/;

const part = z.string().check(
  z.regex(PART, { error: "write client.ip, consumer, route, jwt.<claim> or header.<name>" }),
  z.meta({
    description: "What the limit counts by.",
    examples: ["client.ip", "consumer", "jwt.sub", "header.x-tenant", "route"],
  }),
);

export const limitKey = z.union([part, z.array(part).check(z.minLength(1), z.maxLength(5))], {
  error: "write client.ip, consumer, route, jwt.<claim> or header.<name>, or a list of these",
});

export type LimitKey = z.output<typeof limitKey>;

const partsOf = (key: LimitKey): readonly string[] => (typeof key === "string" ? [key] : key);

export function keyText(key: LimitKey): string {
  return partsOf(key).join(" + ");
}

export function sameKey(a: LimitKey, b: LimitKey): boolean {
  return keyText(a) === keyText(b);
}

export function checkKey(key: LimitKey, context: CompileContext): readonly ConfigProblem[] {
  return partsOf(key).flatMap((name, i) =>
    name === "route" && context.routeName === undefined && context.owner.startsWith("listener/")
      ? [
          {
            path: typeof key === "string" ? ["key"] : ["key", i],
            message: "`route` is not known on a listener: its policies run before a route is chosen",
          },
        ]
      : [],
  );
}

/** @returns the key of one request, at most 128 characters. */
export function compileKey(key: LimitKey, context: CompileContext): (x: Passage) => string {
  const readers = partsOf(key).map((name) => readerOf(name, context));
  if (readers.length === 1) return (x) => boundedKey(readers[0](x) ?? NO_KEY);
  // The joint is escaped in the parts, or "a + b" and "c" would meet "a" and "b + c".
  return (x) => boundedKey(readers.map((read) => (read(x) ?? NO_KEY).replace(/[\\+]/g, "\\$&")).join(" + "));
}

function readerOf(name: string, context: CompileContext): (x: Passage) => string | undefined {
  if (name === "client.ip") return (x) => x.arrival.clientIp;
  if (name === "consumer") return (x) => x.caller.consumer;
  if (name === "route") return () => context.routeName ?? context.owner;
  const field = name.slice(name.indexOf(".") + 1);
  if (name.startsWith("header.")) {
    const header = field.toLowerCase();
    return (x) => x.arrival.header(header);
  }
  return (x) => claimText(x.caller.jwt, field);
}

/** A claim as text: a list or object as JSON. A dot in the name steps into an object when no claim has the whole name. */
export function claimText(claims: Readonly<Record<string, unknown>> | undefined, name: string): string | undefined {
  const value = claimValue(claims, name);
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The names of a claim as a token is written: a dot steps inwards, unless the name is a URL, which holds dots itself. */
export function claimPath(name: string): readonly string[] {
  return /[/:]/.test(name) ? [name] : name.split(".");
}

export function claimValue(claims: Readonly<Record<string, unknown>> | undefined, name: string): unknown {
  if (claims === undefined) return undefined;
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const step of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}
