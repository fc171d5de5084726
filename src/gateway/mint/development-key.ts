/**
 * The private key with which a developer may sign tokens of his own: a JWK in a file beside the policy, whose public half
 * the policy believes already. Must not make a key, must not use one that is not the policy's, and never for keys that
 * come from another server. Nothing of the key leaves this file but signatures.
 */
import { createPrivateKey, createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { KeyLack } from "../../contract/minting.ts";
import type { TokenSource } from "../../model/arrival.ts";
import { algorithmsOf, SHARED_ALGORITHMS } from "../facts/key-source.ts";

export interface DevelopmentKey {
  /** From the policy's folder. */
  readonly path: string;
  readonly algorithm: string;
  /** As the key set names it. */
  readonly keyId: string | undefined;
  /** @param claims with their times. @returns a compact token (RFC 7515). */
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>;
}

/** By convention, beside the key set, or else beside the policy. */
export const KEY_FILE = "dev-key.json";
const LARGEST = 65_536;

type Lack = Pick<KeyLack, "message" | "source" | "keySet">;

/** @param folder the policy's. @param named path of the key that a person configured. */
export function developmentKey(source: TokenSource, folder: string, named: string | undefined): DevelopmentKey | Lack {
  const place = source.jwks ?? source.issuer;
  if (place !== undefined && (source.issuer !== undefined || /^https?:\/\//i.test(place)))
    return foreign(
      `The keys come from ${place}: whoever runs it holds the private ones, so no token can be signed here.`,
    );
  const keySet = source.jwks;
  const path = named ?? (keySet === undefined ? KEY_FILE : join(dirname(keySet), KEY_FILE));
  const key = privateKey(folder, path);
  if (typeof key === "string") return lacking(key, path, source);
  const keyId = keySet === undefined ? idOf(key.jwk) : idInSet(folder, keySet, key.public);
  if (keyId === NOT_IN_IT || (keySet === undefined && !isTheOne(source, key, folder)))
    return lacking(`${path} is not the private half of ${wordsFor(source)}.`, path, source);
  const algorithm = algorithmFor(source, key);
  if (algorithm === undefined)
    return lacking(
      `${path} serves none of the algorithms that the policy takes: ${source.algorithms.join(", ")}.`,
      path,
      source,
    );
  const { secret } = key;
  return {
    path: relative(folder, resolve(folder, path)),
    algorithm,
    keyId,
    async sign(claims) {
      const { SignJWT } = await import("jose");
      const header = { alg: algorithm, typ: "JWT", ...(keyId === undefined ? {} : { kid: keyId }) };
      return await new SignJWT({ ...claims }).setProtectedHeader(header).sign(secret);
    },
  };
}

interface PrivateKey {
  readonly jwk: JsonWebKey;
  readonly secret: KeyObject;
  /** A shared secret has no other half. */
  readonly public: KeyObject | undefined;
}

/** @returns why there is none, in a sentence. */
function privateKey(folder: string, path: string): PrivateKey | string {
  let jwk: JsonWebKey;
  try {
    const whole = resolve(folder, path);
    if (statSync(whole).size > LARGEST) return `${path} is too large for a key.`;
    jwk = JSON.parse(readFileSync(whole, "utf8")) as JsonWebKey;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      return `There is no development key: ${path} does not exist.`;
    return `${path} cannot be read as a key in JSON (a private JWK, RFC 7517).`;
  }
  try {
    if (jwk.kty === "oct")
      return { jwk, secret: createSecretKey(Buffer.from(jwk.k ?? "", "base64url")), public: undefined };
    const secret = createPrivateKey({ key: jwk, format: "jwk" });
    return { jwk, secret, public: createPublicKey(secret) };
  } catch {
    // Node's words would tell of the key.
    return `${path} holds no private key (a JWK with kty and its private members, RFC 7518).`;
  }
}

function lacking(message: string, path: string, source: TokenSource): Lack {
  if (source.jwks === undefined) return foreign(`${message} ${hintFor(source, path)}`);
  return {
    source: "keySet",
    keySet: source.jwks,
    message: `${message} The private half of a key of ${source.jwks} belongs there, as a JWK; it is used for nothing else.`,
  };
}

function foreign(message: string): Lack {
  return { source: "foreign", message };
}

function hintFor({ secret }: TokenSource, path: string): string {
  if (secret === undefined) return `The private half of the policy's publicKey would belong into ${path}, as a JWK.`;
  return `To sign with the shared secret on this machine, write it into ${path}: {"kty":"oct","k":"<the secret in base64url>"}.`;
}

function wordsFor({ jwks, secret }: TokenSource): string {
  if (jwks !== undefined) return `any key of ${jwks}`;
  return secret === undefined ? "the policy's publicKey" : "what the policy verifies by (its shared secret)";
}

const NOT_IN_IT = Symbol("no key of the set");

/** The name that the set gives to this key. */
function idInSet(folder: string, keySet: string, own: KeyObject | undefined): string | undefined | typeof NOT_IN_IT {
  let keys: unknown;
  try {
    ({ keys } = JSON.parse(readFileSync(resolve(folder, keySet), "utf8")) as { keys?: unknown });
  } catch {
    return NOT_IN_IT;
  }
  for (const jwk of Array.isArray(keys) ? (keys as JsonWebKey[]) : []) if (isSame(jwk, own)) return idOf(jwk);
  return NOT_IN_IT;
}

function idOf(jwk: JsonWebKey): string | undefined {
  return typeof jwk["kid"] === "string" ? jwk["kid"] : undefined;
}

function isSame(jwk: JsonWebKey, own: KeyObject | undefined): boolean {
  try {
    return own?.equals(createPublicKey({ key: jwk, format: "jwk" })) === true;
  } catch {
    return false;
  }
}

function isTheOne({ secret, publicKey }: TokenSource, key: PrivateKey, folder: string): boolean {
  if (secret !== undefined) return key.public === undefined && key.secret.equals(createSecretKey(Buffer.from(secret)));
  try {
    const pem = publicKey?.includes("-----BEGIN") === true ? publicKey : readFileSync(resolve(folder, publicKey ?? ""));
    return key.public?.equals(createPublicKey(pem)) === true;
  } catch {
    return false;
  }
}

function algorithmFor({ algorithms }: TokenSource, { jwk, public: own }: PrivateKey): string | undefined {
  const fitting = own === undefined ? SHARED_ALGORITHMS : algorithmsOf(own);
  const allowed = fitting.filter((algorithm) => algorithms.includes(algorithm));
  const wanted = jwk["alg"];
  if (typeof wanted === "string") return allowed.find((algorithm) => algorithm === wanted);
  return allowed[0];
}
