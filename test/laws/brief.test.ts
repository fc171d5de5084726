/**
 * The short reason of the table: the fact first and the numbers with it, over policy files as people write them.
 */
import assert from "node:assert/strict";
import { again } from "../../src/decide/again.ts";
import { decide } from "../../src/decide/decide.ts";
import { enter } from "../../src/decide/enter.ts";
import { explain } from "../../src/decide/explain.ts";
import type { Ended, Story } from "../../src/decide/story.ts";
import { Decision } from "../../src/model/decision.ts";
import { freshState } from "../../src/model/fresh.ts";
import { Failure } from "../../src/model/state.ts";
import type { Passage } from "../../src/model/arrival.ts";
import { read } from "../../src/policyfile/read.ts";
import { sources } from "./policy-texts.ts";

interface Scene {
  readonly endpoints?: number;
  readonly loadBalancer?: object;
  readonly policies?: readonly object[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly inFlight?: readonly number[];
  /** How often it is asked before the one that is told. */
  readonly before?: number;
}

function scene({ endpoints = 1, loadBalancer, policies = [], headers = {}, inFlight = [], before = 0 }: Scene) {
  const text = JSON.stringify({
    version: 1,
    listeners: [{ name: "edge", port: 8080 }],
    services: {
      shop: {
        endpoints: Array.from({ length: endpoints }, (_, i) => ({ url: `http://localhost:${4001 + i}` })),
        ...(loadBalancer === undefined ? {} : { loadBalancer }),
      },
    },
    routes: [{ name: "all", policies, backendRefs: [{ service: "shop" }] }],
  });
  const { plan, diagnostics } = read(text, "brief.yaml", sources);
  assert.ok(plan, JSON.stringify(diagnostics));
  const state = freshState(plan);
  inFlight.forEach((count, i) => (state.services[0].endpoints[i].inFlight = count));
  const x: Passage = {
    arrival: {
      layer: 7,
      listener: 0,
      clientIp: "127.0.0.1",
      clientPort: 40_000,
      method: "GET",
      host: "localhost",
      path: "/",
      header: (name) => headers[name],
    },
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
    facts: {},
    seed: 3,
    tried: 0,
    wallClock: 1_700_000_000_000,
    requestId: () => "r",
  };
  const out = new Decision();
  for (let i = 0; i <= before; i++) {
    out.clear();
    enter(x, plan, state, 1000, out);
    if (!out.over) decide(x, plan, state, 1000, out);
  }
  const tell = (ended?: Ended): Story => explain(out, plan, x, ended);
  return { plan, state, x, out, tell, why: tell().why };
}

describe("the short reason", () => {
  it("of the only endpoint says so and no more", () => {
    assert.equal(scene({}).why, "only endpoint");
  });

  it("names the balancer and what it compared", () => {
    assert.equal(scene({ endpoints: 2 }).why, "round robin, its turn");
    const loadBalancer = { type: "LeastRequest" };
    assert.equal(scene({ endpoints: 2, loadBalancer, inFlight: [2, 0] }).why, "least request 0 < 2");
    assert.equal(scene({ endpoints: 2, loadBalancer }).why, "least request 0 = 0, drawn");
  });

  it("names the key that a hash was made of", () => {
    const loadBalancer = { type: "ConsistentHash", on: "header.x-tenant" };
    const { why } = scene({ endpoints: 3, loadBalancer, headers: { "x-tenant": "acme" } });
    assert.equal(why, "consistent hash x-tenant=acme");
  });

  it("leads with what the backend answered when nobody hoped for it", () => {
    const { tell } = scene({});
    assert.equal(tell({ status: 503, failure: Failure.None }).why, "backend answered 503; only endpoint");
    assert.equal(tell({ status: 200, failure: Failure.None }).why, "only endpoint");
  });

  it("says of a retry what the attempt before it met, and where", () => {
    const { plan, state, x, out, tell } = scene({ endpoints: 2 });
    const first = out.endpoint;
    assert.ok(again(x, plan, state, 1002, { status: 502, failure: Failure.None, firstByte: 1 }, out));
    const tries = [
      { endpoint: first, status: 502, failure: Failure.None },
      { endpoint: out.endpoint, status: 200, failure: Failure.None },
    ];
    const { why } = tell({ status: 200, failure: Failure.None, tries });
    assert.equal(why, `attempt 2 after 502 from :${4001 + first}; only endpoint left`);
  });

  it("of a refusal is the policy, then its numbers", () => {
    const rateLimit = { key: "client.ip", requests: 2, per: "10s", algorithm: "tokenBucket" };
    const { why } = scene({ policies: [{ rateLimit }], before: 2 });
    assert.equal(why, "rateLimit 0 of 2, next in 5 s");
  });

  it("of a rule that did not hold is the rule and the values that it saw", () => {
    const authorization = { rules: [{ name: "can-write", allow: "request.headers['x-scope'] == 'w'" }] };
    const { why } = scene({ policies: [{ authorization }], headers: { "x-scope": "r" } });
    assert.match(why, /^authorization can-write: .*was "r"$/);
  });
});
