/**
 * A minted token at a running gateway: refused without it, admitted with it, by keys and rules of every kind; and what is
 * said where nothing may be signed. Keys are made for the test, but for those of examples/shop.
 */
import assert from "node:assert/strict";
import { createSecretKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { request as ask } from "node:http";
import { dirname, join, resolve } from "node:path";
import type { MintResult, MintWish } from "../../../src/contract/minting.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { freePort } from "../../free-port.ts";
import { until } from "../../until.ts";
import { backend, policyFile, stopAll } from "../control/helpers.ts";

const SHOP = resolve(import.meta.dirname, "../../../examples/shop");
const RULE = `authorization: { rules: [{ name: can-write, allow: "'orders:write' in jwt.scope && jwt.tenant == 'acme'" }] }`;

type Minted = Extract<MintResult, { kind: "minted" }>;

describe("a minted token", () => {
  let gateway: Gateway | undefined;
  let folder: string;
  let port: number;

  afterEach(async () => {
    await gateway?.stop(100);
    gateway = undefined;
    await stopAll();
  });

  /** @param files what stands beside the policy. */
  async function serve(policies: readonly string[], files: Readonly<Record<string, unknown>> = {}): Promise<Gateway> {
    port = await freePort();
    const text = `version: 1
listeners: [{ name: edge, port: ${port}, address: 127.0.0.1 }]
consumers: [{ name: web, apiKey: demo-web-key }]
services: { shop: { endpoints: [{ url: "http://127.0.0.1:${await backend()}" }] } }
routes:
  - name: orders
    matches: [{ path: { prefix: /orders } }]
    policies: [${policies.map((one) => `{ ${one} }`).join(", ")}]
    backendRefs: [{ service: shop }]
`;
    const file = policyFile(text);
    folder = dirname(file);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
    }
    const started = new Gateway({ file });
    gateway = started;
    await started.start(text);
    return started;
  }

  async function send(
    headers: Readonly<Record<string, string>> = {},
    method = "GET",
  ): Promise<{ status: number; id: number }> {
    const sent = ask({ host: "127.0.0.1", port, method, path: "/orders/7", headers, agent: false });
    sent.end();
    const [response] = await once(sent, "response");
    response.resume();
    await once(response, "end");
    const id = (gateway?.recorder.next ?? 0) - 1;
    await until(() => gateway?.row(id)?.state !== "pending");
    return { status: response.statusCode, id };
  }

  const mint = (id: number, rest: Partial<MintWish> = {}): Promise<MintResult> =>
    (gateway as Gateway).mintDesk.mint({ target: { id }, given: { sub: "ann" }, ...rest });

  function minted(result: MintResult): Minted {
    assert.equal(result.kind, "minted", JSON.stringify(result));
    return result as Minted;
  }

  function pair(
    type: "ec" | "ed25519" | "rsa",
    kid?: string,
  ): { own: Record<string, unknown>; set: object; pem: string } {
    const made = keyPair(type);
    const named = kid === undefined ? {} : { kid };
    const own = { ...made.privateKey.export({ format: "jwk" }), ...named };
    const { publicKey } = made;
    return {
      own,
      set: { keys: [{ ...publicKey.export({ format: "jwk" }), ...named }] },
      pem: publicKey.export({ type: "spki", format: "pem" }) as string,
    };
  }

  it("of the example shop is admitted where the request without one was refused", async () => {
    const jwt = 'jwt: { issuer: "https://dev.shop.local/", audiences: [shop], jwks: ./jwks.json }';
    await serve([jwt, `authorization: { rules: [{ name: can-read, allow: "'orders:read' in jwt.scope" }] }`]);
    for (const name of ["jwks.json", "dev-key.json"]) copyFileSync(join(SHOP, name), join(folder, name));
    const refused = await send();
    assert.equal(refused.status, 401);
    const { field, value, claims, expires, key, policies } = minted(await mint(refused.id));
    assert.equal(field, "Authorization");
    const { iat, exp, ...rest } = claims as Record<string, number>;
    assert.deepEqual(rest, { iss: "https://dev.shop.local/", aud: "shop", scope: "orders:read", sub: "ann" });
    assert.equal(exp - iat, 600);
    assert.equal(expires, exp * 1000);
    assert.deepEqual([key, policies], ["dev-key.json", ["jwt", "authorization"]]);
    const passed = await send({ authorization: value });
    assert.equal(passed.status, 200);
    const shown = JSON.stringify(gateway?.detail(passed.id, false));
    assert.ok(!shown.includes(value.slice(7)), "the token is masked in the detail");
    assert.equal(gateway?.row(passed.id)?.caller, "ann");
  });

  it("keeps who the refused token was of, and adds the scope that was missing", async () => {
    const { own, set } = pair("ec", "k1");
    await serve(["jwt: { jwks: ./keys/jwks.json }", RULE], { "keys/jwks.json": set, "keys/dev-key.json": own });
    const { SignJWT, importJWK } = await import("jose");
    const token = await new SignJWT({ sub: "dave", scope: "orders:read", tenant: "acme" })
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .sign(await importJWK(own, "ES256"));
    const { id, status } = await send({ authorization: `Bearer ${token}` });
    assert.equal(status, 403);
    const { claims, value } = minted(await mint(id, { given: {} }));
    assert.deepEqual([claims["sub"], claims["scope"]], ["dave", "orders:read orders:write"]);
    assert.equal((await send({ authorization: value })).status, 200);
  });

  it("is signed with a key that was made a moment after the gateway looked at the set", async () => {
    const [before, made] = [pair("ec", "old"), pair("ec", "new")];
    await serve(["jwt: { jwks: ./jwks.json }"], { "jwks.json": before.set });
    const { SignJWT, importJWK } = await import("jose");
    const token = await new SignJWT({ sub: "dave" })
      .setProtectedHeader({ alg: "ES256", kid: "old" })
      .sign(await importJWK(before.own, "ES256"));
    assert.equal((await send({ authorization: `Bearer ${token}` })).status, 200);
    const { id } = await send();
    writeFileSync(join(folder, "dev-key.json"), JSON.stringify(made.own));
    writeFileSync(join(folder, "jwks.json"), JSON.stringify(made.set));
    const { value } = minted(await mint(id));
    assert.equal((await send({ authorization: value })).status, 200);
  });

  for (const type of ["ed25519", "rsa"] as const) {
    it(`is signed with a key of type ${type}, in the header that the policy reads`, async () => {
      const { own, pem } = pair(type);
      await serve(["jwt: { publicKey: ./public.pem, header: x-token }"], { "public.pem": pem, "dev-key.json": own });
      const { field, value } = minted(await mint((await send()).id));
      assert.equal(field, "x-token");
      assert.equal((await send({ "x-token": value })).status, 200);
    });
  }

  it("is signed with a shared secret that stands in a key file of its own, and with no other", async () => {
    const secret = "a-secret-of-at-least-32-characters";
    await serve([`jwt: { secret: ${secret} }`]);
    const { id } = await send();
    const lack = await mint(id);
    assert.equal(lack.kind, "noKey");
    assert.match(lack.kind === "noKey" ? lack.message : "", /dev-key\.json.*"kty":"oct"/);
    const jwk = createSecretKey(Buffer.from(secret)).export({ format: "jwk" });
    writeFileSync(join(folder, "dev-key.json"), JSON.stringify({ ...jwk, k: `${jwk.k?.slice(0, -4)}AAAA` }));
    assert.equal((await mint(id)).kind, "noKey");
    writeFileSync(join(folder, "other.json"), JSON.stringify(jwk));
    const { value, key } = minted(await mint(id, { key: "other.json" }));
    assert.equal(key, "other.json");
    assert.equal((await send({ authorization: value })).status, 200);
  });

  it("asks what no rule says, and says so when a claim that was given does not pass", async () => {
    const { own, set } = pair("ec");
    const rule = `authorization: { rules: [{ name: staff, allow: "jwt.email.matches('@acme[.]test$')" }] }`;
    await serve(["jwt: { jwks: ./jwks.json }", rule], { "jwks.json": set, "dev-key.json": own });
    const { id } = await send();
    const asked = await mint(id, { given: {} });
    assert.ok(asked.kind === "asks", JSON.stringify(asked));
    assert.deepEqual(
      asked.questions.map(({ claim, value }) => [claim, value]),
      [["email", ""]],
    );
    assert.match(asked.questions[0]?.prompt ?? "", /staff/);
    const wrong = await mint(id, { given: { email: "ann@other.test", sub: "ann" } });
    assert.match(wrong.kind === "refused" ? wrong.message : "", /staff: `jwt\.email\.matches/);
    const { value } = minted(await mint(id, { given: { email: "ann@acme.test", sub: "ann" } }));
    assert.equal((await send({ authorization: value })).status, 200);
  });

  it("is refused where keys are another server's, where the key is another's, and where no token is asked for", async () => {
    const { own, set } = pair("ec");
    await serve(["jwt: { jwks: 'https://id.example.test/jwks.json' }"], { "dev-key.json": own });
    const remote = await mint((await send()).id);
    assert.ok(remote.kind === "noKey" && remote.source === "foreign");
    assert.match(remote.message, /come from https:\/\/id\.example\.test\/jwks\.json: whoever runs it/);
    assert.equal(remote.location?.line, 8);
    await gateway?.stop(100);

    await serve(["jwt: { jwks: ./jwks.json }"], { "jwks.json": set, "dev-key.json": pair("ec").own });
    const other = await mint((await send()).id);
    assert.ok(other.kind === "noKey" && other.source === "keySet");
    assert.match(other.message, /^dev-key\.json is not the private half of any key of \.\/jwks\.json\./);
    writeFileSync(join(folder, "dev-key.json"), '{"kty":"EC","d":"never-to-be-told"}');
    const broken = await mint((await send()).id);
    assert.ok(broken.kind === "noKey" && !broken.message.includes("never-to-be-told"), JSON.stringify(broken));
    await gateway?.stop(100);

    await serve(["apiKey: { header: x-api-key }"]);
    const keyed = await mint((await send()).id);
    assert.match(keyed.kind === "refused" ? keyed.message : "", /asks for no token/);
  });
});

function keyPair(type: "ec" | "ed25519" | "rsa"): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  if (type === "ec") return generateKeyPairSync("ec", { namedCurve: "P-256" });
  return type === "rsa" ? generateKeyPairSync("rsa", { modulusLength: 2048 }) : generateKeyPairSync("ed25519");
}
