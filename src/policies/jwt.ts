/**
 * jwt: who is calling, by a signed token (RFC 7519, RFC 8725). The gateway's edge says whether the signature is good;
 * this file judges times, issuer, audience and claims by the clock that was recorded with the request.
 * Must not read a claim of a token whose signature was not verified, except to say what is wrong with it.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { FactRequest, Passage, TokenFact, TokenSource } from "../model/arrival.ts";
import { ADMIT, type Reason } from "../model/basics.ts";
import type { CompileContext, ConfigProblem, Policy, SecretRef, Shape, Step } from "../model/policy.ts";
import { secret } from "../model/scalars.ts";
import { nearest } from "./nearest.ts";
import { claimText } from "./rate-limit-key.ts";
import {
  bearerChallenge,
  claimFields,
  claimForwarder,
  claimJudge,
  claimRefusals,
  claimWays,
  isSafeUrl,
  secondsText,
  type Claims,
  sayNoToken,
} from "./token-claims.ts";

const SHARED = ["HS256", "HS384", "HS512"];
const PUBLIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
const ALGORITHMS = [...SHARED, ...PUBLIC];

const config = z.strictObject({
  issuer: z.optional(
    z
      .string()
      .check(z.minLength(1))
      .check(
        z.meta({
          description:
            "The `iss` that a token must carry, to the letter. Without a key source its keys are found by OpenID Connect Discovery: `<issuer>/.well-known/openid-configuration`.",
          examples: ["https://dev.local/"],
        }),
      ),
  ),
  audiences: claimFields.audiences,
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
  clockSkew: claimFields.clockSkew,
  header: claimFields.header,
  claims: claimFields.claims,
  forward: claimFields.forward,
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

const faults = claimRefusals<Config>(claimsOf);

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
      say: (c, _x, _y, seen) => sayNoToken(c.header, seen),
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
    expired: faults.expired,
    notYetValid: faults.notYetValid,
    wrongIssuer: faults.wrongIssuer,
    wrongAudience: faults.wrongAudience,
    badTimes: faults.badTimes,
    claimMismatch: faults.claimMismatch,
  },
  admits: (c, validFor, _y, seen) => {
    const fact = factOf(c, seen);
    const who = claimText(claimsOf(c, seen), "sub");
    const algorithm = fact?.state === "verified" ? ` by ${fact.algorithm}` : "";
    const until = validFor < 0 ? "it never expires" : `valid for another ${secondsText(validFor)}`;
    const keys = fact?.state === "verified" && fact.remark !== undefined ? `; ${fact.remark}` : "";
    return `the token${who === undefined ? "" : ` of ${who}`} is signed${algorithm}; ${until}${keys}`;
  },
  check: checkConfig,
  needs: (c, context) => [factRequest(c, context)],
  tokenWays: (c, seen) => claimWays(c, claimsOf(c, seen)).map((way) => ({ ...way, because: "jwt", fact: factName(c) })),
  compile,
  replyFields,
  secretPlaces: (c) => [{ in: "header", name: c.header.toLowerCase() }],
};

function checkConfig(c: Config, context: CompileContext): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const sources = (["jwks", "secret", "publicKey"] as const).filter((source) => c[source] !== undefined);
  if (sources.length === 0 && !(c.issuer !== undefined && /^https?:/i.test(c.issuer))) {
    problems.push({
      path: [],
      message:
        "give `jwks`, `publicKey`, `secret`, or an `issuer` that is a URL (its keys are found by OpenID Connect Discovery): without keys no signature can be verified",
    });
  }
  if (sources.length === 0 && c.issuer !== undefined && /^http:/i.test(c.issuer) && !isSafeUrl(c.issuer)) {
    problems.push({
      path: ["issuer"],
      message: "keys over http could be anyone's: give `jwks`, or an issuer with https (http is for this machine only)",
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
  if (sources.length <= 1) {
    c.algorithms?.forEach((algorithm, i) => {
      if (fitting.includes(algorithm)) return;
      const near = nearest(algorithm, fitting) ?? fitting[0];
      problems.push({
        path: ["algorithms", i],
        message: `${algorithm} does not go with ${sources[0] ?? "the keys of an issuer"}: taking a public key for a shared secret is how tokens are forged; ${fitting.join(", ")} do`,
        fix: { title: `Write ${near}`, path: ["algorithms", i], value: near },
      });
    });
  }
  const insecure = c.jwks !== undefined && /^http:/i.test(c.jwks) && !isSafeUrl(c.jwks);
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
  if (c.jwks === undefined) return { header, issuer: c.issuer ?? "", algorithms };
  return { header, jwks: c.jwks, algorithms };
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
  return c.jwks === undefined ? `issuer:${c.issuer ?? ""}` : `jwks:${c.jwks}`;
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
  const judge = claimJudge(c, Refusal);
  const forward = claimForwarder(c);
  return {
    peek(x, _state, _now, note) {
      const fact = x.facts[name] as TokenFact | undefined;
      if (fact?.state !== "verified") {
        const reason = unverified(fact);
        note.put(reason, 0, 0);
        return reason;
      }
      return judge(fact.claims, x, note);
    },
    ...(forward && { request: forward }),
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

/** RFC 6750 section 3: no error code when there was no token at all. */
function replyFields(
  c: Config,
  reason: Reason,
  x: number,
  y: number,
  seen: Passage,
): readonly (readonly [string, string])[] {
  if (reason === ADMIT || reason === Refusal.keysUnavailable) return [];
  if (reason === Refusal.missing) return [bearerChallenge()];
  const name = (Object.keys(Refusal) as RefusalName[])[reason - 1];
  const error = reason === Refusal.claimMismatch ? "insufficient_scope" : "invalid_token";
  return [bearerChallenge(error, jwt.reasons[name].say(c, x, y, seen))];
}
