/**
 * requireScopes: what a caller may do, by the scopes of its token (RFC 6749 section 3.3): all of them, or any one.
 * Shorter than a rule of `authorization`, and the refusal names the scope that is missing.
 * Must not admit a caller without a verified token.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { ConfigProblem, Policy, Step } from "../model/policy.ts";
import { waysToHold } from "../model/token-wish.ts";

const scope = z.string().check(
  z.regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, {
    error: "a scope has 1 to 128 plain characters, without blanks, quotes and backslashes (RFC 6749)",
  }),
  z.meta({ names: "scope" }),
);
const list = () => z.array(scope).check(z.minLength(1), z.maxLength(64));

const config = z.strictObject({
  all: z.optional(
    list().check(z.meta({ description: "The token must carry every one of these.", examples: [["orders:read"]] })),
  ),
  any: z.optional(
    list().check(
      z.meta({ description: "The token must carry at least one of these.", examples: [["orders:read", "admin"]] }),
    ),
  ),
});

type Config = z.output<typeof config>;

const Refusal = { missing: 1, noToken: 2 } as const;

export const requireScopes: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "requireScopes",
  phase: "authorize",
  summary: "What a caller may do, by the scopes of its token (`scope` or `scp`): all of a list, or any one of it.",
  example: "requireScopes: { all: [orders:read] }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    missing: {
      status: 403,
      title: "scope missing",
      say: (c, _x, _y, seen) => {
        const has = scopesOf(seen);
        const held = has.length === 0 ? "no scope" : has.join(", ");
        const lacking = lackingOf(c, has);
        return lacking.length > 0
          ? `the token carries ${held}; ${lacking.join(", ")} ${lacking.length === 1 ? "is" : "are"} missing`
          : `the token carries ${held}; one of ${(c.any ?? []).join(", ")} is needed`;
      },
      fix: (c, _x, _y, seen) =>
        scopesOf(seen)
          .slice(0, 3)
          .map((held) => ({ title: `Accept the scope ${held}`, path: ["any"], value: [...(c.any ?? []), held] }))
          .filter(() => c.any !== undefined && lackingOf(c, scopesOf(seen)).length === 0),
    },
    noToken: {
      status: 401,
      title: "no token to read scopes from",
      say: () =>
        "no policy before this one has verified a token (`jwt` or `introspection`), so there are no scopes to look at",
    },
  },
  admits: (c, _x, _y, seen) =>
    `the token carries ${[...(c.all ?? []), ...(c.any ?? []).filter((one) => scopesOf(seen).includes(one))].join(", ")}`,
  check: (c): readonly ConfigProblem[] =>
    c.all === undefined && c.any === undefined
      ? [{ path: [], message: "give `all`, `any` or both: without scopes it would admit every token" }]
      : [],
  compile: (c): Step<undefined> => ({
    peek(x, _state, _now, note) {
      const reason = x.caller.jwt === undefined ? Refusal.noToken : suffices(c, scopesOf(x)) ? ADMIT : Refusal.missing;
      note.put(reason, 0, 0);
      return reason;
    },
  }),
  tokenWays: (c) => waysToHold("requireScopes", ["scope"], c),
  replyFields: (c, reason) => {
    if (reason === ADMIT) return [];
    if (reason === Refusal.noToken) return [["WWW-Authenticate", 'Bearer realm="switchyard"']];
    const needed = [...(c.all ?? []), ...(c.any ?? []).slice(0, 1)].join(" ");
    return [["WWW-Authenticate", `Bearer realm="switchyard", error="insufficient_scope", scope="${needed}"`]];
  },
};

/** `scope` is a string with blanks between (RFC 8693 section 4.2) or a list; some servers call it `scp`. */
function scopesOf({ caller }: Passage): readonly string[] {
  const value = caller.jwt?.scope ?? caller.jwt?.scp;
  if (typeof value === "string") return value.split(" ").filter((one) => one !== "");
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}

function lackingOf(c: Config, has: readonly string[]): readonly string[] {
  return (c.all ?? []).filter((one) => !has.includes(one));
}

function suffices(c: Config, has: readonly string[]): boolean {
  if (c.all !== undefined && !c.all.every((one) => has.includes(one))) return false;
  return c.any === undefined || c.any.some((one) => has.includes(one));
}
