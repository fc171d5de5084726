/**
 * jwt: who is calling, by a signed token (RFC 7519, RFC 8725). The gateway's edge says whether the signature is good;
 * this file judges times, issuer, audience and claims by the clock that was recorded with the request.
 * Must not read a claim of a token whose signature was not verified, except to say what is wrong with it.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { FactRequest, Passage, TokenFact, TokenSource } from "../model/arrival.ts";
import { ADMIT, type Reason } from "../model/basics.ts";
import type { Note } from "../model/decision.ts";
import type {
  CompileContext,
  ConfigProblem,
  Fix,
  Policy,
  RequestEdit,
  SecretRef,
  Shape,
  Step,
} from "../model/policy.ts";
import { duration, headerName, secret, writeDuration } from "../model/scalars.ts";
import { show } from "./expression.ts";
import { nearest } from "./nearest.ts";
import { claimText, claimValue } from "./rate-limit-key.ts";
import { safeFieldValue } from "./template.ts";

const SHARED = ["HS256", "HS384", "HS512"];
const PUBLIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
const ALGORITHMS = [...SHARED, ...PUBLIC];

const claim = z.union([z.string(), z.number(), z.boolean()], { error: "write text, a number, true or false" });

const config = z.strictObject({
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
  jwks: z.optional(
    z
      .string()
      .check(z.minLength(1))
      .check(
        z.meta({
          description:
            "Public keys: a file, or an https URL (http on loopback only). A file is read again when it changes; a URL is cached, and asked again, at most now and then, for a key it did not have.",
          examples: ["./jwks.json", "https://dev.local/.well-known/jwks.json"],
        }),
      ),
  ),
  secret: z.optional(
    secret().check(z.meta({ description: "A shared secret (HS256, HS384, HS512); at least 32 bytes for HS256." })),
  ),
  publicKey: z.optional(
    z
      .string()
      .check(z.minLength(1))
      .check(
        z.meta({
          description: "One public key or certificate in PEM: the text, or a file.",
          examples: ["./public.pem"],
        }),
      ),
  ),
  algorithms: z.optional(
    z
      .array(z.enum(ALGORITHMS as [string, ...string[]]))
      .check(z.minLength(1))
      .check(
        z.meta({
          description:
            "The signature algorithms that are accepted. Default: all that fit the kind of key. An algorithm that does not fit it is an error, and `none` does not exist.",
          examples: [["RS256", "ES256"]],
        }),
      ),
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
});

type Config = z.output<typeof config>;

const Refusal = {
  missing: 1,
  malformed: 2,
  badSignature: 3,
  keysUnavailable: 4,
  expired: 5,
  notYetValid: 6,
  wrongIssuer: 7,
  wrongAudience: 8,
  badTimes: 9,
  claimMismatch: 10,
} as const;

type RefusalName = keyof typeof Refusal;

export const jwt: Policy<Config, undefined, RefusalName> = {
  kind: "jwt",
  phase: "identify",
  summary: "Who is calling, by a signed token (JWT), checked against a key set, a public key or a shared secret.",
  example: 'jwt: { issuer: "https://dev.local/", audiences: [orders], jwks: ./jwks.json }\n',
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    missing: {
      status: 401,
      title: "token missing",
      say: (c) => `there is no token in the header ${c.header}`,
      brief: () => "no token",
    },
    malformed: {
      status: 401,
      title: "token malformed",
      say: (c, _x, _y, seen) => problemOf(c, seen, "the token cannot be read"),
    },
    badSignature: {
      status: 401,
      title: "signature not valid",
      say: (c, _x, _y, seen) => problemOf(c, seen, "the signature does not fit"),
    },
    keysUnavailable: {
      status: 503,
      title: "keys not available",
      say: (c, _x, _y, seen) => problemOf(c, seen, "the keys that would verify the token could not be had"),
    },
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
        `the token's \`iss\` is ${claimShown(c, seen, "iss")}; ${JSON.stringify(c.issuer)} is needed`,
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
        `the token's \`aud\` is ${claimShown(c, seen, "aud")}; one of ${(c.audiences ?? []).join(", ")} is needed`,
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
        `\`exp\` and \`nbf\` must be numbers of seconds; they are ${claimShown(c, seen, "exp")} and ${claimShown(c, seen, "nbf")}`,
    },
    claimMismatch: {
      status: 403,
      title: "claim does not match",
      say: (c, index, _y, seen) => {
        const [name, value] = Object.entries(c.claims ?? {})[index] ?? ["a claim", ""];
        return `the token's \`${name}\` is ${claimShown(c, seen, name)}; ${JSON.stringify(value)} is needed`;
      },
    },
  },
  admits: (c, validFor, _y, seen) => {
    const fact = factOf(c, seen);
    const who = claimText(claimsOf(c, seen), "sub");
    const algorithm = fact?.state === "verified" ? ` by ${fact.algorithm}` : "";
    const until = validFor < 0 ? "it never expires" : `valid for another ${secondsText(validFor)}`;
    return `the token${who === undefined ? "" : ` of ${who}`} is signed${algorithm}; ${until}`;
  },
  check: checkConfig,
  needs: (c, context) => [factRequest(c, context)],
  compile,
  replyFields,
  secretPlaces: (c) => [{ in: "header", name: c.header.toLowerCase() }],
};

function checkConfig(c: Config, context: CompileContext): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const sources = (["jwks", "secret", "publicKey"] as const).filter((source) => c[source] !== undefined);
  if (sources.length === 0) {
    problems.push({
      path: [],
      message: "give `jwks`, `publicKey` or `secret`: without keys no signature can be verified",
    });
  }
  for (const source of sources.slice(1)) {
    problems.push({
      path: [source],
      message: `keys come from one place: ${sources.join(" or ")}, not both`,
      fix: { title: `Remove ${source}`, path: [source], value: undefined },
    });
  }
  const fitting = c.secret === undefined ? PUBLIC : SHARED;
  if (sources.length === 1) {
    c.algorithms?.forEach((algorithm, i) => {
      if (fitting.includes(algorithm)) return;
      const near = nearest(algorithm, fitting) ?? fitting[0];
      problems.push({
        path: ["algorithms", i],
        message: `${algorithm} does not go with ${sources[0]}: taking a public key for a shared secret is how tokens are forged; ${fitting.join(", ")} do`,
        fix: { title: `Write ${near}`, path: ["algorithms", i], value: near },
      });
    });
  }
  const insecure =
    c.jwks !== undefined &&
    /^http:/i.test(c.jwks) &&
    !/^http:\/\/(?:localhost|[\w-]+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])(?:[:/]|$)/i.test(c.jwks);
  if (insecure)
    problems.push({
      path: ["jwks"],
      message: "keys over http could be anyone's: use https (http is for this machine only)",
    });
  return [...problems, ...checkSecret(c, context)];
}

/** RFC 7518 section 3.2: an HMAC key must not be shorter than the hash. */
function checkSecret(c: Config, context: CompileContext): readonly ConfigProblem[] {
  const value = c.secret === undefined ? undefined : context.secret(c.secret);
  if (value === undefined) return [];
  const bytes = utf8Length(value);
  const needed = Math.min(...(c.algorithms ?? SHARED).map((algorithm) => Number(algorithm.slice(2)) / 8));
  if (!(bytes < needed)) return [];
  return [
    { path: ["secret"], message: `the secret has ${bytes} bytes; HS${needed * 8} needs at least ${needed} (RFC 7518)` },
  ];
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** Allowed algorithms follow from the kind of key: what `algorithms` names is only ever taken away from these. */
function sourceOf(c: Config, context: CompileContext): TokenSource {
  const fitting = c.secret === undefined ? PUBLIC : SHARED;
  const algorithms = fitting.filter((algorithm) => c.algorithms === undefined || c.algorithms.includes(algorithm));
  const header = c.header.toLowerCase();
  if (c.secret !== undefined) return { header, secret: context.secret(c.secret) ?? "", algorithms };
  if (c.publicKey !== undefined) return { header, publicKey: c.publicKey, algorithms };
  return { header, jwks: c.jwks ?? "", algorithms };
}

function factRequest(c: Config, context: CompileContext): FactRequest {
  return { name: factName(c), kind: "token", source: sourceOf(c, context) };
}

/** Facts are recorded and shown: the name tells secrets apart by where they are written, or by a hash, never by value. */
function factName(c: Config): string {
  const algorithms = c.algorithms === undefined ? "" : `/${c.algorithms.join("+")}`;
  return `token/${c.header.toLowerCase()}/${keysName(c)}${algorithms}`;
}

function keysName(c: Config): string {
  if (c.secret !== undefined) return secretName(c.secret);
  if (c.publicKey !== undefined) return `publicKey:${digest(c.publicKey)}`;
  return `jwks:${c.jwks ?? ""}`;
}

function secretName(ref: SecretRef): string {
  if (typeof ref === "string") return `secret:${digest(ref)}`;
  return "env" in ref ? `env:${ref.env}` : `file:${ref.file}`;
}

function digest(text: string): string {
  return xxHash32(text, 0).toString(16).padStart(8, "0");
}

function compile(c: Config): Step<undefined> & Shape {
  const name = factName(c);
  const forward = Object.entries(c.forward ?? {});
  const wanted = Object.entries(c.claims ?? {});
  return {
    peek(x, _state, _now, note) {
      const fact = x.facts[name] as TokenFact | undefined;
      if (fact?.state !== "verified") {
        const reason = unverified(fact);
        note.put(reason, 0, 0);
        return reason;
      }
      return judge(c, wanted, fact.claims, x, note);
    },
    ...(forward.length > 0 && { request: (x: Passage, edit: RequestEdit) => forwardClaims(forward, x, edit) }),
  };
}

function unverified(fact: TokenFact | undefined): Reason {
  switch (fact?.state) {
    case "malformed":
      return Refusal.malformed;
    case "badSignature":
      return Refusal.badSignature;
    case "keysUnavailable":
      return Refusal.keysUnavailable;
    default:
      return Refusal.missing;
  }
}

type Claims = Readonly<Record<string, unknown>>;

type Wanted = readonly (readonly [string, string | number | boolean])[];

function judge(c: Config, wanted: Wanted, claims: Claims, x: Passage, note: Note): Reason {
  const { exp, nbf } = claims;
  if (!isTime(exp) || !isTime(nbf)) return end(note, Refusal.badTimes, 0);
  const now = x.wallClock / 1000;
  const skew = c.clockSkew / 1000;
  if (exp !== undefined && now >= exp + skew) return end(note, Refusal.expired, now - exp);
  if (nbf !== undefined && now < nbf - skew) return end(note, Refusal.notYetValid, nbf - now);
  if (c.issuer !== undefined && claims.iss !== c.issuer) return end(note, Refusal.wrongIssuer, 0);
  if (c.audiences !== undefined && !isMeantFor(c.audiences, claims.aud)) return end(note, Refusal.wrongAudience, 0);
  // The caller is known from here on, even when a claim keeps it out: the refusal can then say whom it refused.
  x.caller.jwt = claims;
  x.caller.label ??= claimText(claims, "sub") ?? claimText(claims, "client_id") ?? claimText(claims, "azp");
  const mismatch = mismatchOf(wanted, claims);
  if (mismatch >= 0) return end(note, Refusal.claimMismatch, mismatch);
  return end(note, ADMIT, exp === undefined ? -1 : Math.max(0, exp - now));
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
function mismatchOf(wanted: Wanted, claims: Claims): number {
  for (let i = 0; i < wanted.length; i++) {
    const [name, value] = wanted[i];
    const found = claimValue(claims, name);
    if (Array.isArray(found) ? !found.includes(value) : found !== value) return i;
  }
  return -1;
}

function audienceList(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

function forwardClaims(forward: readonly (readonly [string, string])[], x: Passage, edit: RequestEdit): void {
  for (const [header, name] of forward) {
    const value = claimText(x.caller.jwt, name);
    if (value === undefined) edit.remove(header);
    else edit.set(header, safeFieldValue(value));
  }
}

function factOf(c: Config, seen: Passage): TokenFact | undefined {
  return seen.facts[factName(c)] as TokenFact | undefined;
}

function claimsOf(c: Config, seen: Passage): Claims | undefined {
  const fact = factOf(c, seen);
  return fact?.state === "verified" ? fact.claims : undefined;
}

function problemOf(c: Config, seen: Passage, otherwise: string): string {
  const fact = factOf(c, seen);
  return fact !== undefined && "problem" in fact ? fact.problem : otherwise;
}

function claimShown(c: Config, seen: Passage, name: string): string {
  const value = claimValue(claimsOf(c, seen), name);
  return value === undefined ? "absent" : show(value);
}

const LARGEST_USEFUL_SKEW_SECONDS = 300;

/** Only for clocks that are a little apart; an old token needs a new token, not a wide skew. */
function widenSkew(apart: number): readonly Fix[] {
  if (!(apart <= LARGEST_USEFUL_SKEW_SECONDS)) return [];
  const skew = writeDuration(Math.ceil(apart + 1) * 1000);
  return [{ title: `Allow a clock skew of ${skew}`, path: ["clockSkew"], value: skew }];
}

function secondsText(value: number): string {
  if (value < 120) return `${Math.ceil(value * 10) / 10} s`;
  if (value < 7200) return `${Math.floor(value / 60)} min`;
  return value < 172_800 ? `${Math.floor(value / 3600)} h` : `${Math.floor(value / 86_400)} days`;
}

/** RFC 6750 section 3: no error code when there was no token at all. */
function replyFields(
  c: Config,
  reason: Reason,
  x: number,
  y: number,
  seen: Passage,
): readonly (readonly [string, string])[] {
  if (reason === ADMIT || reason === Refusal.keysUnavailable) return [];
  if (reason === Refusal.missing) return [["WWW-Authenticate", 'Bearer realm="switchyard"']];
  const name = (Object.keys(Refusal) as RefusalName[])[reason - 1];
  const description = jwt.reasons[name].say(c, x, y, seen);
  const error = reason === Refusal.claimMismatch ? "insufficient_scope" : "invalid_token";
  const value = `Bearer realm="switchyard", error="${error}", error_description="${quotable(description)}"`;
  return [["WWW-Authenticate", value]];
}

/** RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E only. */
function quotable(text: string): string {
  return text.replace(/["\\`]/g, "'").replace(/[^\x20-\x7e]/g, "?");
}
