/**
 * introspection: who is calling, by a token that only its issuer can read (RFC 7662). The gateway's edge asks the
 * authorization server and remembers the answer; this file judges times, issuer, audience and claims as `jwt` does.
 * Must not admit when the server could not be asked, and must not show the token or the client's secret.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { FactRequest, IntrospectionFact, Passage } from "../model/arrival.ts";
import { ADMIT, type Reason } from "../model/basics.ts";
import type { CompileContext, ConfigProblem, Policy, Shape, Step } from "../model/policy.ts";
import { duration, secret } from "../model/scalars.ts";
import { claimText } from "./rate-limit-key.ts";
import {
  bearerChallenge,
  claimFields,
  claimForwarder,
  claimJudge,
  claimRefusals,
  isSafeUrl,
  secondsText,
  type Claims,
  sayNoToken,
} from "./token-claims.ts";

const config = z.strictObject({
  url: z
    .string()
    .check(z.minLength(1), z.maxLength(2048))
    .check(
      z.meta({
        description: "The server's introspection endpoint: https, or http on this machine.",
        examples: ["https://dev.local/oauth2/introspect"],
      }),
    ),
  clientId: z
    .string()
    .check(z.minLength(1), z.maxLength(256))
    .check(z.meta({ description: "The name by which the server knows this gateway.", examples: ["gateway"] })),
  clientSecret: secret().check(z.meta({ description: "Its secret there: sent with HTTP Basic." })),
  cache: z.prefault(
    duration({ most: 3_600_000 }).check(
      z.meta({
        description:
          "How long an answer serves; never longer than the token's `exp`. A token that does not hold is asked about again after 10 s at the latest. 0s asks for every request.",
      }),
    ),
    "30s",
  ),
  timeout: z.prefault(
    duration({ least: 10, most: 60_000 }).check(
      z.meta({ description: "How long the server may take to answer; then the request is refused with 503." }),
    ),
    "2s",
  ),
  ...claimFields,
});

type Config = z.output<typeof config>;

const Refusal = {
  missing: 1,
  malformed: 2,
  inactive: 3,
  unavailable: 4,
  expired: 5,
  notYetValid: 6,
  wrongIssuer: 7,
  wrongAudience: 8,
  badTimes: 9,
  claimMismatch: 10,
} as const;

type RefusalName = keyof typeof Refusal;

const faults = claimRefusals<Config>(claimsOf);

export const introspection: Policy<Config, undefined, RefusalName> = {
  kind: "introspection",
  phase: "identify",
  summary: "Who is calling, by an opaque token: its authorization server is asked whether it holds (RFC 7662).",
  example:
    'introspection: { url: "https://dev.local/oauth2/introspect", clientId: gateway, clientSecret: { env: GATEWAY_SECRET } }\n',
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
    inactive: {
      status: 401,
      title: "token not active",
      say: (c) => `${c.url} says that the token does not hold: it is unknown there, expired or revoked`,
      brief: () => "token not active",
    },
    unavailable: {
      status: 503,
      title: "token could not be checked",
      say: (c, _x, _y, seen) => problemOf(c, seen, `${c.url} could not be asked`),
    },
    expired: faults.expired,
    notYetValid: faults.notYetValid,
    wrongIssuer: faults.wrongIssuer,
    wrongAudience: faults.wrongAudience,
    badTimes: faults.badTimes,
    claimMismatch: faults.claimMismatch,
  },
  admits: (c, validFor, _y, seen) => {
    const claims = claimsOf(c, seen);
    const who = claimText(claims, "username") ?? claimText(claims, "sub");
    const until = validFor < 0 ? "it never expires" : `valid for another ${secondsText(validFor)}`;
    return `the token${who === undefined ? "" : ` of ${who}`} holds, its server says; ${until}`;
  },
  check: checkConfig,
  needs: (c, context) => [factRequest(c, context)],
  compile,
  replyFields,
  secretPlaces: (c) => [{ in: "header", name: c.header.toLowerCase() }],
};

function checkConfig(c: Config, context: CompileContext): readonly ConfigProblem[] {
  // Asked for here, so that a secret that stands in the file, or nowhere, is reported.
  context.secret(c.clientSecret);
  if (isSafeUrl(c.url)) return [];
  const message = /^http:/i.test(c.url)
    ? "tokens over http can be read on the way: use https (http is for this machine only)"
    : "write the address of the introspection endpoint: https://host/path";
  return [{ path: ["url"], message }];
}

function factRequest(c: Config, context: CompileContext): FactRequest {
  const { url, clientId, cache, timeout } = c;
  const header = c.header.toLowerCase();
  const clientSecret = context.secret(c.clientSecret) ?? "";
  return {
    name: factName(c),
    kind: "introspection",
    source: { header, url, clientId, clientSecret, cache, timeout },
  };
}

/** Facts are recorded and shown: settings are told apart by a digest of what is written. */
function factName(c: Config): string {
  const written = JSON.stringify([c.clientId, c.clientSecret, c.cache, c.timeout]);
  return `introspection/${c.header.toLowerCase()}/${c.url}/${xxHash32(written, 0).toString(16).padStart(8, "0")}`;
}

function compile(c: Config): Step<undefined> & Shape {
  const name = factName(c);
  const judge = claimJudge(c, Refusal);
  const forward = claimForwarder(c);
  return {
    peek(x, _state, _now, note) {
      const fact = x.facts[name] as IntrospectionFact | undefined;
      if (fact?.state === "active") return judge(fact.claims, x, note);
      const reason = refusalFor(fact);
      note.put(reason, 0, 0);
      return reason;
    },
    ...(forward && { request: forward }),
  };
}

function refusalFor(fact: IntrospectionFact | undefined): Reason {
  switch (fact?.state) {
    case "malformed":
      return Refusal.malformed;
    case "inactive":
      return Refusal.inactive;
    case "unavailable":
      return Refusal.unavailable;
    default:
      return Refusal.missing;
  }
}

function factOf(c: Config, seen: Passage): IntrospectionFact | undefined {
  return seen.facts[factName(c)] as IntrospectionFact | undefined;
}

function claimsOf(c: Config, seen: Passage): Claims | undefined {
  const fact = factOf(c, seen);
  return fact?.state === "active" ? fact.claims : undefined;
}

function problemOf(c: Config, seen: Passage, otherwise: string): string {
  const fact = factOf(c, seen);
  return fact !== undefined && "problem" in fact ? fact.problem : otherwise;
}

function replyFields(
  c: Config,
  reason: Reason,
  x: number,
  y: number,
  seen: Passage,
): readonly (readonly [string, string])[] {
  if (reason === ADMIT) return [];
  if (reason === Refusal.unavailable) return [["Retry-After", "1"]];
  if (reason === Refusal.missing) return [bearerChallenge()];
  const name = (Object.keys(Refusal) as RefusalName[])[reason - 1];
  // Where the server stands is nobody's business but the operator's.
  const description =
    reason === Refusal.inactive ? "the token does not hold" : introspection.reasons[name].say(c, x, y, seen);
  return [bearerChallenge(reason === Refusal.claimMismatch ? "insufficient_scope" : "invalid_token", description)];
}
