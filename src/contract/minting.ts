/**
 * A token that lets a refused request pass, made with a development key: what is asked for it, and what comes of it.
 * Must not import anything but the contract.
 */
import type { ExplainRequest } from "./explaining.ts";
import type { Verdict } from "./detail.ts";
import type { Location } from "./location.ts";

/** For whom: a recorded request, or one in words. */
export type MintTarget = { readonly id: number } | ExplainRequest;

export interface MintWish {
  readonly target: MintTarget;
  /** What a person said, by claim ("realm_access.roles" steps inwards): JSON, or else text. */
  readonly given: Readonly<Record<string, string>>;
  /** Path of the private key, from the policy's folder; absent = dev-key.json beside the key set. */
  readonly key?: string;
}

/** A claim that no rule gives a value to. */
export interface MintQuestion {
  readonly claim: string;
  /** Which rules want it. */
  readonly prompt: string;
  /** Proposed; "" = none. */
  readonly value: string;
}

/** Why nothing can be signed. */
export interface KeyLack {
  readonly kind: "noKey";
  /** In sentences: what there is, and what would be needed. */
  readonly message: string;
  /** "keySet": a file of public keys that another could be added to. "foreign": keys that are not this workspace's. */
  readonly source: "keySet" | "foreign";
  /** The key set's path as written, for "keySet". */
  readonly keySet?: string;
  /** Of the policy that verifies the token. */
  readonly location?: Location;
}

export type MintResult =
  | {
      readonly kind: "minted";
      readonly token: string;
      /** The field that carries it, and its whole value: "Authorization", "Bearer eyJ…". */
      readonly field: string;
      readonly value: string;
      readonly claims: Readonly<Record<string, unknown>>;
      /** Epoch milliseconds. */
      readonly expires: number;
      /** Path of the key that signed it. */
      readonly key: string;
      /** Names of the policies that it was seen to pass; those behind them were not asked. */
      readonly policies: readonly string[];
    }
  | { readonly kind: "asks"; readonly questions: readonly MintQuestion[] }
  | KeyLack
  | { readonly kind: "refused"; readonly message: string };

/** Kinds of policies that ask a token. */
const TOKEN_KINDS: ReadonlySet<string> = new Set(["jwt", "anyOf", "authorization", "requireScopes", "requireGroups"]);

/** Whether another token may help a request. */
export function mayMint({ refused, status, type = "" }: Pick<Verdict, "refused" | "status" | "type">): boolean {
  return refused && (status === 401 || status === 403) && TOKEN_KINDS.has(type.split(":")[2] ?? "");
}
