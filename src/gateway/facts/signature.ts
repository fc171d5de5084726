/**
 * Whether a key has signed a token (RFC 7518 section 3, RFC 8037), by node:crypto on the spot: a round trip through the
 * thread pool takes several times as long as the verification itself.
 * Must not let a key serve an algorithm that is not of its own kind, and must not accept a signature in another form.
 */
import { constants, createHmac, KeyObject, timingSafeEqual, verify } from "node:crypto";
import type { CompactToken } from "./compact-token.ts";
import { algorithmsOf } from "./key-source.ts";

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants;

/** RFC 7518 section 3.4: both numbers of an ECDSA signature in their full length. */
const ECDSA_BYTES: Readonly<Record<string, number>> = { ES256: 64, ES384: 96, ES512: 132 };

const LEAST_RSA_BITS = 2048;

/** Never throws. */
export function isGood({ text, algorithm, signature }: CompactToken, key: KeyObject | Uint8Array): boolean {
  const end = text.lastIndexOf(".");
  const input = Buffer.from(text.slice(0, end), "latin1");
  try {
    if (algorithm.startsWith("HS")) return isMac(algorithm, key, input, signature);
    return key instanceof KeyObject && isSigned(algorithm, key, input, signature);
  } catch {
    return false;
  }
}

function isMac(algorithm: string, key: KeyObject | Uint8Array, input: Buffer, signature: Uint8Array): boolean {
  if (key instanceof KeyObject || key.length === 0) return false;
  const mac = createHmac(`sha${algorithm.slice(2)}`, key)
    .update(input)
    .digest();
  return mac.length === signature.length && timingSafeEqual(mac, signature);
}

function isSigned(algorithm: string, key: KeyObject, input: Buffer, signature: Uint8Array): boolean {
  if (key.type !== "public" || !algorithmsOf(key).includes(algorithm)) return false;
  if (algorithm === "EdDSA" || algorithm === "Ed25519") return verify(null, input, key, signature);
  const digest = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith("ES")) {
    return (
      signature.length === ECDSA_BYTES[algorithm] &&
      verify(digest, input, { key, dsaEncoding: "ieee-p1363" }, signature)
    );
  }
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < LEAST_RSA_BITS) return false;
  const padding = algorithm.startsWith("PS") ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
  return verify(digest, input, { key, padding, saltLength: RSA_PSS_SALTLEN_DIGEST }, signature);
}
