/**
 * cookies: rewrites the cookies that backends set so that they work where the gateway is: on localhost, over http, under
 * another path. Names that browsers tie to https (`__Host-`, `__Secure-`) are told differently to the browser and back to
 * the backend. Must not touch a cookie's value.
 */
import * as z from "zod/mini";
import type { ConfigProblem, FieldEdit, Policy, ReplyEdit, RequestEdit, Shape } from "../model/policy.ts";

const config = z.strictObject({
  domain: z.prefault(
    z
      .string()
      .check(
        z.regex(/^(?:none|keep|\.?[a-z0-9-]+(?:\.[a-z0-9-]+)*)$/, {
          error: "write a host name in lower case, `none` to take the domain away, or `keep`",
        }),
      )
      .check(
        z.meta({
          description:
            "Whose cookie it becomes: `none` ties it to the host that the browser asked (what localhost needs), `keep` leaves it, a host name replaces it.",
          examples: ["shop.localhost"],
        }),
      ),
    "none",
  ),
  path: z.optional(
    z
      .string()
      .check(z.regex(/^\/[\x21-\x3a\x3c-\x7e]*$/, { error: "write a path that begins with /" }))
      .check(z.meta({ description: "Path below which the browser sends it back.", examples: ["/"] })),
  ),
  secure: z.prefault(
    z.boolean().check(
      z.meta({
        description: "Whether it is for https alone. `false` also takes away what browsers allow over https only.",
      }),
    ),
    false,
  ),
  sameSite: z.optional(
    z
      .enum(["Strict", "Lax", "None"])
      .check(z.meta({ description: "Which requests of other sites carry it.", examples: ["Lax"] })),
  ),
});

type Config = z.output<typeof config>;

/** What the prefixes of RFC 6265bis become over http. */
const PREFIXES = [
  ["__Host-", "http-host-"],
  ["__Secure-", "http-secure-"],
] as const;

export const cookies: Policy<Config, undefined, never> = {
  kind: "cookies",
  phase: "reply",
  summary: "Rewrites domain, path, Secure and SameSite of cookies that backends set, so that they work on localhost.",
  example: "cookies: { domain: none, path: /, secure: false, sameSite: Lax }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {},
  admits: (c) => {
    const parts = [
      c.domain === "keep" ? "" : c.domain === "none" ? "no Domain" : `Domain=${c.domain}`,
      c.path === undefined ? "" : `Path=${c.path}`,
      c.secure ? "Secure" : "not Secure",
      c.sameSite === undefined ? "" : `SameSite=${c.sameSite}`,
    ];
    return `cookies of the backend become: ${parts.filter((part) => part !== "").join(", ")}`;
  },
  check: (c): readonly ConfigProblem[] => {
    if (c.sameSite !== "None" || c.secure) return [];
    const fix = { title: "Use Lax", path: ["sameSite"], value: "Lax" };
    return [{ path: ["sameSite"], message: "browsers take `None` only with `secure: true`", fix }];
  },
  compile,
};

function compile(c: Config): Shape {
  return {
    response(_x, edit: ReplyEdit) {
      const set = edit.all("set-cookie");
      if (set.length === 0) return;
      const rewritten = set.map((line) => rewrite(c, line));
      if (rewritten.every((line, i) => line === set[i])) return;
      edit.remove("Set-Cookie");
      for (const line of rewritten) edit.add("Set-Cookie", line);
    },
    ...(!c.secure && { request: (_x, edit: RequestEdit) => renameBack(edit) }),
  };
}

function rewrite(c: Config, line: string): string {
  const [pair, ...attributes] = line.split(";").map((part) => part.trim());
  const changed: Readonly<Record<string, string | undefined>> = {
    ...(c.domain === "keep" ? {} : { domain: c.domain === "none" ? undefined : `Domain=${c.domain}` }),
    ...(c.path === undefined ? {} : { path: `Path=${c.path}` }),
    secure: c.secure ? "Secure" : undefined,
    ...(c.sameSite === undefined ? {} : { samesite: `SameSite=${c.sameSite}` }),
    // Browsers take a partitioned cookie only when it is secure.
    ...(c.secure ? {} : { partitioned: undefined }),
  };
  const kept = attributes.filter((one) => one !== "" && !(nameOf(one) in changed));
  const added = Object.values(changed).filter((one) => one !== undefined);
  // Over http, None means that the browser throws the cookie away.
  const fit = c.secure ? kept : kept.map((one) => (/^samesite\s*=\s*none$/i.test(one) ? "SameSite=Lax" : one));
  return [c.secure ? pair : renamed(pair, PREFIXES), ...fit, ...added].join("; ");
}

function nameOf(attribute: string): string {
  return attribute.split("=", 1)[0].trim().toLowerCase();
}

function renamed(pair: string, names: readonly (readonly [string, string])[]): string {
  for (const [from, to] of names) if (pair.startsWith(from)) return to + pair.slice(from.length);
  return pair;
}

function renameBack(edit: FieldEdit): void {
  const cookie = edit.get("cookie");
  if (cookie === undefined || !cookie.includes("http-")) return;
  const back = PREFIXES.map(([from, to]) => [to, from] as const);
  const changed = cookie
    .split(";")
    .map((pair) => renamed(pair.trim(), back))
    .join("; ");
  if (changed !== cookie) edit.set("Cookie", changed);
}
