/**
 * What a policy asks of a token, as wishes for single claims: from these a token can be made that passes.
 * Exists so that whoever mints a token reads the rule itself. Must not hold what a rule does not say.
 */

/** Names from the token inwards: ["realm_access", "roles"]. */
export type ClaimPath = readonly string[];

export type ClaimWish =
  /** Has this value. */
  | { readonly kind: "is"; readonly claim: ClaimPath; readonly value: unknown }
  /** Is there, with another value. */
  | { readonly kind: "not"; readonly claim: ClaimPath; readonly value: unknown }
  /** Is a list (or words with blanks between) that holds this value. */
  | { readonly kind: "holds"; readonly claim: ClaimPath; readonly value: unknown }
  /** Is a list without this value. */
  | { readonly kind: "lacks"; readonly claim: ClaimPath; readonly value: unknown }
  /** Is a list, of whatever length. */
  | { readonly kind: "list"; readonly claim: ClaimPath }
  | { readonly kind: "atLeast" | "atMost"; readonly claim: ClaimPath; readonly value: number }
  /** Is text with this at its beginning, its end, or anywhere. */
  | { readonly kind: "begins" | "ends" | "contains"; readonly claim: ClaimPath; readonly value: string }
  | { readonly kind: "there" | "absent"; readonly claim: ClaimPath }
  /** The rule reads it in a way from which no value can be told: a person must say it. */
  | { readonly kind: "ask"; readonly claim: ClaimPath };

/** Wishes that are enough together. */
export interface TokenWay {
  /** Whose they are, for people: "can-read". */
  readonly because: string;
  readonly wishes: readonly ClaimWish[];
  /** Name of the fact about the token that is meant; set by whoever verifies tokens. */
  readonly fact?: string;
}

/** So many ways are looked at; a rule that has more is told by its first ones. */
export const MOST_WAYS = 24;

/** Each way of the first with each of the second. */
export function both(first: readonly TokenWay[], second: readonly TokenWay[]): readonly TokenWay[] {
  return first.flatMap((a) => second.map((b) => joined(a, b))).slice(0, MOST_WAYS);
}

function joined(a: TokenWay, b: TokenWay): TokenWay {
  const fact = a.fact ?? b.fact;
  return {
    because: [a.because, b.because].filter((word) => word !== "").join(", "),
    wishes: [...a.wishes, ...b.wishes],
    ...(fact === undefined ? {} : { fact }),
  };
}

/** Every one of `all`, and one of `any`. */
export function waysToHold(
  because: string,
  claim: ClaimPath,
  { all = [], any }: { readonly all?: readonly string[] | undefined; readonly any?: readonly string[] | undefined },
): readonly TokenWay[] {
  const holds = (value: string): ClaimWish => ({ kind: "holds", claim, value });
  const every = all.map(holds);
  if (any === undefined) return [{ because, wishes: every }];
  return any.slice(0, MOST_WAYS).map((one) => ({ because, wishes: [...every, holds(one)] }));
}
