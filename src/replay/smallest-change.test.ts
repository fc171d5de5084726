/** The least edit that would have let a refused request pass: seen to work, by replay, for each kind of refusal. */
import assert from "node:assert/strict";
import { cloneState } from "../decide/clone.ts";
import { decide } from "../decide/decide.ts";
import { enter } from "../decide/enter.ts";
import { settle } from "../decide/settle.ts";
import type { Arrival, Facts, Passage, TokenFact } from "../model/arrival.ts";
import { Decision } from "../model/decision.ts";
import { freshState } from "../model/fresh.ts";
import type { JournalEvent } from "../model/journal.ts";
import type { Plan } from "../model/plan.ts";
import { applyEdits } from "../policyfile/edit.ts";
import { read } from "../policyfile/read.ts";
import { smallestChanges } from "./smallest-change.ts";
import type { Recorded } from "./what-if.ts";

const EPOCH = 1_790_000_000_000;

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly clientIp?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: TokenFact;
}

const policy = (policies: string, match = "path: { prefix: / }", service = "") => `version: 1
listeners: [{ name: edge, port: 8080 }] # the door
services:
  shop: { endpoints: [{ url: http://localhost:1 }]${service} }
routes:
  - name: all
    matches: [{ ${match} }]
    policies:
${policies
  .split("\n")
  .map((line) => `      ${line} # why it is here`)
  .join("\n")}
    backendRefs: [{ service: shop }]
`;

function planOf(text: string): Plan | undefined {
  return read(text, "f.yaml", { env: () => "x", file: () => '{"keys":[]}' }).plan;
}

/** The last of the requests, and what would let it pass. */
function changesFor(text: string, asked: readonly Asked[], stay = 1): { titles: string[]; texts: string[] } {
  const plan = planOf(text);
  assert.ok(plan, text);
  const state = freshState(plan);
  const start = cloneState(state);
  const journal: JournalEvent[] = [];
  const open: { id: number; passage: Passage; decision: Decision }[] = [];
  let at = 1000.5;
  const end = (): void => {
    const one = open.shift();
    if (one === undefined) return;
    const { holds, service, endpoint } = one.decision;
    const outcome = { status: 200, failure: 0, firstByte: 1 };
    journal.push({ kind: "settle", id: one.id, at, outcome, sent: holds ? { service, endpoint } : null });
    settle(one.passage, one.decision, plan, state, outcome, at);
  };
  asked.forEach((one, index) => {
    at += 13.25;
    const { method = "GET", path = "/", host = "localhost", clientIp = "127.0.0.1", headers = {}, token } = one;
    const arrival: Arrival = {
      layer: 7,
      listener: 0,
      clientIp,
      clientPort: 1,
      method,
      host,
      path,
      query: undefined,
      header: (name) => headers[name],
    };
    const caller = { consumer: undefined, groups: [], jwt: undefined, label: undefined };
    const id = index + 1;
    const passage: Passage = {
      arrival,
      facts: {},
      caller,
      seed: id,
      tried: 0,
      wallClock: EPOCH,
      requestId: () => String(id),
    };
    const decision = new Decision();
    journal.push({ kind: "enter", id, at, wallClock: EPOCH, seed: id, arrival });
    enter(passage, plan, state, at, decision);
    if (!decision.over) {
      const facts: Facts = Object.fromEntries(plan.routes[decision.route].needs.map(({ name }) => [name, token]));
      passage.facts = facts;
      journal.push({ kind: "decide", id, at, facts });
      decide(passage, plan, state, at, decision);
    }
    open.push({ id, passage, decision });
    if (open.length >= stay) end();
  });
  const last = open.at(-1)?.decision;
  while (open.length > 0) end();
  if (last !== undefined) assert.ok(last.refused, "the last request is refused");
  const recorded: Recorded = { journal, plan, at: 0, state: () => cloneState(start), planOf: () => plan };
  const found = smallestChanges({ recorded, text, plan, request: asked.length, read: planOf });
  const texts = found.map(({ edits }) => applyEdits(text, edits));
  for (const edited of texts) assert.equal(edited.match(/#/g)?.length, text.match(/#/g)?.length, "comments stay");
  return { titles: found.map(({ title }) => title), texts };
}

const times = (count: number, asked: Asked = {}): Asked[] => Array.from({ length: count }, () => asked);

describe("the smallest change that lets a request pass", () => {
  it("raises a limit to the very value that is needed", () => {
    const text = policy("- rateLimit: { key: client.ip, requests: 3, per: 1h, algorithm: fixedWindow }");
    const { titles, texts } = changesFor(text, times(9));
    assert.equal(titles[0], "Smallest passing limit: 9 per 1h by client.ip");
    assert.equal(texts[0], text.replace("requests: 3", "requests: 9"));
  });

  it("raises a bound of requests at once", () => {
    const text = policy("- concurrency: { key: route, max: 2 }");
    const { titles } = changesFor(text, times(4), 9);
    assert.match(titles[0], /^Smallest passing limit: 4 at once/);
  });

  it("allows an address, or stops denying it", () => {
    const allow = changesFor(policy('- ipFilter: { allow: ["10.0.0.0/8"] }'), [{}]);
    assert.deepEqual(allow.titles, ["Allow 127.0.0.1", "Exempt / from ipFilter"]);
    const deny = changesFor(policy('- ipFilter: { deny: ["127.0.0.0/8", "9.0.0.0/8"] }'), [{}]);
    assert.deepEqual(deny.titles, ["Stop denying 127.0.0.0/8", "Exempt / from ipFilter"]);
  });

  const claims = { iss: "https://other/", aud: "cart", sub: "alice", scope: "read", exp: EPOCH / 1000 + 60 };
  const token: TokenFact = { state: "verified", algorithm: "RS256", claims };

  it("takes the issuer or the audience of a good token", () => {
    const issuer = policy('- jwt: { issuer: "https://dev/", audiences: [cart], jwks: ./k.json }');
    const taken = changesFor(issuer, [{ token }]).titles;
    assert.ok(taken.includes("Accept the issuer https://other/"), taken.join());
    const audience = policy('- jwt: { issuer: "https://other/", audiences: [shop], jwks: ./k.json }');
    const { titles, texts } = changesFor(audience, [{ token }]);
    assert.ok(
      titles.some((title) => /audience.*cart|cart/.test(title)),
      titles.join(),
    );
    assert.ok(
      texts.some((edited) => /audiences: \[shop, cart\]/.test(edited)),
      texts.join(),
    );
  });

  it("exempts the very path from the policy, beside the condition that it has", () => {
    const text = policy("- concurrency: { key: route, max: 1, when: \"request.method != 'PUT'\" }");
    const { titles, texts } = changesFor(text, times(2), 9);
    const at = titles.indexOf("Exempt / from concurrency");
    assert.ok(at > 0, titles.join());
    assert.ok(texts[at].includes(String.raw`when: "(request.method != 'PUT') && request.path != \"/\""`), texts[at]);
  });

  it("does not exempt from one policy what the next refuses then", () => {
    const text = policy("- apiKey: { header: x-key }\n- requireGroups: { any: [staff] }");
    const { titles } = changesFor(text, [{ path: "/orders" }]);
    assert.ok(!titles.some((title) => title.startsWith("Exempt")), titles.join());
  });

  it("adds a rule for what nothing allows", () => {
    const text = policy(`- authorization: { rules: [{ name: admins, allow: "'admin' in consumer.groups" }] }`);
    const { titles, texts } = changesFor(text, [{ method: "POST", path: "/orders/7" }]);
    assert.ok(titles.includes("Add a rule for POST /orders/7"), titles.join());
    assert.ok(texts.some((edited) => edited.includes("name: allow-post")));
  });

  it("adds an origin to CORS", () => {
    const headers = { origin: "https://app.test", "access-control-request-method": "PUT" };
    const text = policy('- cors: { origins: ["https://shop.test"], methods: [PUT] }');
    const { texts } = changesFor(text, [{ method: "OPTIONS", headers }]);
    assert.ok(
      texts.some((edited) => edited.includes("https://app.test")),
      texts.join(),
    );
  });

  it("takes a method, or drops a header condition, where that alone was missing", () => {
    const method = policy("- concurrency: { key: route, max: 9 }", "path: { prefix: / }, methods: [GET]");
    const taken = changesFor(method, [{ method: "PUT" }]);
    assert.deepEqual(taken.titles, ["Take PUT on route all"]);
    assert.ok(taken.texts[0].includes("methods: [GET, PUT]"));
    const header = policy("- concurrency: { key: route, max: 9 }", 'path: { prefix: / }, headers: { X-Version: "2" }');
    assert.deepEqual(changesFor(header, [{}]).titles, ["Do not ask for header x-version on route all"]);
  });

  it("offers nothing where nothing small helps, and nothing for what passes", () => {
    const text = policy("- concurrency: { key: route, max: 9 }", "path: { exact: /a }, methods: [GET]");
    assert.deepEqual(changesFor(text, [{ method: "PUT", path: "/b" }]).titles, []);
    assert.deepEqual(changesFor(policy("- concurrency: { key: route, max: 9 }"), [{}]).titles, []);
  });
});
