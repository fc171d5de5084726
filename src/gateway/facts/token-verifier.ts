/**
 * Verdicts on the signature of a token, cached by a digest of the token for as long as the keys stay the same.
 * A known token is answered at once; verifying one costs some 50 to 100 microseconds. Must not judge times or claims.
 * Verdicts are kept by digest alone; of the tokens themselves only the last few stand here, as the recording has them too.
 */
import { hash, KeyObject, type webcrypto } from "node:crypto";
import type { TokenFact, TokenSource } from "../../model/arrival.ts";
import { findToken, readToken, type CompactToken } from "./compact-token.ts";
import { isGood } from "./signature.ts";
import { KeysProblem, keySourceOf, type Keys, type KeySource } from "./key-source.ts";
import { parseStrictObject } from "./strict-json.ts";
import { VerdictCache } from "./verdict-cache.ts";

export interface TokenVerifierOptions {
  /** Folder against which the paths of key files are read: that of the policy file. */
  readonly baseDirectory: string;
  /** Monotonic milliseconds; default `performance.now`. */
  now?(): number;
}

type Jose = typeof import("jose");

let jose: Promise<Jose> | undefined;

/** Loaded when the first token comes: a gateway without tokens never pays for it. */
const loadJose = (): Promise<Jose> => (jose ??= import("jose"));

/** Sources that are no longer in any plan go when that many stand there. */
const MOST_SOURCES = 64;

/** Tokens whose digest is known without hashing them again, and the longest that is kept for it. */
const MOST_DIGESTS = 64;
const LONGEST_KEPT = 4096;

interface Verifier {
  readonly source: TokenSource;
  readonly keys: KeySource;
  readonly verdicts: VerdictCache;
  /** Tokens being verified at this moment, so that one that comes twice is verified once. */
  readonly pending: Map<string, Promise<TokenFact>>;
  /** Version of the keys that `verdicts` belong to. */
  version: number;
}

const ABSENT: TokenFact = Object.freeze({ state: "absent" });

interface LastValue {
  readonly header: string;
  readonly value: string | undefined;
  readonly token: ReturnType<typeof findToken>;
}

export class TokenVerifier {
  readonly #baseDirectory: string;
  readonly #now: () => number;
  readonly #verifiers = new Map<string, Verifier>();
  readonly #digests = new Map<string, string>();
  /** The plan hands the same source object with every request: found without building a name. */
  #bySource = new WeakMap<TokenSource, Verifier>();
  /** What stood in the header of the last request, and the token in it. */
  #last: LastValue = { header: "", value: undefined, token: undefined };

  constructor(options: TokenVerifierOptions) {
    this.#baseDirectory = options.baseDirectory;
    this.#now = options.now ?? (() => performance.now());
  }

  /** @param value of the header that the source names. Never throws, never rejects. */
  verdict(source: TokenSource, value: string | undefined): TokenFact | Promise<TokenFact> {
    const token = this.#tokenOf(source.header, value);
    if (token === undefined) return ABSENT;
    if (typeof token !== "string") return { state: "malformed", problem: token.problem };
    const verifier = this.#verifierOf(source);
    try {
      const keys = verifier.keys.keys();
      if (!(keys instanceof Promise)) return this.#verdictBy(verifier, keys, token);
      return keys.then((known) => this.#verdictBy(verifier, known, token)).catch(unavailable);
    } catch (problem) {
      return unavailable(problem);
    }
  }

  /** A caller sends the same with every request: the same string is found again, and what is looked up by it need not be hashed. */
  #tokenOf(header: string, value: string | undefined): ReturnType<typeof findToken> {
    const last = this.#last;
    if (value === last.value && header === last.header) return last.token;
    const token = findToken(header, value);
    if (value !== undefined && value.length <= LONGEST_KEPT) this.#last = { header, value, token };
    return token;
  }

  close(): void {
    for (const { keys } of this.#verifiers.values()) keys.close?.();
    this.#verifiers.clear();
    this.#digests.clear();
    this.#bySource = new WeakMap();
    this.#last = { header: "", value: undefined, token: undefined };
  }

  #verdictBy(verifier: Verifier, keys: Keys, token: string): TokenFact | Promise<TokenFact> {
    if (keys.version !== verifier.version) {
      verifier.verdicts.clear();
      verifier.pending.clear();
      verifier.version = keys.version;
    }
    const digest = this.#digestOf(token);
    const known = verifier.verdicts.get(digest) ?? verifier.pending.get(digest);
    if (known !== undefined) return verifier.keys.remark === undefined ? known : remarked(known, verifier.keys);
    const read = readToken(token);
    if ("problem" in read) return { state: "malformed", problem: read.problem };
    if (typeof keys.key !== "function") return this.#verifyNow(verifier, keys, read, digest);
    const verifying = this.#verify(verifier, keys, read, digest).finally(() => {
      if (verifier.pending.get(digest) === verifying) verifier.pending.delete(digest);
    });
    verifier.pending.set(digest, verifying);
    return verifier.keys.remark === undefined ? verifying : remarked(verifying, verifier.keys);
  }

  /** One key, at hand: nothing is to be waited for. */
  #verifyNow(verifier: Verifier, keys: Keys, token: CompactToken, digest: string): TokenFact {
    const { key } = keys;
    const odd = algorithmProblem(token, keys, verifier.source.algorithms);
    const good = odd === undefined && typeof key !== "function" && isGood(token, key);
    const fact = good ? claimsFact(token) : ({ state: "badSignature", ...(odd ?? BAD) } as const);
    verifier.verdicts.set(digest, fact, token.text.length);
    return fact;
  }

  /** A client sends the same token again and again: the last few need no hash. */
  #digestOf(token: string): string {
    const known = this.#digests.get(token);
    if (known !== undefined) return known;
    const digest = hash("sha256", token, "base64");
    if (token.length > LONGEST_KEPT) return digest;
    if (this.#digests.size >= MOST_DIGESTS) this.#digests.clear();
    // A slice of a request head would keep the whole head alive: keep a copy of its own.
    this.#digests.set(Buffer.from(token, "latin1").toString("latin1"), digest);
    return digest;
  }

  async #verify(verifier: Verifier, keys: Keys, token: CompactToken, digest: string): Promise<TokenFact> {
    try {
      let signature = await checkSignature(token, keys, verifier.source.algorithms);
      if (signature === "noKey" && verifier.keys.refresh && (await verifier.keys.refresh())) {
        const fresh = await verifier.keys.keys();
        signature = await checkSignature(token, fresh, verifier.source.algorithms);
      }
      if (signature === "noKey") return { state: "badSignature", problem: noKeyText(token) };
      const fact =
        signature === "good" ? claimsFact(token) : ({ state: "badSignature", problem: signature.problem } as const);
      if (verifier.version === keys.version) verifier.verdicts.set(digest, fact, token.text.length);
      return fact;
    } catch (problem) {
      return unavailable(problem);
    }
  }

  #verifierOf(source: TokenSource): Verifier {
    const known = this.#bySource.get(source);
    if (known !== undefined) return known;
    const name = JSON.stringify([source.jwks, source.secret, source.publicKey, source.issuer, source.algorithms]);
    let verifier = this.#verifiers.get(name);
    if (verifier === undefined) {
      this.#forgetOldest();
      const makeKeySet = async () => (await loadJose()).createLocalJWKSet;
      const keys = keySourceOf(source, { baseDirectory: this.#baseDirectory, now: this.#now, makeKeySet });
      verifier = { source, keys, verdicts: new VerdictCache(), pending: new Map(), version: -1 };
      this.#verifiers.set(name, verifier);
    }
    this.#bySource.set(source, verifier);
    return verifier;
  }

  #forgetOldest(): void {
    if (this.#verifiers.size < MOST_SOURCES) return;
    for (const [name, { keys }] of this.#verifiers) {
      keys.close?.();
      this.#verifiers.delete(name);
      break;
    }
  }
}

function unavailable(problem: unknown): TokenFact {
  const words = problem instanceof KeysProblem ? problem.message : `the token could not be checked: ${String(problem)}`;
  return { state: "keysUnavailable", problem: words };
}

/** Facts that carry a remark, by the plain one: the same object for as long as the same is to be said. */
const remarks = new WeakMap<TokenFact, TokenFact>();

function remarked(fact: TokenFact | Promise<TokenFact>, keys: KeySource): TokenFact | Promise<TokenFact> {
  if (fact instanceof Promise) return fact.then((settled) => remarked(settled, keys));
  const remark = keys.remark?.();
  if (remark === undefined || fact.state !== "verified") return fact;
  const known = remarks.get(fact);
  if (known?.state === "verified" && known.remark === remark) return known;
  const made: TokenFact = { ...fact, remark };
  remarks.set(fact, made);
  return made;
}

function claimsFact(token: CompactToken): TokenFact {
  try {
    return { state: "verified", algorithm: token.algorithm, claims: parseStrictObject(token.payload) };
  } catch (problem) {
    return { state: "malformed", problem: `the token's payload ${(problem as Error).message}` };
  }
}

function noKeyText({ keyId, algorithm }: CompactToken): string {
  const which = keyId === undefined ? "" : ` with the key id ${JSON.stringify(keyId.slice(0, 60))}`;
  return `there is no key for ${algorithm}${which} in the key set`;
}

/**
 * Only the signature (RFC 7515 section 5.2). What may verify is the overlap of what the policy allows and what the kind
 * of key can do: the token's `alg` chooses among these and adds nothing.
 */
export async function checkSignature(
  token: CompactToken,
  keys: Keys,
  allowed: readonly string[],
): Promise<"good" | "noKey" | { readonly problem: string }> {
  const odd = algorithmProblem(token, keys, allowed);
  if (odd !== undefined) return odd;
  const { key } = keys;
  const good = (found: KeyObject | Uint8Array): "good" | typeof BAD => (isGood(token, found) ? "good" : BAD);
  if (typeof key !== "function") return good(key);
  const { errors } = await loadJose();
  try {
    // A key set looks at nothing of a token but its header.
    return good(own(await key({ alg: token.algorithm, kid: token.keyId }, NO_TOKEN)));
  } catch (problem) {
    if (problem instanceof errors.JWKSNoMatchingKey) return "noKey";
    if (problem instanceof errors.JWKSMultipleMatchingKeys) {
      for await (const one of problem) if (isGood(token, own(one))) return "good";
      return BAD;
    }
    return {
      problem: `the signature cannot be verified: ${problem instanceof Error ? problem.message : String(problem)}`,
    };
  }
}

function algorithmProblem(
  { algorithm }: CompactToken,
  keys: Keys,
  allowed: readonly string[],
): { readonly problem: string } | undefined {
  if (allowed.includes(algorithm) && keys.algorithms.includes(algorithm)) return undefined;
  const accepted = allowed.filter((one) => keys.algorithms.includes(one)).join(", ");
  const shown = JSON.stringify(algorithm.slice(0, 20));
  return { problem: `the token is signed with ${shown}; accepted here: ${accepted || "nothing that fits the key"}` };
}

const BAD = Object.freeze({ problem: "the signature does not fit: the token was changed, or signed with another key" });
const NO_TOKEN = { payload: "", signature: "" };

/** Keys of a set come as CryptoKeys; the same ones again and again. */
const owned = new WeakMap<object, KeyObject>();

function own(key: unknown): KeyObject | Uint8Array {
  if (key instanceof Uint8Array || key instanceof KeyObject) return key;
  let found = owned.get(key as webcrypto.CryptoKey);
  if (found === undefined) owned.set(key as webcrypto.CryptoKey, (found = KeyObject.from(key as webcrypto.CryptoKey)));
  return found;
}
