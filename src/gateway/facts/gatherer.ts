/**
 * Looks up what a route's steps need before they decide: verdicts on tokens and passwords, answers of other servers.
 * Answers at once, without a promise, when everything is known already. Must not judge times, issuers or audiences:
 * that is the core's, by the clock recorded with the request.
 */
import type { FactRequest, Facts, Passage } from "../../model/arrival.ts";
import type { CacheFact, CacheSource } from "../../model/cache.ts";
import { NO_BODY } from "./collected.ts";
import type { Collected } from "./collected.ts";
import { BodyReader } from "./body-reader.ts";
import { CertificateVerifier } from "./certificate-verifier.ts";
import { ExternalAuthority } from "./external-authority.ts";
import { Introspector } from "./introspector.ts";
import { Transcoder } from "../transcode/transcoder.ts";
import { PasswordVerifier } from "./password-verifier.ts";
import { TokenVerifier, type TokenVerifierOptions } from "./token-verifier.ts";

export type FactGathererOptions = TokenVerifierOptions;

/** The request's body for one who takes `most` bytes of it. */
export type BodyFor = (most: number) => Collected;

const noBody: BodyFor = () => NO_BODY;

const NOTHING: Facts = Object.freeze({});

/** What the caches hold for a request. */
export type CacheLookUp = (source: CacheSource, x: Passage) => CacheFact | Promise<CacheFact>;

export class FactGatherer {
  /** Put in by the engine, which has the caches. */
  cacheLookUp: CacheLookUp = () => ({ state: "none", variants: 0 });
  readonly #tokens: TokenVerifier;
  readonly #passwords = new PasswordVerifier();
  /** JSON over HTTP to gRPC. */
  readonly calls: Transcoder;
  /** Judges what is too large to be judged here in another thread. */
  readonly bodies = new BodyReader();
  readonly #introspector: Introspector;
  readonly #authority = new ExternalAuthority();
  readonly #certificates: CertificateVerifier;
  /** The latest answer to a single need: callers come in rows, and the same verdict makes the same facts. */
  #lastName = "";
  #lastFact: unknown;
  #lastFacts = NOTHING;

  constructor(options: FactGathererOptions) {
    const now = options.now ?? (() => performance.now());
    this.#tokens = new TokenVerifier(options);
    this.calls = new Transcoder(options);
    this.#introspector = new Introspector(now);
    this.#certificates = new CertificateVerifier({ baseDirectory: options.baseDirectory, now });
  }

  /** Never rejects: what cannot be looked up is a fact that says so. @param body of the request, when needs ask for it. */
  gather(needs: readonly FactRequest[], x: Passage, body: BodyFor = noBody): Facts | Promise<Facts> {
    if (needs.length === 0) return NOTHING;
    if (needs.length === 1) return this.#gatherOne(needs[0], x, body);
    const facts: Record<string, unknown> = {};
    let waiting: Promise<void>[] | undefined;
    for (const need of needs) {
      if (need.when !== undefined && !need.when(x)) continue;
      const fact = this.#lookUp(need, x, body);
      if (fact instanceof Promise) (waiting ??= []).push(fact.then((known) => void (facts[need.name] = known)));
      else facts[need.name] = fact;
    }
    return waiting === undefined ? facts : Promise.all(waiting).then(() => facts);
  }

  #gatherOne(need: FactRequest, x: Passage, body: BodyFor): Facts | Promise<Facts> {
    if (need.when !== undefined && !need.when(x)) return NOTHING;
    const { name } = need;
    const fact = this.#lookUp(need, x, body);
    if (fact instanceof Promise) return fact.then((known) => ({ [name]: known }));
    if (fact !== this.#lastFact || name !== this.#lastName) {
      this.#lastName = name;
      this.#lastFact = fact;
      this.#lastFacts = { [name]: fact };
    }
    return this.#lastFacts;
  }

  #lookUp(need: FactRequest, x: Passage, body: BodyFor): unknown {
    switch (need.kind) {
      case "token":
        return this.#tokens.verdict(need.source, x.arrival.header(need.source.header));
      case "cache":
        return this.cacheLookUp(need.source, x);
      case "password":
        return this.#passwords.verdict(need.source, x.arrival.header(need.source.header));
      case "introspection":
        return this.#introspector.verdict(need.source, x.arrival.header(need.source.header), x.wallClock);
      case "authority":
        return this.#authority.verdict(need.source, x.arrival);
      case "certificate":
        return this.#certificates.verdict(need.source, x.arrival.clientCertificate);
      case "body":
        return this.bodies.fact(need, x, body(need.source.most));
      case "call":
        return this.calls.fact(need.source, x, body(need.source.most));
    }
  }

  /** Stops watching key files and abandons what other servers were asked. */
  close(): void {
    this.#tokens.close();
    this.#introspector.close();
    this.#authority.close();
    this.bodies.close();
  }
}
