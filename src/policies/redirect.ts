/**
 * redirect: sends the caller elsewhere (Gateway API, HTTPRequestRedirectFilter) without asking any backend.
 * What is not named stays as the caller asked for it; the query always stays.
 * Must not let a path of the caller's become another host: one that begins with two slashes is never sent alone.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { PathMatch } from "../model/path-match.ts";
import type { Answer, ConfigProblem, Policy, Step } from "../model/policy.ts";
import { replacePrefix } from "./urlRewrite.ts";

const path = (pattern: RegExp) =>
  z
    .string()
    .check(
      z.regex(pattern, { error: "write a path that starts with one / and holds no blanks, ? or #" }),
      z.maxLength(2048),
    );

const config = z.strictObject({
  scheme: z.optional(z.enum(["http", "https"]).check(z.meta({ description: "Default: the scheme of the request." }))),
  hostname: z.optional(
    z
      .string()
      .check(
        z.regex(/^(?=.{1,253}$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62})(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62}))*$/, {
          error: "write a host name without a port: shop.example",
        }),
      )
      .check(z.meta({ description: "Default: the host of the request.", examples: ["shop.example"] })),
  ),
  port: z.optional(
    z
      .int()
      .check(z.minimum(1), z.maximum(65_535))
      .check(
        z.meta({
          description: "Default: the port of the request; with `scheme` the one that belongs to it.",
          examples: [8443],
        }),
      ),
  ),
  prefix: z.optional(
    path(/^(?:\/(?!\/)[\x21\x22\x24-\x3e\x40-\x7e]*)?$/).check(
      z.meta({
        description: "Takes the place of the prefix by which the route matched; the rest of the path stays.",
        examples: ["/v2"],
      }),
    ),
  ),
  path: z.optional(
    path(/^\/(?!\/)[\x21\x22\x24-\x3e\x40-\x7e]*$/).check(
      z.meta({ description: "Takes the place of the whole path.", examples: ["/moved"] }),
    ),
  ),
  status: z.prefault(
    z.literal([301, 302, 303, 307, 308]).check(
      z.meta({
        description: "301 and 308 are remembered by browsers; 307 and 308 keep method and body; 303 turns into GET.",
      }),
    ),
    302,
  ),
});

type Config = z.output<typeof config>;

export const redirect: Policy<Config, undefined, never> = {
  kind: "redirect",
  phase: "answer",
  summary: "Sends the caller elsewhere: another scheme, host, port or path. No backend is asked.",
  example: "redirect: { scheme: https, status: 308 }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {},
  admits: (c) => `redirects with ${c.status} to ${targetWords(c)}`,
  check: (c): readonly ConfigProblem[] => {
    if (c.prefix !== undefined && c.path !== undefined) {
      const fix = { title: "Remove prefix", path: ["prefix"], value: undefined };
      return [{ path: ["prefix"], message: "the path is replaced in one way: by `prefix` or by `path`", fix }];
    }
    const nothing = [c.scheme, c.hostname, c.port, c.prefix, c.path].every((field) => field === undefined);
    const message = "give `scheme`, `hostname`, `port`, `prefix` or `path`: else it leads back to itself";
    return nothing ? [{ path: [], message }] : [];
  },
  compile: (c): Step<undefined> => ({
    peek(_x, _state, _now, note) {
      note.put(ADMIT, 0, 0);
      return ADMIT;
    },
    answers: () => true,
    answer: (x, matched): Answer => ({ status: c.status, fields: [["Location", locationOf(c, x, matched)]], body: "" }),
  }),
};

/**
 * Without `scheme` the reference is relative to it (RFC 3986 section 4.2): the caller knows whether it came over TLS.
 */
function locationOf(c: Config, { arrival }: Passage, matched: PathMatch): string {
  const before = arrival.path?.startsWith("/") ? arrival.path : "/";
  const replaced = c.path ?? (c.prefix === undefined ? before : replacePrefix(before, matched, c.prefix));
  const query = arrival.query === undefined ? "" : `?${arrival.query}`;
  const given = /^(.*?)(?::(\d*))?$/.exec(arrival.header("host") ?? arrival.host ?? "");
  const host = c.hostname ?? given?.[1] ?? "";
  const elsewhere = c.scheme !== undefined || c.hostname !== undefined || c.port !== undefined;
  if (host === "" || (!elsewhere && !replaced.startsWith("//"))) return replaced.replace(/^\/+/, "/") + query;
  const port = c.port ?? (c.scheme === undefined ? given?.[2] : undefined);
  const usual = c.scheme === "https" ? 443 : c.scheme === "http" ? 80 : undefined;
  const shown = port === undefined || port === "" || Number(port) === usual ? "" : `:${port}`;
  return `${c.scheme === undefined ? "" : `${c.scheme}:`}//${host}${shown}${replaced}${query}`;
}

function targetWords(c: Config): string {
  const parts: string[] = [];
  if (c.scheme !== undefined) parts.push(c.scheme);
  if (c.hostname !== undefined) parts.push(`host ${c.hostname}`);
  if (c.port !== undefined) parts.push(`port ${c.port}`);
  if (c.path !== undefined) parts.push(`path ${c.path}`);
  if (c.prefix !== undefined) parts.push(`the prefix ${c.prefix === "" ? "/" : c.prefix}`);
  return parts.join(", ");
}
