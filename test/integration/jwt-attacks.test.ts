/**
 * Ways in which tokens have been forged elsewhere, each tried against every kind of key; and tokens of no sense at all.
 * Nothing here may verify, throw, or go without words.
 */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import * as fc from "fast-check";
import { anyText } from "../../src/policies/trial.fixture.ts";
import type { TokenFact, TokenSource } from "../../src/model/arrival.ts";
import { TokenVerifier } from "../../src/gateway/facts/token-verifier.ts";

const RSA_ALGORITHMS = ["RS256", "PS256"];
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = (key: KeyObject): string => key.export({ type: "spki", format: "pem" }).toString();
const SECRET = "a shared secret of more than 32 bytes";

const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const CLAIMS = { sub: "mallory", exp: 4_000_000_000 };

function signed(header: unknown, claims: unknown, key: KeyObject): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
}
function maced(header: unknown, claims: unknown, secret: string | Buffer): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}

const verifier = new TokenVerifier({ baseDirectory: "/nowhere" });
const byRsa: TokenSource = { header: "authorization", publicKey: pem(rsa.publicKey), algorithms: RSA_ALGORITHMS };
const byEc: TokenSource = { header: "authorization", publicKey: pem(ec.publicKey), algorithms: ["ES256"] };
const bySecret: TokenSource = { header: "authorization", secret: SECRET, algorithms: ["HS256"] };

async function verdict(source: TokenSource, value: string | undefined): Promise<TokenFact> {
  return verifier.verdict(source, value);
}

async function refused(source: TokenSource, token: string, words: RegExp): Promise<void> {
  const fact = await verdict(source, `Bearer ${token}`);
  assert.ok(fact.state === "malformed" || fact.state === "badSignature", JSON.stringify(fact));
  assert.match(fact.problem, words);
}

describe("a token verifier", () => {
  after(() => verifier.close());

  it("verifies good tokens, and answers a known one at once", async () => {
    for (const [source, token] of [
      [byRsa, signed({ alg: "RS256" }, CLAIMS, rsa.privateKey)],
      [bySecret, maced({ alg: "HS256" }, CLAIMS, SECRET)],
    ] as const) {
      const fact = await verdict(source, `Bearer ${token}`);
      assert.equal(fact.state, "verified", JSON.stringify(fact));
      assert.deepEqual(fact.state === "verified" && fact.claims, CLAIMS);
      const again = verifier.verdict(source, `bearer ${token}`);
      assert.ok(!(again instanceof Promise));
      assert.equal(again, fact);
    }
  });

  it("refuses `none` in any case, with and without a signature", async () => {
    for (const alg of ["none", "None", "NONE", "nOnE"]) {
      for (const signature of ["", "AAAA"]) {
        await refused(byRsa, `${encode({ alg })}.${encode(CLAIMS)}.${signature}`, /not signed: its `alg` is none/);
      }
    }
    await refused(byRsa, `${encode({ alg: "RS256" })}.${encode(CLAIMS)}.`, /has no signature/);
    await refused(byRsa, `${encode({})}.${encode(CLAIMS)}.AAAA`, /names no algorithm/);
  });

  it("never takes a public key for a shared secret", async () => {
    const text = pem(rsa.publicKey);
    const der = rsa.publicKey.export({ type: "spki", format: "der" });
    for (const secret of [text, text.trim(), text.replaceAll("\n", "\r\n"), der]) {
      await refused(byRsa, maced({ alg: "HS256" }, CLAIMS, secret), /signed with "HS256"; accepted here: RS256, PS256/);
    }
  });

  it("keeps to the type of key even when the policy's list of algorithms is wider", async () => {
    const careless = { ...byRsa, algorithms: ["HS256", "RS256", "ES256"] };
    await refused(careless, maced({ alg: "HS256" }, CLAIMS, pem(rsa.publicKey)), /accepted here: RS256/);
    const wide = { ...bySecret, algorithms: ["HS256", "RS256"] };
    await refused(wide, signed({ alg: "RS256" }, CLAIMS, rsa.privateKey), /accepted here: HS256/);
  });

  it("ignores keys and key places that a token brings along", async () => {
    const jwk = stranger.publicKey.export({ format: "jwk" });
    for (const header of [
      { alg: "RS256", jwk },
      { alg: "RS256", jku: "http://127.0.0.1:9/keys.json" },
      { alg: "RS256", x5u: "http://127.0.0.1:9/cert.pem" },
      { alg: "RS256", kid: "../../../../dev/null" },
      { alg: "RS256", kid: "x' UNION SELECT 'secret" },
    ]) {
      await refused(byRsa, signed(header, CLAIMS, stranger.privateKey), /signature does not fit/);
    }
    // A key id that names an empty file must not turn into an empty secret.
    await refused(bySecret, maced({ alg: "HS256", kid: "/dev/null" }, CLAIMS, ""), /signature does not fit/);
  });

  it("refuses extensions that it does not know, and an unencoded payload", async () => {
    await refused(byRsa, signed({ alg: "RS256", crit: ["exp"] }, CLAIMS, rsa.privateKey), /`crit`/);
    await refused(byRsa, signed({ alg: "RS256", crit: [] }, CLAIMS, rsa.privateKey), /`crit`/);
    await refused(byRsa, signed({ alg: "RS256", crit: ["b64"], b64: false }, CLAIMS, rsa.privateKey), /`crit`/);
    await refused(byRsa, signed({ alg: "RS256", b64: true }, CLAIMS, rsa.privateKey), /`b64`/);
  });

  it("refuses members named twice, in header and claims, however they are written", async () => {
    await refused(byRsa, signed('{"alg":"RS256","alg":"none"}', CLAIMS, rsa.privateKey), /names "alg" twice/);
    await refused(byRsa, signed({ alg: "RS256" }, '{"sub":"a","sub":"b"}', rsa.privateKey), /names "sub" twice/);
    await refused(byRsa, signed({ alg: "RS256" }, '{"sub":"a","s\\u0075b":"b"}', rsa.privateKey), /names "sub" twice/);
    await refused(byRsa, signed({ alg: "RS256" }, '{"a":{"b":[{"c":1,"c":2}]}}', rsa.privateKey), /names "c" twice/);
    const fine = '{"a":{"x":1},"b":{"x":1},"c":["x","x",{"x":"x"}],"x":"{\\"x\\":1,\\"x\\":2}"}';
    const fact = await verdict(byRsa, `Bearer ${signed({ alg: "RS256" }, fine, rsa.privateKey)}`);
    assert.equal(fact.state, "verified");
  });

  it("refuses padding, white space and any second way of writing the same bytes", async () => {
    const good = signed({ alg: "RS256" }, CLAIMS, rsa.privateKey);
    const [header, payload, signature] = good.split(".");
    await refused(byRsa, `${header}=.${payload}.${signature}`, /no padding/);
    await refused(byRsa, `${header}.${payload}.${signature}==`, /no padding/);
    for (const blank of ["\t", "\n", " ", "\u00a0", "\0"]) {
      const fact = await verdict(byRsa, `Bearer ${header}.${payload}${blank}.${signature}`);
      assert.equal(fact.state, "malformed");
    }
    const standard = `${header}.${payload}.${Buffer.from(signature, "base64url").toString("base64")}`;
    await refused(byRsa, standard, /base64url/);
    // 256 bytes leave spare bits in the last character.
    const last = signature.at(-1) ?? "";
    const other = String.fromCharCode(last.charCodeAt(0) + 1);
    await refused(byRsa, `${header}.${payload}.${signature.slice(0, -1)}${other}`, /canonical|does not fit/);
  });

  it("refuses a token within a token, a tail behind it, and one that another key of the same kind has signed", async () => {
    const inner = signed({ alg: "RS256" }, CLAIMS, rsa.privateKey);
    await refused(byRsa, signed({ alg: "RS256", cty: "JWT" }, inner, rsa.privateKey), /payload/);
    await refused(byRsa, `${inner}.${inner}`, /three parts|dots/);
    await refused(byRsa, `${inner}.e30`, /three parts/);
    await refused(byRsa, `.${inner}`, /three parts/);
    const [header, , signature] = inner.split(".");
    await refused(byRsa, `${header}.${encode({ ...CLAIMS, sub: "root" })}.${signature}`, /does not fit/);
    await refused(byRsa, `${encode({ alg: "PS256" })}.${inner.split(".").slice(1).join(".")}`, /does not fit/);
    await refused(byRsa, signed({ alg: "RS256" }, CLAIMS, stranger.privateKey), /does not fit/);
  });

  it("refuses an algorithm that is no text, unknown, of another case, or of another curve", async () => {
    for (const alg of [null, 256, ["RS256"], { toString: "RS256" }, true]) {
      await refused(byRsa, signed({ alg }, CLAIMS, rsa.privateKey), /names no algorithm/);
    }
    for (const alg of ["rs256", "RS256 ", "RS257", "RS1", "__proto__", "constructor", "HS256", "ES256", ""]) {
      await refused(byRsa, signed({ alg }, CLAIMS, rsa.privateKey), /signed with|names no algorithm/);
    }
    const wide: TokenSource = { ...byEc, algorithms: ["ES256", "ES384", "ES512"] };
    await refused(wide, signed({ alg: "ES384" }, CLAIMS, ec.privateKey), /accepted here: ES256/);
    const small = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const weak = await verdict(
      { ...byRsa, publicKey: pem(small.publicKey) },
      `Bearer ${signed({ alg: "RS256" }, CLAIMS, small.privateKey)}`,
    );
    assert.ok(weak.state === "keysUnavailable" && /fewer than 2048 bits/.test(weak.problem));
  });

  it("is not slowed by huge tokens: whatever a head can hold is judged in a few milliseconds", async () => {
    const big = signed({ alg: "RS256" }, { ...CLAIMS, pad: "x".repeat(11_000) }, rsa.privateKey);
    assert.equal((await verdict(byRsa, `Bearer ${big}`)).state, "verified");
    const many = `{${Array.from({ length: 1200 }, (_, i) => `"m${i}":1`).join(",")}}`;
    const dots = ".".repeat(16_000);
    const start = process.cpuUsage();
    for (let i = 0; i < 20; i++) {
      await refused(byRsa, `${dots}${i}`, /three parts/);
      await refused(byRsa, `${"A".repeat(16_000)}.e30.AAAA`, /header/);
      await verdict(byRsa, `Bearer ${signed({ alg: "RS256" }, many, rsa.privateKey)}`);
    }
    const { user, system } = process.cpuUsage(start);
    assert.ok((user + system) / 60 < 20_000, `${(user + system) / 60} us each`);
  });

  it("refuses a signature in DER, and a signature of zeros", async () => {
    const input = `${encode({ alg: "ES256" })}.${encode(CLAIMS)}`;
    const der = sign("sha256", Buffer.from(input), ec.privateKey).toString("base64url");
    await refused(byEc, `${input}.${der}`, /does not fit/);
    await refused(byEc, `${input}.${Buffer.alloc(64).toString("base64url")}`, /does not fit/);
    const raw = sign("sha256", Buffer.from(input), { key: ec.privateKey, dsaEncoding: "ieee-p1363" });
    assert.equal((await verdict(byEc, `Bearer ${input}.${raw.toString("base64url")}`)).state, "verified");
  });

  it("refuses other forms: encrypted, JSON, nested, long, deep, or with a payload that is no object", async () => {
    await refused(byRsa, "a.b.c.d.e", /encrypted/);
    await refused(byRsa, '{"payload":"e30","signatures":[]}', /three parts/);
    await refused(byRsa, "x".repeat(20_000), /longer than 16384/);
    const deep = `${'{"a":'.repeat(80)}1${"}".repeat(80)}`;
    await refused(byRsa, signed({ alg: "RS256" }, deep, rsa.privateKey), /nested more than 64/);
    for (const payload of ["[]", "null", '"text"', "12", "", "{", "\ud800".repeat(2)]) {
      await refused(byRsa, signed({ alg: "RS256" }, payload, rsa.privateKey), /payload/);
    }
  });

  it("reads the Authorization header as RFC 6750 writes it", async () => {
    const good = signed({ alg: "RS256" }, CLAIMS, rsa.privateKey);
    const states = async (value: string | undefined): Promise<string> => (await verdict(byRsa, value)).state;
    assert.equal(await states(undefined), "absent");
    assert.equal(await states("Basic dXNlcjpwYXNz"), "absent");
    assert.equal(await states("Bearer"), "malformed");
    assert.equal(await states("Bearer "), "malformed");
    assert.equal(await states(`BEARER ${good}`), "verified");
    assert.equal(await states(`Bearer\t${good}`), "malformed");
    assert.equal(await states(`Bearer ${good}, Bearer ${good}`), "malformed");
    assert.equal(await states(`Bearer ${good} trailing`), "malformed");
    const named = { ...byRsa, header: "x-token" };
    assert.equal((await verdict(named, good)).state, "verified");
    assert.equal((await verdict(named, `Bearer ${good}`)).state, "malformed");
  });

  it("says what is wrong with any text whatever, and never throws", async () => {
    const part = fc.oneof(
      fc.string().map(encode),
      fc.json().map(encode),
      fc.constantFrom("", "e30", encode({ alg: "RS256" }), encode({ alg: "HS256", kid: 5 })),
      anyText(),
    );
    const value = fc.oneof(
      anyText(),
      fc.array(part, { maxLength: 6 }).map((parts) => `Bearer ${parts.join(".")}`),
      fc.array(part, { minLength: 3, maxLength: 3 }).map((parts) => `Bearer ${parts.join(".")}`),
    );
    await fc.assert(
      fc.asyncProperty(value, fc.constantFrom(byRsa, byEc, bySecret), async (text, source) => {
        const fact = await verdict(source, text);
        assert.notEqual(fact.state, "verified");
        if (fact.state !== "absent") assert.ok("problem" in fact && fact.problem.length > 8, JSON.stringify(fact));
      }),
      { numRuns: 500 },
    );
  });

  it("accepts no token of which one character was changed", async () => {
    const good = signed({ alg: "RS256", kid: "a" }, CLAIMS, rsa.privateKey);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(..."ABCxyz019-_.= \n"), async (at, character) => {
        const changed = good.slice(0, at) + character + good.slice(at + 1);
        const fact = await verdict(byRsa, `Bearer ${changed}`);
        assert.equal(fact.state === "verified", changed === good);
      }),
      { numRuns: 300 },
    );
  });
});
