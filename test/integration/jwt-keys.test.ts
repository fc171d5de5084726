/**
 * Where keys come from and what happens when they change or cannot be had: files, URLs, several keys, a server that is
 * down, slow, wrong or asked too often.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { FactGatherer } from "../../src/gateway/facts/gatherer.ts";
import { TokenVerifier } from "../../src/gateway/facts/token-verifier.ts";
import type { Passage, TokenFact, TokenSource } from "../../src/model/arrival.ts";

const pair = (): { publicKey: KeyObject; privateKey: KeyObject } => generateKeyPairSync("ec", { namedCurve: "P-256" });
const [first, second] = [pair(), pair()];
const ALGORITHMS = ["ES256"];

const setOf = (keys: Readonly<Record<string, KeyObject>>): string =>
  JSON.stringify({ keys: Object.entries(keys).map(([kid, key]) => ({ ...key.export({ format: "jwk" }), kid })) });
const token = (key: KeyObject, kid?: string): Promise<string> =>
  new SignJWT({ sub: "ann" }).setProtectedHeader({ alg: "ES256", ...(kid && { kid }) }).sign(key);

/** A clock that stands still until it is moved. */
class Clock {
  at = 1234.5;
  readonly now = (): number => this.at;
}

describe("keys in a file", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "switchyard-keys-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const open = (source: Partial<TokenSource>) => {
    const clock = new Clock();
    const verifier = new TokenVerifier({ baseDirectory: folder, now: clock.now });
    const whole: TokenSource = { header: "authorization", algorithms: ALGORITHMS, ...source };
    const state = async (text: string): Promise<TokenFact> => verifier.verdict(whole, `Bearer ${text}`);
    return { clock, verifier, whole, state };
  };

  it("are read again when the file changes, and the verdicts by the old ones are gone", async () => {
    writeFileSync(join(folder, "jwks.json"), setOf({ a: first.publicKey }));
    const { clock, state } = open({ jwks: "./jwks.json" });
    const [old, fresh] = [await token(first.privateKey, "a"), await token(second.privateKey, "b")];
    assert.equal((await state(old)).state, "verified");
    assert.equal((await state(fresh)).state, "badSignature");
    writeFileSync(join(folder, "jwks.json"), setOf({ b: second.publicKey }));
    utimesSync(join(folder, "jwks.json"), 1, 2);
    clock.at += 700;
    assert.equal((await state(old)).state, "badSignature");
    assert.equal((await state(fresh)).state, "verified");
  });

  it("that is missing or broken are a problem in words, and mended when the file is", async () => {
    const { clock, state } = open({ jwks: "./jwks.json" });
    const text = await token(first.privateKey, "a");
    const problem = async (): Promise<string> => {
      clock.at += 700;
      const fact = await state(text);
      assert.equal(fact.state, "keysUnavailable");
      return fact.state === "keysUnavailable" ? fact.problem : "";
    };
    assert.match(await problem(), /\.\/jwks\.json cannot be read \(ENOENT\)/);
    writeFileSync(join(folder, "jwks.json"), "{");
    assert.match(await problem(), /not valid JSON/);
    writeFileSync(join(folder, "jwks.json"), "[]  ");
    assert.match(await problem(), /is no key set/);
    writeFileSync(join(folder, "jwks.json"), setOf({ a: first.publicKey }));
    clock.at += 700;
    assert.equal((await state(text)).state, "verified");
  });

  it("may be one public key in PEM; a private one is refused", async () => {
    writeFileSync(join(folder, "public.pem"), first.publicKey.export({ type: "spki", format: "pem" }));
    assert.equal((await open({ publicKey: "public.pem" }).state(await token(first.privateKey))).state, "verified");
    writeFileSync(join(folder, "private.pem"), first.privateKey.export({ type: "pkcs8", format: "pem" }));
    const fact = await open({ publicKey: "private.pem" }).state(await token(first.privateKey));
    assert.ok(fact.state === "keysUnavailable" && /private key/.test(fact.problem), JSON.stringify(fact));
  });

  it("are all tried when a token names none and several fit", async () => {
    writeFileSync(join(folder, "jwks.json"), setOf({ a: first.publicKey, b: second.publicKey }));
    const { state } = open({ jwks: "jwks.json" });
    assert.equal((await state(await token(second.privateKey))).state, "verified");
    assert.equal((await state(await token(pair().privateKey))).state, "badSignature");
  });

  it("do not verify when the set holds shared secrets or private keys", async () => {
    const oct = { kty: "oct", k: Buffer.from("x".repeat(32)).toString("base64url"), kid: "a" };
    writeFileSync(
      join(folder, "jwks.json"),
      JSON.stringify({ keys: [oct, first.privateKey.export({ format: "jwk" })] }),
    );
    const { state } = open({ jwks: "jwks.json", algorithms: ["ES256", "HS256"] });
    const forged = await new SignJWT({})
      .setProtectedHeader({ alg: "HS256", kid: "a" })
      .sign(Buffer.from("x".repeat(32)));
    assert.equal((await state(forged)).state, "badSignature");
    assert.notEqual((await state(await token(first.privateKey))).state, "verified");
  });

  it("verify a token once, however often it comes at the same moment", async () => {
    const source: TokenSource = {
      header: "authorization",
      algorithms: ALGORITHMS,
      publicKey: first.publicKey.export({ type: "spki", format: "pem" }).toString(),
    };
    const verifier = new TokenVerifier({ baseDirectory: folder });
    const text = `Bearer ${await token(first.privateKey)}`;
    const facts = await Promise.all(Array.from({ length: 20 }, () => verifier.verdict(source, text)));
    assert.equal(new Set(facts).size, 1);
  });

  it("give facts by name: at once when all are known, and nothing when nothing is needed", async () => {
    const publicKey = first.publicKey.export({ type: "spki", format: "pem" }).toString();
    const gatherer = new FactGatherer({ baseDirectory: folder });
    const source: TokenSource = { header: "authorization", algorithms: ALGORITHMS, publicKey };
    const value = `Bearer ${await token(first.privateKey)}`;
    const x = { arrival: { header: (name: string) => (name === "authorization" ? value : undefined) } } as Passage;
    const needs = [{ name: "token/a", kind: "token", source }] as const;
    assert.deepEqual(gatherer.gather([], x), {});
    const facts = await gatherer.gather(needs, x);
    assert.equal((facts["token/a"] as TokenFact).state, "verified");
    assert.ok(!(gatherer.gather(needs, x) instanceof Promise));
    gatherer.close();
  });
});

const serve = (keys: Readonly<Record<string, KeyObject>>) => (_: IncomingMessage, response: ServerResponse) =>
  void response.end(setOf(keys));

const openUrl = (jwks: string) => {
  const clock = new Clock();
  const verifier = new TokenVerifier({ baseDirectory: "/nowhere", now: clock.now });
  const source: TokenSource = { header: "authorization", algorithms: ALGORITHMS, jwks };
  return { clock, state: async (text: string): Promise<TokenFact> => verifier.verdict(source, `Bearer ${text}`) };
};

describe("keys behind a URL", () => {
  let server: Server;
  let asked: number;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let url: string;

  beforeEach(async () => {
    asked = 0;
    server = createServer((request, response) => {
      asked++;
      answer(request, response);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it("are asked for once, and again for an unknown key id, at most now and then", async () => {
    answer = serve({ a: first.publicKey });
    const { clock, state } = openUrl(url);
    const [old, fresh] = [await token(first.privateKey, "a"), await token(second.privateKey, "b")];
    await Promise.all([state(old), state(old), state(old)]);
    assert.equal((await state(old)).state, "verified");
    assert.equal(asked, 1);
    for (let i = 0; i < 20; i++) await state(await token(second.privateKey, `guess-${i}`));
    assert.equal(asked, 1, "unknown key ids right after an answer ask nobody");
    answer = serve({ a: first.publicKey, b: second.publicKey });
    clock.at += 40_000;
    assert.equal((await state(fresh)).state, "verified");
    assert.equal(asked, 2);
    for (let i = 0; i < 20; i++) await state(await token(second.privateKey, `guess-${i}`));
    assert.equal(asked, 2);
  });

  it("that are withdrawn no longer verify once the set was asked for again", async () => {
    answer = serve({ a: first.publicKey });
    const { clock, state } = openUrl(url);
    const text = await token(first.privateKey, "a");
    assert.equal((await state(text)).state, "verified");
    answer = serve({ b: second.publicKey });
    clock.at += 4_000_000;
    assert.equal((await state(text)).state, "badSignature");
  });

  it("are kept while the server is down, and a first failure is a problem in words", async () => {
    answer = serve({ a: first.publicKey });
    const { clock, state } = openUrl(url);
    const text = await token(first.privateKey, "a");
    assert.equal((await state(text)).state, "verified");
    answer = (_, response) => response.writeHead(500).end();
    clock.at += 4_000_000;
    const kept = await state(text);
    assert.ok(kept.state === "verified");
    assert.equal(kept.remark, `the last good keys serve, since there are no keys from ${url}: it answered 500`);
    assert.equal(await state(text), kept, "one fact for as long as the same is to be said");
    answer = serve({ a: first.publicKey });
    clock.at += 6000;
    await state(text);
    assert.equal("remark" in (await state(text)), false, "and nothing is said once the server is well");

    answer = (_, response) => response.writeHead(500).end();
    const other = openUrl(url);
    const failing = await other.state(text);
    assert.ok(failing.state === "keysUnavailable" && /answered 500/.test(failing.problem), JSON.stringify(failing));
    const before = asked;
    await other.state(text);
    assert.equal(asked, before, "a failure is not repeated at once");
    answer = serve({ a: first.publicKey });
    other.clock.at += 6000;
    assert.equal((await other.state(text)).state, "verified");
  });

  it("are a problem in words when nobody listens, when it redirects, or when it sends something else", async () => {
    const text = await token(first.privateKey, "a");
    const problem = async (jwks: string): Promise<string> => {
      const fact = await openUrl(jwks).state(text);
      assert.equal(fact.state, "keysUnavailable", JSON.stringify(fact));
      return fact.state === "keysUnavailable" ? fact.problem : "";
    };
    answer = (_, response) => void response.end("<html>");
    assert.match(await problem(url), /not valid JSON/);
    answer = (_, response) => void response.end("x".repeat(1_100_000));
    assert.match(await problem(url), /larger than/);
    answer = (_, response) => response.writeHead(302, { location: "/elsewhere" }).end();
    assert.match(await problem(url), /redirect|no keys/);
    answer = (_, response) => void response.destroy();
    assert.match(await problem(url), /no keys from/);
    assert.match(await problem("http://127.0.0.1:1/jwks.json"), /no keys from/);
    assert.match(await problem("http://keys.example.com/jwks.json"), /must be https/);
    assert.match(await problem("http://127.0.0.1.example.com/jwks.json"), /must be https/);
  });

  it("are found by the issuer's discovery document when the policy names nothing else", async () => {
    const issuer = url.replace("/jwks.json", "");
    const paths: string[] = [];
    let said: unknown = { issuer, jwks_uri: url };
    answer = (request, response) => {
      paths.push(request.url ?? "");
      response.end(request.url === "/jwks.json" ? setOf({ a: first.publicKey }) : JSON.stringify(said));
    };
    const open = (name: string) => {
      const clock = new Clock();
      const verifier = new TokenVerifier({ baseDirectory: "/nowhere", now: clock.now });
      const source: TokenSource = { header: "authorization", algorithms: ALGORITHMS, issuer: name };
      return { clock, state: async (text: string): Promise<TokenFact> => verifier.verdict(source, `Bearer ${text}`) };
    };
    const text = await token(first.privateKey, "a");
    const { state, clock } = open(issuer);
    assert.equal((await state(text)).state, "verified");
    assert.deepEqual(paths, ["/.well-known/openid-configuration", "/jwks.json"]);
    assert.equal((await state(text)).state, "verified");
    assert.equal(paths.length, 2);
    said = "gone";
    clock.at += 4_000_000;
    const kept = await state(text);
    assert.ok(kept.state === "verified" && /last good keys/.test(kept.remark ?? ""), JSON.stringify(kept));

    const problem = async (document: unknown, name = issuer): Promise<string> => {
      said = document;
      const fact = await open(name).state(text);
      assert.equal(fact.state, "keysUnavailable", JSON.stringify(fact));
      return fact.state === "keysUnavailable" ? fact.problem : "";
    };
    assert.match(await problem({ issuer: "https://evil.test/", jwks_uri: url }), /speaks for "https:\/\/evil\.test\/"/);
    assert.match(await problem({ issuer: `${issuer}/`, jwks_uri: url }), /speaks for/, "to the letter");
    assert.match(await problem({ issuer }), /names no `jwks_uri`/);
    assert.match(await problem({ issuer, jwks_uri: "http://keys.example.com/a" }), /must be https/);
    assert.match(await problem({ issuer, jwks_uri: "file:///etc/passwd" }), /must be https/);
    assert.match(await problem([1]), /is no JSON object/);
    assert.match(await problem(`{"issuer":1}`), /is no JSON object/);
  });
});
