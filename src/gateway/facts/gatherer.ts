/**
 * Looks up what a route's steps need before they decide: verdicts on tokens and passwords, answers of other servers.
 * Answers at once, without a promise, when everything is known already. Must not judge times, issuers or audiences:
 * that is the core's, by the clock recorded with the request.
 */
import type { FactRequest, Facts, Passage } from "../../model/arrival.ts";
import { PasswordVerifier } from "./password-verifier.ts";
import { TokenVerifier, type TokenVerifierOptions } from "./token-verifier.ts";

export type FactGathererOptions = TokenVerifierOptions;

const NOTHING: Facts = Object.freeze({});

export class FactGatherer {
  readonly #tokens: TokenVerifier;
  readonly #passwords = new PasswordVerifier();

  constructor(options: FactGathererOptions) {
    this.#tokens = new TokenVerifier(options);
  }

  /** Never rejects: what cannot be looked up is a fact that says so. */
  gather(needs: readonly FactRequest[], x: Passage): Facts | Promise<Facts> {
    if (needs.length === 0) return NOTHING;
    const facts: Record<string, unknown> = {};
    let waiting: Promise<void>[] | undefined;
    for (const need of needs) {
      const fact = this.#lookUp(need, x);
      if (fact instanceof Promise) (waiting ??= []).push(fact.then((known) => void (facts[need.name] = known)));
      else facts[need.name] = fact;
    }
    return waiting === undefined ? facts : Promise.all(waiting).then(() => facts);
  }

  #lookUp(need: FactRequest, x: Passage): unknown {
    switch (need.kind) {
      case "token":
        return this.#tokens.verdict(need.source, x.arrival.header(need.source.header));
      case "password":
        return this.#passwords.verdict(need.source, x.arrival.header(need.source.header));
    }
  }

  /** Stops watching key files and abandons requests for keys. */
  close(): void {
    this.#tokens.close();
  }
}
