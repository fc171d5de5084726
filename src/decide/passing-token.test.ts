import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Passage, TokenFact } from "../model/arrival.ts";
import { Decision } from "../model/decision.ts";
import { freshState } from "../model/fresh.ts";
import type { Plan } from "../model/plan.ts";
import { passageOf, type RequestParts } from "../policies/trial.fixture.ts";
import { read } from "../policyfile/read.ts";
import { decide } from "./decide.ts";
import { enter } from "./enter.ts";
import { passingToken, type PassingToken } from "./passing-token.ts";

const NOW = 1_700_000_000;
const JWT = 'jwt: { issuer: "https://dev.test/", audiences: [shop], jwks: ./jwks.json }';

function planOf(...policies: readonly string[]): Plan {
  const text = `version: 1
listeners: [{ name: edge, port: 8080 }]
consumers: [{ name: web, apiKey: demo-web-key, groups: [staff] }]
services: { orders: { endpoints: [{ url: http://localhost:4001 }] } }
routes:
  - name: orders
    matches: [{ path: { prefix: /orders } }]
    policies:
${policies.map((policy) => `      - ${policy}`).join("\n")}
    backendRefs: [{ service: orders }]
`;
  const { plan, diagnostics } = read(text, "switchyard.yaml", { env: () => undefined, file: () => undefined });
  assert.ok(plan, JSON.stringify(diagnostics.map(({ message, range }) => [range.line, message])));
  return plan;
}

const rules = (...all: readonly string[]): string =>
  `authorization: { rules: [${all.map((rule, i) => `{ name: rule-${i}, ${rule} }`).join(", ")}] }`;

const allow = (expression: string): string => rules(`allow: ${JSON.stringify(expression)}`);

function factNameOf(plan: Plan): string {
  const need = plan.routes[0].needs.find(({ kind }) => kind === "token");
  return need?.name ?? "";
}

interface Asked {
  readonly request?: RequestParts;
  readonly given?: Readonly<Record<string, unknown>>;
  readonly token?: Readonly<Record<string, unknown>>;
}

function search(plan: Plan, { request = {}, given = {}, token }: Asked = {}): PassingToken {
  const fact = factNameOf(plan);
  const came: TokenFact =
    token === undefined ? { state: "absent" } : { state: "verified", algorithm: "ES256", claims: token };
  return passingToken({
    plan,
    route: 0,
    seen: passageOf({ ...request, facts: { [fact]: came }, wallClock: NOW * 1000 }),
    state: freshState(plan),
    now: 0,
    usable: new Set([fact]),
    times: { iat: NOW, exp: NOW + 600 },
    given: new Map(Object.entries(given)),
  });
}

/** The claims, after the whole core has admitted a request with them. */
function claimsOf(plan: Plan, asked: Asked = {}): Readonly<Record<string, unknown>> {
  const found = search(plan, asked);
  assert.equal(found.kind, "passes", JSON.stringify({ ...found, step: undefined }));
  assert.ok(found.kind === "passes");
  const facts = { [found.fact]: { state: "verified", algorithm: "ES256", claims: found.claims } };
  const x: Passage = passageOf({ ...asked.request, facts, wallClock: NOW * 1000 });
  const out = new Decision();
  const state = freshState(plan);
  enter(x, plan, state, 0, out);
  decide(x, plan, state, 0, out);
  assert.ok(!out.refused, `step ${out.step} refuses ${JSON.stringify(found.claims)}`);
  const { iat: _iat, exp: _exp, ...claims } = found.claims;
  return claims;
}

describe("passing token", () => {
  it("has issuer, audience and scope of the policies of the route", () => {
    assert.deepEqual(claimsOf(planOf(JWT, allow("'orders:read' in jwt.scope"))), {
      iss: "https://dev.test/",
      aud: "shop",
      scope: "orders:read",
    });
    assert.equal(claimsOf(planOf(JWT, "requireScopes: { all: [a, b], any: [c, d] }")).scope, "a b c");
    assert.deepEqual(claimsOf(planOf(JWT, "requireGroups: { all: [staff], claim: realm_access.roles }")).realm_access, {
      roles: ["staff"],
    });
  });

  it("keeps what the refused token says, and adds what was missing", () => {
    const token = { iss: "https://dev.test/", aud: ["shop", "x"], sub: "bob", scope: "orders:read", exp: NOW + 9 };
    const { sub, scope } = claimsOf(planOf(JWT, allow("'orders:write' in jwt.scope")), { token });
    assert.deepEqual([sub, scope], ["bob", "orders:read orders:write"]);
  });

  it("gives up a claim of the refused token where a rule will not have it", () => {
    const token = { iss: "https://dev.test/", aud: "shop", sub: "bob", role: "guest" };
    const plan = planOf(JWT, rules(`deny: "jwt.role == 'guest'"`, `allow: "has(jwt.sub)"`));
    const { role, sub } = claimsOf(plan, { token });
    assert.equal(sub, "bob");
    assert.notEqual(role, "guest");
  });

  it("is read from every shape of rule that names its value", () => {
    const shapes: readonly [string, Record<string, unknown>][] = [
      ["jwt.tenant == 'acme' && jwt.level >= 3 && jwt.level < 5", { tenant: "acme", level: 3 }],
      ["'admin' == jwt.role || false", { role: "admin" }],
      ["jwt.role in ['owner', 'admin']", { role: "owner" }],
      ["jwt.email.endsWith('@acme.test')", { email: "@acme.test" }],
      ["jwt.groups.exists(g, g == 'ops')", { groups: ["ops"] }],
      ["['ops', 'dev'].exists(g, g in jwt.groups)", { groups: ["ops"] }],
      ["['ops', 'dev'].all(g, g in jwt.groups)", { groups: ["ops", "dev"] }],
      [
        "jwt.realm_access.roles.exists(r, r == 'x') && has(jwt.email)",
        { realm_access: { roles: ["x"] }, email: "dev" },
      ],
      ["jwt['https://acme.test/role'] == 'x'", { "https://acme.test/role": "x" }],
      ["jwt.verified && !(jwt.role == 'guest')", { verified: true, role: "dev" }],
      ["request.method == 'DELETE' ? jwt.level > 9 : jwt.level > 1", { level: 2 }],
      ["jwt.sub == request.headers['x-user']", { sub: "alice" }],
      ["!('banned' in jwt.groups)", { groups: [] }],
      ["jwt.groups.all(g, g.startsWith('team-'))", { groups: [] }],
      ["jwt.scp.exists(s, s == 'a')", { scp: ["a"] }],
    ];
    for (const [expression, wanted] of shapes) {
      const {
        iss: _iss,
        aud: _aud,
        ...claims
      } = claimsOf(planOf(JWT, allow(expression)), {
        request: { headers: { "x-user": "alice" } },
      });
      assert.deepEqual(claims, wanted, expression);
    }
  });

  it("takes the rule that this request can fulfil", () => {
    const policy = rules(
      `allow: "request.method == 'POST' && 'write' in jwt.scope"`,
      `allow: "request.method == 'GET' && 'read' in jwt.scope"`,
    );
    assert.equal(claimsOf(planOf(JWT, policy)).scope, "read");
    assert.equal(claimsOf(planOf(JWT, policy), { request: { method: "POST" } }).scope, "write");
  });

  it("is made for the member of anyOf that it can pass", () => {
    const plan = planOf(`anyOf: [{ apiKey: { header: x-api-key } }, { ${JWT} }]`, allow("'a' in jwt.scope"));
    assert.equal(claimsOf(plan).iss, "https://dev.test/");
  });

  it("asks for what no rule says, and takes what is said only if it passes", () => {
    const plan = planOf(JWT, allow("jwt.email.matches('^[a-z]+@acme[.]test$') && jwt.role == 'x'"));
    const asked = search(plan);
    assert.deepEqual(asked.kind === "asks" && asked.open, ["email"]);
    assert.equal(claimsOf(plan, { given: { email: "ann@acme.test" } }).email, "ann@acme.test");
    const wrong = search(plan, { given: { email: "ann@other.test" } });
    assert.equal(wrong.kind, "impossible");
    assert.match(wrong.kind === "impossible" ? wrong.sentence : "", /authorization: rule-0: .*matches.* was false/);
    assert.equal(search(plan, { given: { role: "x" } }).kind, "asks");
  });

  it("says when no token does it", () => {
    const post = search(planOf(JWT, allow("request.method == 'POST' && 'a' in jwt.scope")));
    assert.match(post.kind === "impossible" ? post.sentence : "", /^authorization: no token fulfils it/);
    const groups = search(planOf(JWT, "requireGroups: { any: [staff] }"));
    assert.match(groups.kind === "impossible" ? groups.sentence : "", /^requireGroups: no token fulfils it/);
    assert.equal(search(planOf(JWT, allow("jwt.a == 'x' && jwt.a == 'y'"))).kind, "impossible");
    assert.equal(search(planOf("apiKey: { header: x-api-key }")).kind, "impossible");
  });

  it("does not believe a token whose signature is not good", () => {
    const plan = planOf(JWT, allow("'a' in jwt.scope"));
    const fact = factNameOf(plan);
    const forged: TokenFact = { state: "badSignature", problem: "", claims: { sub: "root", admin: true } };
    const seen = passageOf({ facts: { [fact]: forged }, wallClock: NOW * 1000 });
    const found = passingToken({
      plan,
      route: 0,
      seen,
      state: freshState(plan),
      now: 0,
      usable: new Set([fact]),
      times: { iat: NOW, exp: NOW + 600 },
      given: new Map(),
    });
    assert.ok(found.kind === "passes");
    assert.deepEqual(Object.keys(found.claims).toSorted(), ["aud", "exp", "iat", "iss", "scope"]);
  });

  it("makes any generated conjunction of tests true, by the judgement of the whole core", () => {
    const word = fc.constantFrom("a", "b", "orders:read", "acme");
    const claim = fc.constantFrom("tenant", "role", "team", "plan");
    const atom = fc.oneof(
      word.map((value) => `'${value}' in jwt.scope`),
      fc.tuple(fc.constantFrom("groups", "roles"), word).map(([list, value]) => `'${value}' in jwt.${list}`),
      fc.tuple(claim, word).map(([name, value]) => `jwt.${name} == '${value}'`),
      fc.tuple(claim, word).map(([name, value]) => `jwt.${name} != 'not-${value}'`),
      fc.tuple(claim, word).map(([name, value]) => `jwt.${name} in ['${value}', 'b']`),
      fc.tuple(claim, word).map(([name, value]) => `jwt.${name}.startsWith('${value}')`),
      fc.integer({ min: -5, max: 4 }).map((level) => `jwt.level >= ${level}`),
      fc.integer({ min: 5, max: 9 }).map((level) => `${level} > jwt.level`),
      claim.map((name) => `has(jwt.${name})`),
      fc.constantFrom("request.method == 'GET'", "client.ip == '127.0.0.1'", "jwt.beta", "!jwt.banned"),
      fc.tuple(word, word).map(([a, b]) => `('${a}' in jwt.scope || jwt.role == '${b}')`),
      word.map((value) => `jwt.teams.exists(t, t == '${value}')`),
      word.map((value) => `!(jwt.scope.exists(s, s == 'no-${value}'))`),
    );
    let passed = 0;
    let contradictions = 0;
    fc.assert(
      fc.property(fc.array(atom, { minLength: 1, maxLength: 5 }), fc.array(atom, { maxLength: 2 }), (all, denied) => {
        const deny = denied.map((one) => `deny: ${JSON.stringify(`!(${one})`)}`);
        const plan = planOf(JWT, rules(...deny, `allow: ${JSON.stringify(all.join(" && "))}`));
        const found = search(plan);
        if (found.kind === "passes") {
          claimsOf(plan);
          passed++;
        } else {
          // Only what contradicts itself may fail: two values for one claim.
          const named = [...all, ...denied].join(" ").match(/jwt\.(tenant|role|team|plan)\b/g) ?? [];
          assert.ok(new Set(named).size < named.length, `${found.kind}: ${all.join(" && ")} / ${denied.join(" ")}`);
          contradictions++;
        }
      }),
      { numRuns: 300 },
    );
    assert.ok(passed > contradictions * 2, `${passed} passed, ${contradictions} did not`);
  });
});
