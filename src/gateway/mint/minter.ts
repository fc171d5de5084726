/**
 * A token with which a refused request would pass: its claims read from the rules that refused, signed with the
 * development key, and judged by the whole policy before it is given out. Gateway and command line use it alike.
 * Must not sign what no person asked for, nor guess a claim: what no rule says is asked.
 */
import { setTimeout } from "node:timers/promises";
import type { ExplainRequest } from "../../contract/explaining.ts";
import type { MintQuestion, MintResult } from "../../contract/minting.ts";
import { clone } from "../../decide/clone.ts";
import { enter } from "../../decide/enter.ts";
import { passingToken, tokenSteps, type PassingToken } from "../../decide/passing-token.ts";
import type { FactRequest, TokenFact } from "../../model/arrival.ts";
import { Decision } from "../../model/decision.ts";
import type { PlanStep } from "../../model/plan.ts";
import { passageFor, type WhatIfContext } from "../control/what-if.ts";
import { FILE_TRUSTED_FOR } from "../facts/key-source.ts";
import { locationOf } from "../record/location.ts";
import { developmentKey, type DevelopmentKey } from "./development-key.ts";

/** Milliseconds: long enough to try something out, too short to be kept. */
export const LIFETIME = 600_000;

export interface MintContext extends WhatIfContext {
  /** The policy's folder. */
  readonly directory: string;
}

export interface MintOrder {
  readonly request: ExplainRequest;
  readonly given: Readonly<Record<string, string>>;
  readonly key?: string;
}

type TokenNeed = Extract<FactRequest, { kind: "token" }>;

/** Rejects with Error in words when the request cannot be understood. */
export async function mint(context: MintContext, order: MintOrder): Promise<MintResult> {
  const { plan, facts } = context;
  const seen = passageFor(context, order.request);
  const decision = new Decision();
  enter(seen, plan, clone(context.state), context.now(), decision);
  if (decision.route < 0)
    return { kind: "refused", message: "No route takes this request, so there is no rule that a token could pass." };
  const { needs, name } = plan.routes[decision.route];
  const wanted = needs.filter((need): need is TokenNeed => need.kind === "token");
  const steps = tokenSteps({ plan, route: decision.route, seen });
  if (wanted.length === 0) return { kind: "refused", message: `Route ${name} asks for no token that is signed.` };
  const keys = new Map<string, DevelopmentKey>();
  let lack: Extract<MintResult, { kind: "noKey" }> | undefined;
  for (const need of wanted) {
    const found = developmentKey(need.source, context.directory, order.key);
    if ("sign" in found) keys.set(need.name, found);
    else lack ??= { kind: "noKey", ...found, ...placeOf(steps) };
  }
  if (keys.size === 0 && lack !== undefined) return lack;
  seen.facts = await facts.gather(needs, seen);
  const issued = Math.floor(context.wallClock() / 1000);
  const found = passingToken({
    plan,
    route: decision.route,
    seen,
    state: context.state,
    now: context.now(),
    usable: new Set(keys.keys()),
    times: { iat: issued, exp: issued + LIFETIME / 1000 },
    given: new Map(Object.entries(order.given).map(([claim, text]) => [claim, claimOf(text)])),
  });
  const named = subjectNamed(found, order);
  if (found.kind === "asks" || (found.kind === "passes" && !named))
    return { kind: "asks", questions: questions(found, order) };
  if (found.kind === "impossible") return { kind: "refused", message: sentenceOf(found.sentence) };
  const key = keys.get(found.fact) as DevelopmentKey;
  const need = wanted.find((one) => one.name === found.fact) as TokenNeed;
  return await signed(context, order.request, { claims: found.claims, key, need, steps });
}

interface Made {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly key: DevelopmentKey;
  readonly need: TokenNeed;
  readonly steps: readonly PlanStep[];
}

/** Signed, and shown to the gateway's own verifier: what that does not take is not given out. */
async function signed(context: MintContext, request: ExplainRequest, made: Made): Promise<MintResult> {
  const { claims, key, need, steps } = made;
  const { header } = need.source;
  const token = await key.sign(claims);
  const field = header === "authorization" ? "Authorization" : header;
  const value = header === "authorization" ? `Bearer ${token}` : token;
  const others = Object.entries(request.headers).filter(([name]) => name.toLowerCase() !== header);
  const x = passageFor(context, { ...request, headers: { ...Object.fromEntries(others), [field]: value } });
  const verdict = async () => (await context.facts.gather([{ ...need, when: () => true }], x))[need.name] as TokenFact;
  let fact = await verdict();
  if (fact.state !== "verified") {
    // The key may have been made after the latest look at the file of the set.
    await setTimeout(FILE_TRUSTED_FOR);
    fact = await verdict();
  }
  if (fact.state !== "verified") {
    const problem = "problem" in fact ? fact.problem : fact.state;
    return { kind: "refused", message: `The gateway does not take what ${key.path} signs: ${problem}.` };
  }
  return {
    kind: "minted",
    token,
    field,
    value,
    claims,
    expires: Number(claims["exp"]) * 1000,
    key: key.path,
    policies: steps.map(({ name }) => name),
  };
}

/** A token of nobody is rarely meant: who it is for is asked, unless the request's own token or a rule says it. */
function subjectNamed(found: PassingToken, { given }: MintOrder): boolean {
  return found.kind !== "passes" || found.claims["sub"] !== undefined || given["sub"] !== undefined;
}

function questions(found: Exclude<PassingToken, { kind: "impossible" }>, order: MintOrder): MintQuestion[] {
  const open = found.kind === "asks" ? found.open : [];
  const asked: MintQuestion[] = open.map((claim) => ({
    claim,
    prompt: `${found.because} reads it, and no rule says its value`,
    value: claim === "sub" ? "dev" : "",
  }));
  if (order.given["sub"] === undefined && found.kind === "passes")
    asked.push({ claim: "sub", prompt: "Who the token is for: no rule says it", value: "dev" });
  return asked;
}

/** JSON when it is JSON: 3, true, ["a"]; else the text itself. */
function claimOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function placeOf(steps: readonly PlanStep[]) {
  const step = steps.find(({ phase }) => phase === "identify");
  return step === undefined ? {} : { location: locationOf(step.source) };
}

function sentenceOf(words: string): string {
  return `No token lets this request pass: ${words}${/[.!]$/.test(words) ? "" : "."}`;
}
