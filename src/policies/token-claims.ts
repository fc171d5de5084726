/**
 * What is asked of the claims of a token, however it was verified: times, issuer, audience, single claims; and what is
 * forwarded of them. `jwt` and `introspection` judge by the same few lines, by the clock recorded with the request.
 * Must not look at where claims came from: whoever calls has made sure that they may be believed.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT, type Reason } from "../model/basics.ts";
import type { Note } from "../model/decision.ts";
import type { Fix, RefusalReason, RequestEdit } from "../model/policy.ts";
import { duration, headerName, writeDuration } from "../model/scalars.ts";
import { both, type TokenWay } from "../model/token-wish.ts";
import { show } from "./expression.ts";
import { claimPath, claimText, claimValue } from "./rate-limit-key.ts";
import { safeFieldValue } from "./template.ts";

const claim = z.union([z.string(), z.number(), z.boolean()], { error: "write text, a number, true or false" });

/** The fields that both policies have. */
/** What a caller without a token sent instead (RFC 6750 section 2.1), and what is expected. The value itself is not told. */
export function sayNoToken(header: string, seen: Passage): string {
  const came = seen.arrival.header(header.toLowerCase());
  const scheme = /^[A-Za-z][A-Za-z0-9-]{0,20}(?= )/.exec(came ?? "")?.[0];
  const instead = scheme === undefined || /^bearer$/i.test(scheme) ? "" : ` (it says ${scheme})`;
  return `there is no token in the header ${header}${instead}: it must be "Bearer" and the token`;
}

export const claimFields = {
  issuer: z.optional(
    z
      .string()
      .check(z.minLength(1))
      .check(
        z.meta({ description: "The `iss` that a token must carry, to the letter.", examples: ["https://dev.local/"] }),
      ),
  ),
  audiences: z.optional(
    z
      .array(z.string().check(z.minLength(1)))
      .check(z.minLength(1))
      .check(z.meta({ description: "A token must be meant for one of these (`aud`).", examples: [["orders"]] })),
  ),
  clockSkew: z.prefault(
    duration({ most: 3_600_000 }).check(
      z.meta({ description: "How far clocks may be apart when `exp` and `nbf` are judged." }),
    ),
    "30s",
  ),
  header: z.prefault(
    headerName().check(
      z.meta({
        description:
          "Where the token stands. In Authorization it follows the word Bearer (RFC 6750); elsewhere it stands alone.",
      }),
    ),
    "Authorization",
  ),
  claims: z.optional(
    z.record(z.string(), claim).check(
      z.meta({
        description: "Claims that a token must carry, with their values; a list in the token must hold the value.",
        examples: [{ tenant: "acme" }],
      }),
    ),
  ),
  forward: z.optional(
    z.record(headerName(), z.string().check(z.minLength(1))).check(
      z.meta({
        description:
          "Header for the backend -> claim. A header whose claim is missing is removed, so that no caller can forge it.",
        examples: [{ "x-user": "sub" }],
      }),
    ),
  ),
};

export interface ClaimRules {
  readonly issuer?: string | undefined;
  readonly audiences?: readonly string[] | undefined;
  /** Milliseconds. */
  readonly clockSkew: number;
  readonly claims?: Readonly<Record<string, string | number | boolean>> | undefined;
  readonly forward?: Readonly<Record<string, string>> | undefined;
}

export type Claims = Readonly<Record<string, unknown>>;

type Fault = "expired" | "notYetValid" | "wrongIssuer" | "wrongAudience" | "badTimes" | "claimMismatch";

/** The numbers that a policy has given to these refusals. */
export type FaultReasons = Readonly<Record<Fault, Reason>>;

/** @returns a judge that notes once, and writes down who is calling when the token is good. */
export function claimJudge(
  rules: ClaimRules,
  reasons: FaultReasons,
): (claims: Claims, x: Passage, note: Note) => Reason {
  const wanted = Object.entries(rules.claims ?? {});
  const skew = rules.clockSkew / 1000;
  const { issuer, audiences } = rules;
  return (claims, x, note) => {
    const { exp, nbf } = claims;
    if (!isTime(exp) || !isTime(nbf)) return end(note, reasons.badTimes, 0);
    const now = x.wallClock / 1000;
    if (exp !== undefined && now >= exp + skew) return end(note, reasons.expired, now - exp);
    if (nbf !== undefined && now < nbf - skew) return end(note, reasons.notYetValid, nbf - now);
    if (issuer !== undefined && claims.iss !== issuer) return end(note, reasons.wrongIssuer, 0);
    if (audiences !== undefined && !isMeantFor(audiences, claims.aud)) return end(note, reasons.wrongAudience, 0);
    // The caller is known from here on, even when a claim keeps it out: the refusal can then say whom it refused.
    x.caller.jwt = claims;
    x.caller.label ??= claimText(claims, "sub") ?? claimText(claims, "client_id") ?? claimText(claims, "azp");
    const mismatch = mismatchOf(wanted, claims);
    if (mismatch >= 0) return end(note, reasons.claimMismatch, mismatch);
    return end(note, ADMIT, exp === undefined ? -1 : Math.max(0, exp - now));
  };
}

/** What a token must hold to be judged good; times are whoever makes it to set. @param has claims of the token that came. */
export function claimWays(rules: ClaimRules, has: Claims | undefined): readonly TokenWay[] {
  const { issuer, audiences, claims = {} } = rules;
  const wishes = [
    ...(issuer === undefined ? [] : [{ kind: "is" as const, claim: ["iss"], value: issuer }]),
    ...Object.entries(claims).map(([name, value]) => {
      const listed = Array.isArray(claimValue(has, name));
      return { kind: listed ? ("holds" as const) : ("is" as const), claim: claimPath(name), value };
    }),
  ];
  const fitting = audiences?.filter((audience) => audienceList(has?.aud).includes(audience)) ?? [];
  const meant = [...fitting, ...(audiences ?? []).filter((audience) => !fitting.includes(audience))].slice(0, 4);
  const first: readonly TokenWay[] = [{ because: "", wishes }];
  if (meant.length === 0) return first;
  return both(
    first,
    meant.map((value) => ({ because: "", wishes: [{ kind: "is", claim: ["aud"], value }] })),
  );
}

function end(note: Note, reason: Reason, x: number): Reason {
  note.put(reason, x, 0);
  return reason;
}

function isMeantFor(audiences: readonly string[], aud: unknown): boolean {
  if (typeof aud === "string") return audiences.includes(aud);
  return Array.isArray(aud) && aud.some((one) => typeof one === "string" && audiences.includes(one));
}

function isTime(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === "number" && Number.isFinite(value));
}

/** @returns the index of the first claim that does not match, or -1. */
function mismatchOf(wanted: readonly (readonly [string, string | number | boolean])[], claims: Claims): number {
  for (let i = 0; i < wanted.length; i++) {
    const [name, value] = wanted[i];
    const found = claimValue(claims, name);
    if (Array.isArray(found) ? !found.includes(value) : found !== value) return i;
  }
  return -1;
}

/** Status, words and fixes of these refusals. @param claimsOf the claims of a recorded request. */
export function claimRefusals<Config extends ClaimRules>(
  claimsOf: (c: Config, seen: Passage) => Claims | undefined,
): Readonly<Record<Fault, RefusalReason<Config>>> {
  const shown = (c: Config, seen: Passage, name: string): string => {
    const value = claimValue(claimsOf(c, seen), name);
    return value === undefined ? "absent" : show(value);
  };
  return {
    expired: {
      status: 401,
      title: "token expired",
      say: (c, late) =>
        `the token expired ${secondsText(late)} ago; a clock skew of ${writeDuration(c.clockSkew)} is allowed`,
      brief: (_c, late) => `expired ${secondsText(late)} ago`,
      fix: (_c, late) => widenSkew(late),
    },
    notYetValid: {
      status: 401,
      title: "token not valid yet",
      say: (c, early) =>
        `the token becomes valid in ${secondsText(early)}; a clock skew of ${writeDuration(c.clockSkew)} is allowed`,
      brief: (_c, early) => `valid only in ${secondsText(early)}`,
      fix: (_c, early) => widenSkew(early),
    },
    wrongIssuer: {
      status: 401,
      title: "wrong issuer",
      say: (c, _x, _y, seen) =>
        `the token's \`iss\` is ${shown(c, seen, "iss")}; ${JSON.stringify(c.issuer)} is needed`,
      fix: (c, _x, _y, seen) => {
        const issuer = claimsOf(c, seen)?.iss;
        return typeof issuer === "string"
          ? [{ title: `Accept the issuer ${issuer}`, path: ["issuer"], value: issuer }]
          : [];
      },
    },
    wrongAudience: {
      status: 401,
      title: "wrong audience",
      say: (c, _x, _y, seen) =>
        `the token's \`aud\` is ${shown(c, seen, "aud")}; one of ${(c.audiences ?? []).join(", ")} is needed`,
      fix: (c, _x, _y, seen) =>
        audienceList(claimsOf(c, seen)?.aud)
          .slice(0, 3)
          .map((audience) => ({
            title: `Accept the audience ${audience}`,
            path: ["audiences"],
            value: [...(c.audiences ?? []), audience],
          })),
    },
    badTimes: {
      status: 401,
      title: "token times not readable",
      say: (c, _x, _y, seen) =>
        `\`exp\` and \`nbf\` must be numbers of seconds; they are ${shown(c, seen, "exp")} and ${shown(c, seen, "nbf")}`,
    },
    claimMismatch: {
      status: 403,
      title: "claim does not match",
      say: (c, index, _y, seen) => {
        const [name, value] = Object.entries(c.claims ?? {})[index] ?? ["a claim", ""];
        return `the token's \`${name}\` is ${shown(c, seen, name)}; ${JSON.stringify(value)} is needed`;
      },
    },
  };
}

function audienceList(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

/** @returns undefined when nothing is forwarded. */
export function claimForwarder({ forward = {} }: ClaimRules): ((x: Passage, edit: RequestEdit) => void) | undefined {
  const fields = Object.entries(forward);
  if (fields.length === 0) return undefined;
  return (x, edit) => {
    for (const [header, name] of fields) {
      const value = claimText(x.caller.jwt, name);
      if (value === undefined) edit.remove(header);
      else edit.set(header, safeFieldValue(value));
    }
  };
}

const LARGEST_USEFUL_SKEW_SECONDS = 300;

/** Only for clocks that are a little apart; an old token needs a new token, not a wide skew. */
function widenSkew(apart: number): readonly Fix[] {
  if (!(apart <= LARGEST_USEFUL_SKEW_SECONDS)) return [];
  const skew = writeDuration(Math.ceil(apart + 1) * 1000);
  return [{ title: `Allow a clock skew of ${skew}`, path: ["clockSkew"], value: skew }];
}

export function secondsText(value: number): string {
  if (value < 120) return `${Math.ceil(value * 10) / 10} s`;
  if (value < 7200) return `${Math.floor(value / 60)} min`;
  return value < 172_800 ? `${Math.floor(value / 3600)} h` : `${Math.floor(value / 86_400)} days`;
}

/** Of a token that was judged and refused. RFC 6750 section 3: no error code when there was no token at all. */
export function bearerChallenge(
  error?: "invalid_token" | "insufficient_scope",
  description = "",
): readonly [string, string] {
  const realm = 'Bearer realm="switchyard"';
  if (error === undefined) return ["WWW-Authenticate", realm];
  return ["WWW-Authenticate", `${realm}, error="${error}", error_description="${quotable(description)}"`];
}

/** RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E only. */
function quotable(text: string): string {
  return text.replace(/["\\`]/g, "'").replace(/[^\x20-\x7e]/g, "?");
}

/** What asks another server must not be readable on the way: https, or this machine. */
export function isSafeUrl(url: string): boolean {
  return (
    /^https:\/\/[^\s/]/i.test(url) ||
    /^http:\/\/(?:localhost|[\w-]+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])(?:[:/]|$)/i.test(url)
  );
}
