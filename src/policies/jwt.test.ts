import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { TokenFact } from "../model/arrival.ts";
import type { TokenSource } from "../model/arrival.ts";
import { jwt } from "./jwt.ts";
import { contextOf, configOf, Edit, fits, matchedBy, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const NOW = 1_700_000_000;
const BASE = "jwks: ./jwks.json";

function factNameOf(yaml: string): string {
  return jwt.needs?.(configOf(jwt, yaml) as never, contextOf())[0].name ?? "";
}

function judged(yaml: string, fact: TokenFact | undefined) {
  const facts = fact === undefined ? {} : { [factNameOf(yaml)]: fact };
  const x = passageOf({ facts, wallClock: NOW * 1000 });
  return { x, verdict: new Trial(jwt, yaml).peek(x) };
}
const verified = (claims: Readonly<Record<string, unknown>>): TokenFact => ({
  state: "verified",
  algorithm: "RS256",
  claims,
});

const timed = (claims: Readonly<Record<string, unknown>>) =>
  judged(`{ ${BASE}, clockSkew: 30s }`, verified(claims)).verdict;

const source = (yaml: string) =>
  jwt.needs?.(configOf(jwt, yaml) as never, contextOf())[0].source as TokenSource | undefined;

const message = (yaml: string) =>
  problemsOf(jwt, yaml)
    .map((problem) => problem.message)
    .join("; ");

describe("jwt", () => {
  it("admits a token that fits, and writes down who calls", () => {
    const yaml = `{ issuer: "https://dev.local/", audiences: [orders, carts], ${BASE} }`;
    const claims = { iss: "https://dev.local/", aud: ["x", "carts"], sub: "ann", exp: NOW + 90, nbf: NOW };
    const { x, verdict } = judged(yaml, verified(claims));
    assert.equal(verdict.reason, "");
    assert.equal(verdict.sentence, "the token of ann is signed by RS256; valid for another 90 s");
    assert.deepEqual([x.caller.jwt, x.caller.label, x.caller.consumer], [claims, "ann", undefined]);
    assert.deepEqual(verdict.fields, {});
  });

  it("refuses a missing token without an error code, as RFC 6750 wants it", () => {
    for (const fact of [undefined, { state: "absent" } as const]) {
      const { verdict } = judged(`{ ${BASE} }`, fact);
      assert.deepEqual([verdict.reason, verdict.status], ["missing", 401]);
      assert.equal(
        verdict.sentence,
        'there is no token in the header Authorization: it must be "Bearer" and the token',
      );
      assert.deepEqual(verdict.fields, { "WWW-Authenticate": 'Bearer realm="switchyard"' });
    }
  });

  it("passes on what the edge found, and knows nobody by such a token", () => {
    for (const [state, status, error] of [
      ["malformed", 401, "invalid_token"],
      ["badSignature", 401, "invalid_token"],
      ["keysUnavailable", 503, undefined],
    ] as const) {
      const { x, verdict } = judged(`{ ${BASE} }`, { state, problem: 'it said "no" \u2603' });
      assert.deepEqual([verdict.reason, verdict.status, verdict.sentence], [state, status, 'it said "no" \u2603']);
      assert.equal(x.caller.jwt, undefined);
      const field = verdict.fields["WWW-Authenticate"];
      if (error === undefined) assert.equal(field, undefined);
      else assert.equal(field, `Bearer realm="switchyard", error="${error}", error_description="it said 'no' ?"`);
    }
  });

  it("judges times by the clock of the request, to the second, with the allowed skew", () => {
    assert.equal(timed({ exp: NOW - 29 }).reason, "");
    assert.equal(timed({ exp: NOW - 30 }).reason, "expired");
    assert.equal(timed({ nbf: NOW + 30 }).reason, "");
    assert.equal(timed({ nbf: NOW + 31 }).reason, "notYetValid");
    assert.equal(timed({}).sentence, "the token is signed by RS256; it never expires");
    const late = timed({ exp: NOW - 45 });
    assert.equal(late.sentence, "the token expired 45 s ago; a clock skew of 30s is allowed");
    assert.deepEqual(late.fixes, [{ title: "Allow a clock skew of 46s", path: ["clockSkew"], value: "46s" }]);
    assert.deepEqual(timed({ exp: NOW - 86_400 * 3 }).fixes, [], "an old token needs a new token, not a wide skew");
    for (const odd of ["soon", null, [], true, "1700000000"]) {
      assert.equal(timed({ exp: odd }).reason, "badTimes");
      assert.equal(timed({ nbf: odd }).reason, "badTimes");
    }
  });

  it("wants issuer and audience to the letter, and offers those of the token", () => {
    const issuer = judged(`{ ${BASE}, issuer: "https://dev.local/" }`, verified({ iss: "https://dev.local" })).verdict;
    assert.equal(issuer.reason, "wrongIssuer");
    assert.equal(issuer.sentence, 'the token\'s `iss` is "https://dev.local"; "https://dev.local/" is needed');
    assert.equal(issuer.fixes[0].value, "https://dev.local");
    const audience = judged(`{ ${BASE}, audiences: [orders] }`, verified({ aud: ["carts"] })).verdict;
    assert.equal(audience.reason, "wrongAudience");
    assert.equal(audience.sentence, 'the token\'s `aud` is ["carts"]; one of orders is needed');
    assert.deepEqual(audience.fixes[0].value, ["orders", "carts"]);
    const state = (aud: unknown) => judged(`{ ${BASE}, audiences: [orders] }`, verified({ aud })).verdict.reason;
    assert.deepEqual(["orders", ["a", "orders"], "orders2", ["Orders"], { orders: 1 }, undefined].map(state), [
      "",
      "",
      "wrongAudience",
      "wrongAudience",
      "wrongAudience",
      "wrongAudience",
    ]);
  });

  it("wants the claims that it names, in a list too, and refuses with 403 since the caller is known", () => {
    const yaml = `{ ${BASE}, claims: { tenant: acme, roles: admin, level: 3, org.active: true } }`;
    const good = { tenant: "acme", roles: ["user", "admin"], level: 3, org: { active: true }, sub: "ann" };
    assert.equal(judged(yaml, verified(good)).verdict.reason, "");
    const { x, verdict } = judged(yaml, verified({ ...good, level: "3" }));
    assert.deepEqual([verdict.reason, verdict.status], ["claimMismatch", 403]);
    assert.equal(verdict.sentence, 'the token\'s `level` is "3"; 3 is needed');
    assert.match(verdict.fields["WWW-Authenticate"], /error="insufficient_scope"/);
    assert.equal(x.caller.label, "ann");
  });

  it("forwards claims in headers, and takes away those that a caller forged", () => {
    const trial = new Trial(jwt, `{ ${BASE}, forward: { X-User: sub, x-roles: roles, x-tenant: tenant } }`);
    const edit = new Edit({ "x-user": "admin", "x-tenant": "forged", accept: "*/*" });
    const caller = { jwt: { sub: "ann\r\nx-admin: 1", roles: ["a", "b"] } };
    trial.act.request?.(passageOf({ caller }), edit, matchedBy("prefix", "/"));
    assert.deepEqual(edit.fields, [
      ["accept", "*/*"],
      ["X-User", "ann%0D%0Ax-admin: 1"],
      ["x-roles", '["a","b"]'],
    ]);
    assert.equal(new Trial(jwt, `{ ${BASE} }`).act.request, undefined);
  });

  it("asks the edge for the signature only, with algorithms that fit the kind of key", () => {
    assert.ok(source(`{ ${BASE} }`)?.algorithms.every((name) => !name.startsWith("HS")));
    const secret = "x".repeat(32);
    assert.deepEqual(source(`{ secret: ${secret}, header: X-Token }`), {
      header: "x-token",
      secret,
      algorithms: ["HS256", "HS384", "HS512"],
    });
    assert.deepEqual(source(`{ ${BASE}, algorithms: [ES256, RS256] }`)?.algorithms, ["RS256", "ES256"]);
  });

  it("names its fact without the secret, and two sources never by the same name", () => {
    const secret = "a very secret secret of enough bytes";
    const yamls = [
      `{ ${BASE} }`,
      `{ jwks: ./other.json }`,
      `{ ${BASE}, header: X-Token }`,
      `{ ${BASE}, algorithms: [RS256] }`,
      `{ secret: ${secret} }`,
      `{ secret: ${secret}2 }`,
      `{ secret: { env: A } }`,
      `{ secret: { file: A } }`,
      `{ publicKey: ./a.pem }`,
    ];
    const names = yamls.map(factNameOf);
    assert.equal(new Set(names).size, yamls.length);
    for (const name of names) assert.ok(!name.includes(secret));
    assert.equal(factNameOf(`{ ${BASE}, issuer: a }`), factNameOf(`{ ${BASE}, audiences: [b] }`));
  });

  it("finds keys by discovery when there is nothing but an issuer that is a URL", () => {
    assert.equal(message('{ issuer: "https://dev.local/" }'), "");
    assert.equal(message('{ issuer: "http://localhost:9000" }'), "");
    assert.equal(source('{ issuer: "https://dev.local/" }')?.issuer, "https://dev.local/");
    assert.match(message('{ issuer: "http://dev.example/" }'), /an issuer with https/);
    assert.match(message("{ issuer: dev }"), /without keys no signature/);
    assert.match(message('{ issuer: "https://dev.local/", algorithms: [HS256] }'), /HS256 does not go with the keys/);
    const yaml = '{ issuer: "https://dev.local/" }';
    const fact = { ...verified({ iss: "https://dev.local/" }), remark: "the last good keys serve" } as TokenFact;
    assert.match(judged(yaml, fact).verdict.sentence, /; the last good keys serve$/);
  });

  it("refuses keys from nowhere or from two places, key confusion, short secrets and http", () => {
    assert.match(message("{ issuer: a }"), /without keys no signature/);
    assert.match(message(`{ ${BASE}, publicKey: ./a.pem }`), /from one place/);
    assert.match(message("{ publicKey: ./a.pem, algorithms: [HS256] }"), /how tokens are forged/);
    assert.match(message(`{ secret: ${"x".repeat(32)}, algorithms: [RS256] }`), /does not go with secret/);
    assert.match(message("{ secret: short }"), /has 5 bytes; HS256 needs at least 32/);
    assert.match(message("{ jwks: http://keys.example.com/jwks }"), /use https/);
    assert.match(message("{ jwks: http://localhost.example.com/jwks }"), /use https/);
    assert.equal(message("{ jwks: http://localhost:4000/jwks }"), "");
    assert.equal(message("{ jwks: https://keys.example.com/jwks }"), "");
    assert.ok(!fits(jwt, `{ ${BASE}, algorithms: [none] }`));
    assert.ok(!fits(jwt, `{ ${BASE}, algorithms: [] }`));
  });

  it("judges any claims without throwing, always with a sentence", () => {
    const yaml = `{ ${BASE}, issuer: a, audiences: [b], claims: { c: d }, forward: { x-user: sub } }`;
    const trial = new Trial(jwt, yaml);
    const name = factNameOf(yaml);
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom("a", "b", "d", NOW, NOW + 9));
    const claims = fc.dictionary(fc.constantFrom("iss", "aud", "exp", "nbf", "sub", "c", "client_id"), value);
    fc.assert(
      fc.property(claims, (given) => {
        const x = passageOf({ facts: { [name]: verified(given as Record<string, unknown>) }, wallClock: NOW * 1000 });
        trial.peek(x);
        trial.act.request?.(x, new Edit(), matchedBy("prefix", "/"));
      }),
      { numRuns: 500 },
    );
  });
});
