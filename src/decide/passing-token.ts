/**
 * The claims with which a request would pass the policies of its route that ask a token: derived from the rules
 * themselves, then judged by the very steps that will judge the token. Must not return claims that were not seen to pass.
 */
import type { Passage, TokenFact } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { Plan, PlanStep } from "../model/plan.ts";
import type { Step } from "../model/policy.ts";
import type { State } from "../model/state.ts";
import { both, type TokenWay } from "../model/token-wish.ts";
import { claimsFor, type Claims } from "./token-claims.ts";

export interface PassingSearch {
  readonly plan: Plan;
  /** Index into plan.routes. */
  readonly route: number;
  /** With its facts. */
  readonly seen: Passage;
  /** Nothing is written to it. */
  readonly state: State;
  /** Milliseconds, as the steps are given it. */
  readonly now: number;
  /** Names of facts about tokens that could be made. */
  readonly usable: ReadonlySet<string>;
  /** Times of the token: `iat`, `exp`. */
  readonly times: Claims;
  /** What a person said, by name of the claim. */
  readonly given: ReadonlyMap<string, unknown>;
}

export type PassingToken =
  /** `because`: names of the rules that it was read from. */
  | { readonly kind: "passes"; readonly claims: Claims; readonly fact: string; readonly because: string }
  /** `open`: names of claims that a person must give. `because` as above. */
  | { readonly kind: "asks"; readonly open: readonly string[]; readonly because: string }
  /** No token passes, and why not, in a sentence; `step` refuses. */
  | { readonly kind: "impossible"; readonly sentence: string; readonly step: PlanStep | undefined };

/** Set anew in every token. */
const OF_ONE_TOKEN: ReadonlySet<string> = new Set(["iat", "exp", "nbf", "jti"]);

/** The steps of the route that ask a token, in their order. */
export function tokenSteps({ plan, route, seen }: Pick<PassingSearch, "plan" | "route" | "seen">): readonly PlanStep[] {
  return plan.routes[route].steps
    .map((index) => plan.steps[index])
    .filter(
      ({ policy, shadow, bypassedBy }) =>
        policy.tokenWays !== undefined && !shadow && bypassedBy?.has(seen.arrival.listener) !== true,
    );
}

export function passingToken(search: PassingSearch): PassingToken {
  const { seen, usable } = search;
  const steps = tokenSteps(search);
  const bases = basesOf(seen);
  let asking: PassingToken | undefined;
  let refused: Refused | undefined;
  for (const base of bases) {
    for (const way of waysThrough(steps, withClaims(seen, base))) {
      if (way.fact === undefined || !usable.has(way.fact)) continue;
      const filled = claimsFor(way.wishes, base, search.given);
      if (filled === undefined) continue;
      if (filled.open.length > 0) {
        asking ??= { kind: "asks", open: filled.open, because: way.because };
        continue;
      }
      const claims = { ...filled.claims, ...search.times };
      const refusal = firstRefusal(search, steps, way.fact, claims);
      if (refusal === undefined) return { kind: "passes", claims, fact: way.fact, because: way.because };
      refused ??= refusal;
    }
  }
  if (asking !== undefined && (search.given.size === 0 || refused === undefined)) return asking;
  return { kind: "impossible", sentence: refused?.sentence ?? noWay(steps, seen), step: refused?.step ?? steps.at(-1) };
}

/** What the request's own token says is kept where it can be; what somebody only claimed to be is not. */
function basesOf({ facts, caller }: Passage): readonly Claims[] {
  const verified = Object.values(facts).find(
    (fact): fact is TokenFact & { state: "verified" } => (fact as TokenFact | undefined)?.state === "verified",
  );
  const own = caller.jwt ?? verified?.claims;
  if (own === undefined) return [{}];
  const kept = Object.fromEntries(Object.entries(own).filter(([name]) => !OF_ONE_TOKEN.has(name)));
  return [kept, {}];
}

function waysThrough(steps: readonly PlanStep[], seen: Passage): readonly TokenWay[] {
  const start: readonly TokenWay[] = [{ because: "", wishes: [] }];
  return steps
    .filter(({ when }) => when === undefined || when(seen))
    .reduce((ways, { policy, config }) => both(ways, policy.tokenWays?.(config, seen) ?? []), start);
}

interface Refused {
  readonly step: PlanStep;
  readonly sentence: string;
}

class Noted {
  x = 0;
  y = 0;
  put(_reason: number, x: number, y: number): void {
    this.x = x;
    this.y = y;
  }
}

/** Asks the steps, as `decide` will. */
function firstRefusal(
  { seen, state, now }: PassingSearch,
  steps: readonly PlanStep[],
  fact: string,
  claims: Claims,
): Refused | undefined {
  const x = withClaims(seen, undefined);
  // Other verifiers of the same token do not know its key.
  const others = Object.keys(seen.facts).filter((name) => isAboutToken(seen.facts[name]));
  x.facts = {
    ...seen.facts,
    ...Object.fromEntries(others.map((name) => [name, { state: "absent" } satisfies TokenFact])),
    [fact]: { state: "verified", algorithm: "", claims } satisfies TokenFact,
  };
  for (const step of steps) {
    if (step.when !== undefined && !step.when(x)) continue;
    const noted = new Noted();
    const reason = (step.act as Step<unknown>).peek(x, state.steps[step.index], now, noted);
    if (reason === ADMIT) continue;
    const { policy, config, name } = step;
    const said = Object.values(policy.reasons)[reason - 1]?.say(config, noted.x, noted.y, x) ?? "it is refused";
    return { step, sentence: `${name}: ${said}` };
  }
  return undefined;
}

function isAboutToken(fact: unknown): boolean {
  const state = (fact as { state?: unknown } | undefined)?.state;
  return ["verified", "badSignature", "keysUnavailable", "malformed"].includes(String(state));
}

/** The same request by another caller. */
function withClaims(seen: Passage, claims: Claims | undefined): Passage {
  const { consumer, groups } = seen.caller;
  return { ...seen, caller: { consumer, groups, jwt: claims, label: undefined }, requestId: () => seen.requestId() };
}

function noWay(steps: readonly PlanStep[], seen: Passage): string {
  const step = steps.find(({ policy, config }) => policy.tokenWays?.(config, seen).length === 0);
  if (step === undefined) return "what the policies ask of a token contradicts itself";
  return `${step.name}: no token fulfils it for this request, whatever it says`;
}
