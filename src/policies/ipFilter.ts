/**
 * ipFilter: which addresses may come near. Deny wins; with an `allow` list everyone else stays out.
 * Must not trust a header: the address is the connection's (or what a trusted proxy said, settled at accept).
 */
import * as z from "zod/mini";
import { indexOfRange, parseAddress, parseRange, rangeProblem } from "../model/address-range.ts";
import { ADMIT } from "../model/basics.ts";
import type { ConfigProblem, Policy, Step } from "../model/policy.ts";

const range = z.string().check(z.minLength(2), z.maxLength(64));

const config = z.strictObject({
  allow: z.optional(
    z.array(range).check(
      z.meta({
        description: "Only these may come; absent = everyone who is not denied. CIDR blocks or single addresses.",
        examples: [["127.0.0.0/8", "::1"]],
      }),
    ),
  ),
  deny: z.optional(
    z.array(range).check(
      z.meta({
        description: "These may not come, even when `allow` names them. CIDR blocks or single addresses.",
        examples: [["203.0.113.0/24"]],
      }),
    ),
  ),
});

type Config = z.output<typeof config>;

const Refusal = { denied: 1, notAllowed: 2, noAddress: 3 } as const;

export const ipFilter: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "ipFilter",
  phase: "screen",
  summary: "Which client addresses may come near; deny wins over allow.",
  example: 'ipFilter: { allow: [127.0.0.0/8, "::1"] }\n',
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    denied: {
      status: 403,
      title: "address denied",
      say: (c, x, _y, seen) => `${seen.arrival.clientIp} is in ${c.deny?.[x] ?? "a block"}, which \`deny\` names`,
      fix: (c, x) => [{ title: `Stop denying ${c.deny?.[x]}`, path: ["deny", x], value: undefined }],
    },
    notAllowed: {
      status: 403,
      title: "address not allowed",
      say: (c, _x, _y, seen) =>
        `${seen.arrival.clientIp} is in none of the ${c.allow?.length ?? 0} blocks of \`allow\``,
      brief: (_c, _x, _y, seen) => `${seen.arrival.clientIp} is not allowed`,
      fix: (c, _x, _y, seen) => [
        {
          title: `Allow ${seen.arrival.clientIp}`,
          path: ["allow"],
          value: [...(c.allow ?? []), seen.arrival.clientIp],
        },
      ],
    },
    noAddress: {
      status: 403,
      title: "address unknown",
      say: (_c, _x, _y, seen) => `${JSON.stringify(seen.arrival.clientIp)} is no address that could be checked`,
    },
  },
  admits: (c, x, _y, seen) =>
    c.allow?.[x] === undefined
      ? `${seen.arrival.clientIp} is not denied`
      : `${seen.arrival.clientIp} is in ${c.allow[x]}`,
  layer4: () => undefined,
  check: (c) => [...checkRanges(c.allow, "allow"), ...checkRanges(c.deny, "deny"), ...checkEmpty(c)],
  compile,
};

function compile(c: Config): Step<undefined> {
  const allow = c.allow?.map(parseRange);
  const deny = c.deny?.map(parseRange) ?? [];
  return {
    peek(x, _state, _now, note) {
      const address = parseAddress(x.arrival.clientIp);
      if (address === undefined) {
        note.put(Refusal.noAddress, 0, 0);
        return Refusal.noAddress;
      }
      const denied = indexOfRange(deny, address);
      if (denied >= 0) {
        note.put(Refusal.denied, denied, 0);
        return Refusal.denied;
      }
      const allowed = allow === undefined ? -1 : indexOfRange(allow, address);
      const reason = allow === undefined || allowed >= 0 ? ADMIT : Refusal.notAllowed;
      note.put(reason, allowed, 0);
      return reason;
    },
  };
}

function checkEmpty(c: Config): readonly ConfigProblem[] {
  return c.allow === undefined && c.deny === undefined ? [{ path: [], message: "give `allow`, `deny` or both" }] : [];
}

function checkRanges(ranges: readonly string[] | undefined, field: string): readonly ConfigProblem[] {
  return (ranges ?? []).flatMap((text, i) => {
    const problem = rangeProblem(text);
    if (problem === undefined) return [];
    const { message, meant } = problem;
    const path = [field, i];
    return [
      { path, message, ...(meant === undefined ? {} : { fix: { title: `Write ${meant}`, path, value: meant } }) },
    ];
  });
}
