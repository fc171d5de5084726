/**
 * Signatures of Wycheproof (C2SP): nothing invalid is accepted, nothing valid refused.
 * Four entries are listed apart, and the test shows why: two are called valid although their MAC is wrong, and two are
 * called invalid although the very same string is the suite's first valid one (the padding they tell of is not there).
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createLocalJWKSet, type JWK } from "jose";
import { readToken } from "../src/gateway/facts/compact-token.ts";
import { SHARED_ALGORITHMS, type Keys } from "../src/gateway/facts/key-source.ts";
import { checkSignature } from "../src/gateway/facts/token-verifier.ts";

interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly jws: string;
  readonly result: "valid" | "invalid";
}
interface Group {
  readonly comment: string;
  readonly public?: JWK;
  readonly private?: JWK;
  readonly tests: readonly Case[];
}

const PUBLIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

function load(): readonly Group[] {
  const text = readFileSync(new URL("cases/wycheproof-jws.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { testGroups: Group[] }).testGroups;
}

function keysOf({ public: open, private: own, comment }: Group): Keys {
  if (open === undefined) {
    return { key: Buffer.from(own?.k ?? "", "base64url"), algorithms: SHARED_ALGORITHMS, version: 0 };
  }
  // The figures of RFC 7520 are signed by algorithms (PS384, ES512) other than the suite's copy of the keys names.
  const jwk = comment.startsWith("rfc7520") ? { ...open, alg: undefined } : open;
  return { key: createLocalJWKSet({ keys: [JSON.parse(JSON.stringify(jwk))] }), algorithms: PUBLIC, version: 0 };
}

async function accepted(jws: string, keys: Keys): Promise<boolean> {
  const token = readToken(jws);
  return !("problem" in token) && (await checkSignature(token, keys, [...SHARED_ALGORITHMS, ...PUBLIC])) === "good";
}

/** True when the MAC does not belong to what stands before it. */
function macIsWrong(jws: string, key: Buffer): boolean {
  const end = jws.lastIndexOf(".");
  return createHmac("sha256", key).update(jws.slice(0, end)).digest("base64url") !== jws.slice(end + 1);
}

describe("Wycheproof's JSON Web Signatures", () => {
  const groups = load();

  it("are all there", () => {
    assert.equal(
      groups.reduce((sum, group) => sum + group.tests.length, 0),
      401,
    );
  });

  it("are judged as the suite says, but for four entries in which the suite contradicts itself", async () => {
    const wronglyAccepted: string[] = [];
    const wronglyRefused: string[] = [];
    const suiteErrors: string[] = [];
    for (const group of groups) {
      const keys = keysOf(group);
      const valid = new Set(group.tests.filter((test) => test.result === "valid").map((test) => test.jws));
      for (const { tcId, comment, jws, result } of group.tests) {
        const good = await accepted(jws, keys);
        if (good && result === "invalid") {
          (valid.has(jws) ? suiteErrors : wronglyAccepted).push(`${tcId} ${group.comment} ${comment}`);
        }
        if (!good && result === "valid") {
          const broken = keys.key instanceof Buffer && macIsWrong(jws, keys.key);
          (broken ? suiteErrors : wronglyRefused).push(`${tcId} ${group.comment} ${comment}`);
        }
      }
    }
    assert.deepEqual({ wronglyAccepted, wronglyRefused }, { wronglyAccepted: [], wronglyRefused: [] });
    assert.deepEqual(
      suiteErrors.map((entry) => entry.replace(/^\d+ /, "")),
      [
        "base64 invalidBase64Padding",
        "base64 invalidBase64PaddingInPayload",
        "base64 InvalidCharacterInsertedInHeader",
        "base64 InvalidCharacterInsertedInPayload",
      ],
    );
  });
});
