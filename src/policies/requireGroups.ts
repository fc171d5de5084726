/**
 * requireGroups: what a caller may do, by the groups that an identify policy has found (a consumer's, or a user's), or
 * by a claim of the token that lists them. Must not admit a caller whom nobody has identified.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { ConfigProblem, Policy, Step } from "../model/policy.ts";
import { waysToHold } from "../model/token-wish.ts";
import { claimPath, claimValue } from "./rate-limit-key.ts";

const group = z.string().check(z.minLength(1), z.maxLength(128), z.meta({ names: "group" }));
const list = () => z.array(group).check(z.minLength(1), z.maxLength(64));

const config = z.strictObject({
  any: z.optional(
    list().check(z.meta({ description: "The caller must be in at least one of these.", examples: [["partner"]] })),
  ),
  all: z.optional(
    list().check(z.meta({ description: "The caller must be in every one of these.", examples: [["staff", "eu"]] })),
  ),
  claim: z.optional(
    z
      .string()
      .check(z.minLength(1), z.maxLength(128))
      .check(
        z.meta({
          description:
            "A claim of the token that lists groups as well; a dot steps into an object. They count beside the consumer's.",
          examples: ["groups", "realm_access.roles"],
        }),
      ),
  ),
});

type Config = z.output<typeof config>;

const Refusal = { missing: 1, nobody: 2 } as const;

export const requireGroups: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "requireGroups",
  phase: "authorize",
  summary: "What a caller may do, by its groups: those of the consumer or user, or those that a claim lists.",
  example: "requireGroups: { any: [partner] }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    missing: {
      status: 403,
      title: "caller not in a needed group",
      say: (c, _x, _y, seen) => {
        const has = groupsOf(c, seen);
        const lacking = (c.all ?? []).filter((one) => !has.includes(one));
        const needed = lacking.length > 0 ? lacking.join(" and ") : `one of ${(c.any ?? []).join(", ")}`;
        return `${seen.caller.label ?? "the caller"} is in ${has.length === 0 ? "no group" : has.join(", ")}; ${needed} is needed`;
      },
      fix: (c, _x, _y, seen) =>
        c.any === undefined || (c.all ?? []).some((one) => !groupsOf(c, seen).includes(one))
          ? []
          : groupsOf(c, seen)
              .slice(0, 3)
              .map((group) => ({
                title: `Allow the group ${group}`,
                path: ["any"],
                value: [...(c.any ?? []), group],
              })),
    },
    nobody: {
      status: 403,
      title: "caller not identified",
      say: () => "no policy before this one has found out who is calling, so there are no groups to look at",
    },
  },
  admits: (c, _x, _y, seen) => {
    const has = groupsOf(c, seen);
    const counted = [...(c.all ?? []), ...(c.any ?? [])].filter((one) => has.includes(one));
    return `${seen.caller.label ?? "the caller"} is in ${[...new Set(counted)].join(", ")}`;
  },
  check: (c): readonly ConfigProblem[] =>
    c.all === undefined && c.any === undefined
      ? [{ path: [], message: "give `any`, `all` or both: without groups it would admit everybody who is known" }]
      : [],
  // Without a claim, groups are a consumer's: no token brings them.
  tokenWays: (c, seen) => {
    if (suffices(c, seen.caller.groups)) return [{ because: "", wishes: [] }];
    return c.claim === undefined ? [] : waysToHold("requireGroups", claimPath(c.claim), c);
  },
  compile: (c): Step<undefined> => ({
    peek(x, _state, _now, note) {
      const known = x.caller.consumer !== undefined || x.caller.jwt !== undefined;
      const reason = !known ? Refusal.nobody : suffices(c, groupsOf(c, x)) ? ADMIT : Refusal.missing;
      note.put(reason, 0, 0);
      return reason;
    },
  }),
};

function groupsOf(c: Config, { caller }: Passage): readonly string[] {
  const claimed = c.claim === undefined ? undefined : claimValue(caller.jwt, c.claim);
  if (typeof claimed === "string") return [...caller.groups, claimed];
  if (!Array.isArray(claimed)) return caller.groups;
  return [...caller.groups, ...claimed.filter((one): one is string => typeof one === "string")];
}

function suffices(c: Config, has: readonly string[]): boolean {
  if (c.all !== undefined && !c.all.every((one) => has.includes(one))) return false;
  return c.any === undefined || c.any.some((one) => has.includes(one));
}
