/**
 * Where keys come from: a shared secret, a PEM text or file, a key set in a file or behind a URL.
 * Which algorithms a key may serve follows from its type, so a public key can never be taken for a shared secret.
 * Must not let a token say where its key is, and must not ask a key server more often than it allows itself.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { CompactVerifyGetKey, createLocalJWKSet, JSONWebKeySet } from "jose";
import type { TokenSource } from "../../model/arrival.ts";
import { demandSafe, failureOf, readBounded } from "./ask.ts";
import { parseStrictObject } from "./strict-json.ts";

export interface Keys {
  readonly key: Uint8Array | KeyObject | CompactVerifyGetKey;
  /** Algorithms that this kind of key can serve at all. */
  readonly algorithms: readonly string[];
  /** The same for as long as the keys are; a verdict holds no longer than that. */
  readonly version: number;
}

/** The keys could not be had; the message is for people. */
export class KeysProblem extends Error {}

export interface KeySource {
  /** At once when the keys are known and fresh. Throws or rejects with KeysProblem. */
  keys(): Keys | Promise<Keys>;
  /** What there is to say of keys that serve although something is wrong with where they come from. */
  remark?(): string | undefined;
  /** A key is missing: look again. @returns false when that is not possible now, or changed nothing. */
  refresh?(): Promise<boolean>;
  close?(): void;
}

export const SHARED_ALGORITHMS = ["HS256", "HS384", "HS512"];
const RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const PUBLIC_ALGORITHMS = [...RSA, "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

type MakeKeySet = typeof createLocalJWKSet;

export interface KeySourceOptions {
  readonly baseDirectory: string;
  /** Monotonic milliseconds. */
  now(): number;
  /** jose is loaded when the first key set is needed. */
  makeKeySet(): Promise<MakeKeySet>;
}

export function keySourceOf(source: TokenSource, options: KeySourceOptions): KeySource {
  if (source.secret !== undefined) return secretSource(source.secret);
  if (source.publicKey !== undefined) return publicKeySource(source.publicKey, options);
  if (source.issuer !== undefined) return new KeySetUrl({ issuer: source.issuer }, options);
  const place = source.jwks ?? "";
  return /^https?:\/\//i.test(place) ? new KeySetUrl({ url: place }, options) : new KeySetFile(place, options);
}

function secretSource(secret: string): KeySource {
  const key = new TextEncoder().encode(secret);
  const keys: Keys = { key, algorithms: SHARED_ALGORITHMS, version: 0 };
  return {
    keys() {
      if (key.length === 0) throw new KeysProblem("the shared secret is empty or could not be resolved");
      return keys;
    },
  };
}

function publicKeySource(written: string, options: KeySourceOptions): KeySource {
  if (!written.includes("-----BEGIN")) {
    return new FileKeys(written, options, (text, version) => Promise.resolve(readPublicKey(text, written, version)));
  }
  let keys: Keys | undefined;
  return { keys: () => (keys ??= readPublicKey(written, "publicKey", 0)) };
}

function readPublicKey(pem: string, place: string, version: number): Keys {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw new KeysProblem(`${place} holds a private key; only the public key belongs here`);
  }
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw new KeysProblem(`${place} holds no public key or certificate in PEM`);
  }
  const algorithms = algorithmsOf(key);
  if (algorithms.length === 0) {
    throw new KeysProblem(`${place} holds a key of type ${key.asymmetricKeyType}, which no token algorithm uses`);
  }
  if (key.asymmetricKeyType?.startsWith("rsa") && (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) {
    throw new KeysProblem(`${place} holds an RSA key of fewer than 2048 bits, which is too weak (RFC 7518)`);
  }
  return { key, algorithms, version };
}

/** What a public key can serve at all, by its type and curve. */
export function algorithmsOf(key: KeyObject): readonly string[] {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return RSA;
    case "rsa-pss":
      return RSA.slice(3);
    case "ed25519":
      return ["EdDSA", "Ed25519"];
    case "ec": {
      const curve = key.asymmetricKeyDetails?.namedCurve ?? "";
      const algorithm = { prime256v1: "ES256", secp384r1: "ES384", secp521r1: "ES512" }[curve];
      return algorithm === undefined ? [] : [algorithm];
    }
    default:
      return [];
  }
}

async function keySetOf(text: string, place: string, version: number, options: KeySourceOptions): Promise<Keys> {
  let set: JSONWebKeySet;
  try {
    set = JSON.parse(text) as JSONWebKeySet;
  } catch {
    throw new KeysProblem(`${place} is not valid JSON`);
  }
  const make = await options.makeKeySet();
  try {
    return { key: make(set), algorithms: PUBLIC_ALGORITHMS, version };
  } catch {
    throw new KeysProblem(`${place} is no key set: it must be an object with a list \`keys\` (RFC 7517)`);
  }
}

/** How long a file is taken to be unchanged without looking, in milliseconds. */
export const FILE_TRUSTED_FOR = 500;

/** Keys out of a file; read again when its size or time of change differs. */
class FileKeys implements KeySource {
  readonly #written: string;
  readonly #path: string;
  readonly #options: KeySourceOptions;
  readonly #read: (text: string, version: number) => Promise<Keys>;
  #stamp = "";
  #lookedAt = -Infinity;
  #version = 0;
  #keys: Keys | undefined;
  #looking: Promise<Keys> | undefined;

  constructor(written: string, options: KeySourceOptions, read: (text: string, version: number) => Promise<Keys>) {
    this.#written = written;
    this.#path = resolve(options.baseDirectory, written);
    this.#options = options;
    this.#read = read;
  }

  keys(): Keys | Promise<Keys> {
    if (this.#keys !== undefined && this.#options.now() - this.#lookedAt < FILE_TRUSTED_FOR) return this.#keys;
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<Keys> {
    try {
      const looks = await stat(this.#path);
      if (!looks.isFile()) throw new KeysProblem(`the key file ${this.#written} is no file that could be read`);
      const { mtimeMs, size, ino } = looks;
      const stamp = `${mtimeMs} ${size} ${ino}`;
      if (this.#keys === undefined || stamp !== this.#stamp) {
        this.#keys = undefined;
        this.#keys = await this.#read(await readFile(this.#path, "utf8"), ++this.#version);
        this.#stamp = stamp;
      }
      this.#lookedAt = this.#options.now();
      return this.#keys;
    } catch (problem) {
      this.#keys = undefined;
      if (problem instanceof KeysProblem) throw problem;
      const code = (problem as NodeJS.ErrnoException).code ?? String(problem);
      throw new KeysProblem(`the key file ${this.#written} cannot be read (${code})`);
    }
  }
}

class KeySetFile extends FileKeys {
  constructor(written: string, options: KeySourceOptions) {
    super(written, options, (text, version) => keySetOf(text, `the key file ${written}`, version, options));
  }
}

/** Milliseconds: asked again in the background, and before anything else, when the set is that old. */
const URL_FRESH_FOR = 600_000;
const URL_USED_FOR = 3_600_000;
/** Milliseconds between two requests to one key server, after one that succeeded and one that failed. */
const URL_PAUSE = 30_000;
const URL_PAUSE_AFTER_FAILURE = 5000;
const URL_TIMEOUT = 5000;
const LARGEST_KEY_SET = 1_048_576;

/** Where the set is: at a known address, or where an issuer's discovery document says. */
type KeySetPlace = { readonly url: string } | { readonly issuer: string };

/** A key set behind a URL: cached, asked again when it is old or lacks a key. While the server is down the old set serves. */
class KeySetUrl implements KeySource {
  readonly #place: KeySetPlace;
  /** As people know it. */
  readonly #name: string;
  readonly #options: KeySourceOptions;
  readonly #closing = new AbortController();
  #keys: Keys | undefined;
  #text = "";
  #version = 0;
  #fetchedAt = -Infinity;
  #askedAt = -Infinity;
  #problem: KeysProblem | undefined;
  #asking: Promise<Keys> | undefined;

  constructor(place: KeySetPlace, options: KeySourceOptions) {
    this.#place = place;
    this.#name = "url" in place ? place.url : place.issuer;
    this.#options = options;
  }

  remark(): string | undefined {
    if (this.#problem === undefined || this.#keys === undefined) return undefined;
    return `the last good keys serve, since there are ${this.#problem.message}`;
  }

  keys(): Keys | Promise<Keys> {
    const age = this.#options.now() - this.#fetchedAt;
    if (this.#keys !== undefined && age < URL_FRESH_FOR) return this.#keys;
    if (!this.#mayAsk()) {
      if (this.#keys !== undefined) return this.#keys;
      throw this.#problem ?? new KeysProblem(`no keys from ${this.#name} yet`);
    }
    const asking = this.#ask();
    if (this.#keys === undefined || age >= URL_USED_FOR)
      return asking.catch((problem: unknown) => this.#orOld(problem));
    asking.catch(() => undefined);
    return this.#keys;
  }

  async refresh(): Promise<boolean> {
    if (!this.#mayAsk()) return false;
    const before = this.#version;
    await this.#ask();
    return this.#version !== before;
  }

  close(): void {
    this.#closing.abort();
  }

  #orOld(problem: unknown): Keys {
    if (this.#keys !== undefined) return this.#keys;
    throw problem;
  }

  /** True as well while an answer is on its way: joining it costs the server nothing. */
  #mayAsk(): boolean {
    if (this.#asking !== undefined) return true;
    const pause = this.#problem === undefined ? URL_PAUSE : URL_PAUSE_AFTER_FAILURE;
    return this.#options.now() - this.#askedAt >= pause;
  }

  #ask(): Promise<Keys> {
    this.#asking ??= this.#fetch().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #fetch(): Promise<Keys> {
    this.#askedAt = this.#options.now();
    try {
      const url = "url" in this.#place ? this.#place.url : await this.#discover(this.#place.issuer);
      const text = await fetchText(url, this.#closing.signal);
      if (this.#keys === undefined || text !== this.#text) {
        this.#keys = await keySetOf(text, `what ${url} sent`, this.#version + 1, this.#options);
        this.#version++;
        this.#text = text;
      }
      this.#fetchedAt = this.#options.now();
      this.#problem = undefined;
      return this.#keys;
    } catch (problem) {
      this.#problem =
        problem instanceof KeysProblem
          ? problem
          : new KeysProblem(`no keys from ${this.#name}: ${failureOf(problem, URL_TIMEOUT)}`);
      throw this.#problem;
    }
  }

  /** Asked for each time: it is rare, and where the keys are may change. @returns the address of the key set. */
  async #discover(issuer: string): Promise<string> {
    const place = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    return keySetAddress(await fetchText(place, this.#closing.signal), issuer, place);
  }
}

/** OpenID Connect Discovery 1.0, section 4.3: a document of another issuer must not be used. */
function keySetAddress(text: string, issuer: string, place: string): string {
  let document: { readonly issuer?: unknown; readonly jwks_uri?: unknown };
  try {
    document = parseStrictObject(Buffer.from(text, "utf8"));
  } catch (problem) {
    throw new KeysProblem(`no keys from ${issuer}: what ${place} sent ${(problem as Error).message}`);
  }
  if (document.issuer !== issuer) {
    const said = JSON.stringify(document.issuer) ?? "nobody";
    throw new KeysProblem(`no keys from ${issuer}: ${place} speaks for ${said.slice(0, 200)}`);
  }
  if (typeof document.jwks_uri !== "string" || !URL.canParse(document.jwks_uri)) {
    throw new KeysProblem(`no keys from ${issuer}: ${place} names no \`jwks_uri\``);
  }
  return document.jwks_uri;
}

async function fetchText(url: string, closing: AbortSignal): Promise<string> {
  try {
    demandSafe(url);
  } catch (problem) {
    throw new KeysProblem(`no keys from ${url}: keys over http could be anyone's, so ${(problem as Error).message}`);
  }
  // A redirect could lead to a place that the file does not name.
  const signal = AbortSignal.any([closing, AbortSignal.timeout(URL_TIMEOUT)]);
  const response = await fetch(url, { redirect: "error", signal, headers: { accept: "application/json" } });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new KeysProblem(`no keys from ${url}: it answered ${response.status}`);
  }
  return (await readBounded(response, LARGEST_KEY_SET)).toString("utf8");
}
