/**
 * A token as it stands in a request: found, taken apart and read strictly, before any key is looked at.
 * Refuses what jose lets pass (padded or non-canonical base64url, white space, members named twice) and whatever would
 * let the token choose its own key or rules. Must not say anything about the signature.
 */
import { parseStrictObject } from "./strict-json.ts";

/** Longest token, in characters; a head is no longer anyway. */
export const LONGEST_TOKEN = 16_384;

export interface CompactToken {
  readonly text: string;
  readonly algorithm: string;
  readonly keyId: string | undefined;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

export interface TokenProblem {
  readonly problem: string;
}

/**
 * The token in a header's value. In Authorization: RFC 6750 section 2.1, the scheme in any case, one blank or more, one
 * token. In any other header the value is the token.
 * @returns undefined when there is none (another scheme counts as none: those credentials are not for us).
 */
export function findToken(header: string, value: string | undefined): string | TokenProblem | undefined {
  if (value === undefined || value === "") return undefined;
  if (header !== "authorization") return value;
  // Nearly every request: no expression needs to run over a long token.
  if (value.startsWith("Bearer ") && value.length > 7 && value[7] !== " " && !value.includes(", "))
    return value.slice(7);
  const found = /^(\S+)(?: +(.*))?$/s.exec(value);
  if (found === null || found[1].toLowerCase() !== "bearer") {
    return /^bearer\b/i.test(value) ? { problem: "after `Bearer` one blank and the token must follow" } : undefined;
  }
  const token = found[2] ?? "";
  if (token === "") return { problem: "the word Bearer stands there without a token" };
  if (token.includes(", ")) return { problem: "the Authorization header is there more than once" };
  return token;
}

/** Three parts, base64url without padding (RFC 7515 section 7.1), a header that is an object and asks for nothing odd. */
export function readToken(text: string): CompactToken | TokenProblem {
  if (text.length > LONGEST_TOKEN) return { problem: `the token is longer than ${LONGEST_TOKEN} characters` };
  const parts = text.split(".");
  if (parts.length === 5) return { problem: "the token is encrypted (JWE); only signed tokens are read" };
  if (parts.length !== 3) {
    return { problem: `a token has three parts separated by dots; this one has ${parts.length}` };
  }
  const header = readHeader(parts[0]);
  if ("problem" in header) return header;
  const payload = decodePart(parts[1], "payload");
  if ("problem" in payload) return payload;
  const signature = decodePart(parts[2], "signature");
  if ("problem" in signature) return signature;
  if (signature.length === 0) return { problem: "the token has no signature" };
  return { text, algorithm: header.algorithm, keyId: header.keyId, payload, signature };
}

interface Header {
  readonly algorithm: string;
  readonly keyId: string | undefined;
}

/** Headers that were read already: an issuer writes the same one into all its tokens. */
const headers = new Map<string, Header>();
const MOST_HEADERS = 64;
const LONGEST_KEPT = 512;

function readHeader(part: string): Header | TokenProblem {
  const known = headers.get(part);
  if (known !== undefined) return known;
  const bytes = decodePart(part, "header");
  if ("problem" in bytes) return bytes;
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = parseStrictObject(bytes);
  } catch (problem) {
    return { problem: `the token's header ${(problem as Error).message}` };
  }
  const odd = headerProblem(fields);
  if (odd !== undefined) return { problem: odd };
  const header: Header = { algorithm: fields.alg as string, keyId: fields.kid as string | undefined };
  if (part.length <= LONGEST_KEPT) {
    if (headers.size >= MOST_HEADERS) headers.clear();
    // A copy: a slice of a request's head would keep the whole head alive.
    headers.set(Buffer.from(part, "latin1").toString("latin1"), header);
  }
  return header;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function decodePart(part: string, name: string): Uint8Array | TokenProblem {
  if (!/^[A-Za-z0-9_-]*$/.test(part)) {
    const odd = /[^A-Za-z0-9_-]/.exec(part)?.[0] ?? "";
    const why = odd === "=" ? "base64url in a token has no padding" : "it is no base64url";
    return { problem: `the token's ${name} holds ${JSON.stringify(odd)}: ${why}` };
  }
  // Spare bits that are not zero would let one token be written in several ways (RFC 4648 section 3.5).
  const rest = part.length % 4;
  const last = rest === 0 ? 0 : ALPHABET.indexOf(part[part.length - 1]);
  if (rest === 1 || (last & (rest === 2 ? 15 : rest === 3 ? 3 : 0)) !== 0) {
    return { problem: `the token's ${name} is no canonical base64url` };
  }
  return Buffer.from(part, "base64url");
}

/** jku, jwk, x5u and x5c are ignored: keys come from the policy file alone. */
function headerProblem(fields: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof fields.alg !== "string") return "the token's header names no algorithm (`alg`)";
  if (fields.alg.toLowerCase() === "none") return "the token is not signed: its `alg` is none";
  if (fields.crit !== undefined) return "the token's header demands extensions (`crit`); none is supported";
  if (fields.b64 !== undefined) return "the token's header asks for an unencoded payload (`b64`)";
  if (fields.kid !== undefined && typeof fields.kid !== "string") return "the token's `kid` is no string";
  return undefined;
}
