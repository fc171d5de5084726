/** Completion, hover and names, on files as they are while somebody types. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { policies } from "../policies/index.ts";
import { complete } from "./complete.ts";
import { applyEdits } from "./edit.ts";
import { hover } from "./hover.ts";
import { definition, namedBlocks, names, references } from "./names.ts";
import { examples, sources, whole } from "./policy-file.fixture.ts";
import { read } from "./read.ts";

/** Labels offered at the `|`. */
function at(marked: string): string[] {
  const offset = marked.indexOf("|");
  return complete(marked.replace("|", ""), offset).map(({ label }) => label);
}

const services = "services:\n  orders:\n    endpoints: [{ url: http://localhost:1 }]\n";

describe("completion", () => {
  it("offers the keys that are not there yet, required ones first", () => {
    assert.deepEqual(at("|").slice(0, 2), ["listeners", "version"]);
    assert.ok(!at("version: 1\nlisteners: []\n|").includes("version"));
    assert.deepEqual(at("listeners:\n  - name: edge\n    |").slice(0, 1), ["port"]);
  });

  it("offers keys inside braces, also while they are open", () => {
    assert.deepEqual(at("services:\n  o:\n    endpoints:\n      - { url: http://a:1, |"), [
      "admin",
      "priority",
      "weight",
      "zone",
    ]);
    assert.ok(at("routes:\n  - name: r\n    timeouts: { req| }\n").includes("request"));
  });

  it("offers values of enumerations, defaults and balancers", () => {
    assert.deepEqual(at("services:\n  o:\n    endpoints:\n      - { url: http://a:1, admin: | }"), [
      "Up",
      "Drain",
      "Maintenance",
    ]);
    assert.ok(at("services:\n  o:\n    loadBalancer: { type: | }").includes("LeastRequest"));
    assert.ok(at("services:\n  o:\n    loadBalancer:\n      type: LeastRequest\n      |").includes("choices"));
    assert.deepEqual(at("services:\n  o:\n    panicThreshold: |"), ["50%", "20%"]);
  });

  it("offers the names that may stand there", () => {
    assert.deepEqual(at(`${services}routes:\n  - name: r\n    backendRefs: [{ service: |`), ["orders"]);
    assert.deepEqual(at("listeners: [{ name: edge }]\nroutes:\n  - name: r\n    listeners: [|]"), ["edge"]);
    assert.equal(at("policies:\n  mine: { rateLimit: {} }\nroutes:\n  - name: r\n    policies:\n      - |")[0], "mine");
  });

  it("offers services, listeners and consumers wherever one is used, also by a policy", () => {
    const before = `${services}consumers: [{ name: web }]\nlisteners:\n  - name: db\n    backendRefs: [{ service: `;
    assert.deepEqual(at(`${before}| }]`), ["orders"]);
    assert.deepEqual(at(`${services}routes:\n  - name: r\n    mirror: { service: o| }`), ["orders"]);
    assert.ok(
      at(`${services}policies:\n  p: { apiVersion: { versions: { "1": { service: | } } } }`).includes("orders"),
    );
    assert.equal(at("consumers: [{ name: web }]\nroutes:\n  - name: r\n    matches: [{ consumer: | }]")[0], "web");
  });

  it("offers groups, scopes and header names that stand elsewhere in the file", () => {
    const consumers = "consumers: [{ name: web, groups: [staff, partner] }]\n";
    assert.deepEqual(at(`${consumers}policies:\n  p: { requireGroups: { any: [|] } }`).slice(0, 2), [
      "staff",
      "partner",
    ]);
    assert.ok(at(`${consumers}policies:\n  p:\n    apiKey:\n      groups:\n        - p|`).includes("partner"));
    const key = "policies:\n  k: { apiKey: { header: x-tenant-key } }\n";
    assert.ok(at(`${key}routes:\n  - name: r\n    matches:\n      - headers: { | }`).includes("x-tenant-key"));
  });

  it("offers an empty list or map where one is wanted and nothing is known of what is in it", () => {
    assert.ok(at("routes:\n  - name: r\n    matches: |").includes("[ ]"));
    assert.ok(at("services:\n  o:\n    tls: |").includes("{ }"));
  });

  it("offers every kind of policy, each as a snippet that is valid by itself", () => {
    const text = `version: 1\nlisteners: [{ name: edge, port: 1 }]\n${services}routes:\n  - name: r\n    backendRefs: [{ service: orders }]\n    policies:\n      - `;
    for (const { kind } of policies) {
      const found = complete(text, text.length).find(({ label }) => label === kind);
      assert.ok(found, kind);
      const newText = found.insert.replace(/\\([\\$}])/g, "$1");
      const { diagnostics } = read(
        applyEdits(text, [{ offset: found.offset, endOffset: found.endOffset, newText }]),
        "x",
        sources,
      );
      assert.deepEqual(
        diagnostics.filter(({ severity }) => severity === "error"),
        [],
        kind,
      );
    }
  });

  it("offers the fields of a policy with their words", () => {
    const text = "policies:\n  p:\n    rateLimit:\n      ";
    const offered = complete(text, text.length);
    assert.ok(offered.some(({ label }) => label === "requests"));
    assert.ok(offered.some(({ label }) => label === "shadow"));
    for (const { documentation } of offered) assert.ok(documentation && documentation.length > 20);
  });

  it("replaces the word under the cursor and keeps a colon that is there", () => {
    const text = "version: 1\nlist: []\n";
    const found = complete(text, 13).find(({ label }) => label === "listeners");
    assert.deepEqual(found && [found.offset, found.endOffset, found.insert], [11, 15, "listeners"]);
  });

  it("is silent in comments, and never throws, wherever the cursor is and whatever the text", () => {
    assert.deepEqual(at("# |"), []);
    for (const { text } of examples().slice(0, 3)) {
      for (let offset = 0; offset <= text.length; offset += 23) {
        complete(text.slice(0, offset), offset);
        complete(text, offset);
        hover(text, offset);
      }
    }
    fc.assert(
      fc.property(fc.string(), fc.nat(300), (text, offset) => void [complete(text, offset), hover(text, offset)]),
      { numRuns: 50 },
    );
  });
});

function over(word: string, shift = 1): string {
  return hover(whole, whole.indexOf(word) + shift)?.markdown ?? "";
}

describe("hover", () => {
  it("shows type, range, default and words of a key", () => {
    assert.match(over("port: 8080"), /whole number from 0 to 65535/);
    assert.match(over("panicThreshold"), /percentage.*default `50%`/);
    assert.match(over("consecutive5xx"), /default `5`[^]*eject/);
  });

  it("shows phase and example of a policy kind", () => assert.match(over("ipFilter"), /phase \*screen\*[^]*```yaml/));

  it("shows the declaration of a name that is used, and the uses of one that is declared", () => {
    assert.match(over("- per-client", 3), /policy, declared in line \d+[^]*rateLimit/);
    assert.match(over("orders-v2:"), /service · used in line \d+/);
  });

  it("has something to say about every key that the document declares", () => {
    for (const key of [
      "listeners",
      "hostnames",
      "matches",
      "backendRefs",
      "methods",
      "timeouts",
      "unhealthyThreshold",
      "groups",
    ]) {
      assert.ok(over(`${key}:`).length > key.length + 20, key);
    }
  });
});

describe("names", () => {
  it("lead from a use to its declaration, and to every use", () => {
    const use = whole.lastIndexOf("service: orders,") + 10;
    const declared = definition(whole, "x", use);
    assert.equal(declared?.range.offset, whole.indexOf("  orders:\n") + 2);
    assert.equal(references(whole, "x", use).length, 2);
    assert.equal(definition(whole, "x", whole.indexOf("version")), undefined);
  });

  it("list declarations and uses with the text they point to", () => {
    for (const { name, range } of names(whole, "x")) assert.equal(whole.slice(range.offset, range.endOffset), name);
    assert.deepEqual(
      namedBlocks(whole, "x").map(({ kind, name, detail }) => `${kind} ${name} ${detail}`.trim()),
      [
        "listener edge port 8080",
        "listener inner port 8081",
        "consumer mobile",
        "consumer batch",
        "service orders 2 endpoints",
        "service orders-v2 1 endpoint",
        "policy per-client rateLimit",
        "route orders /orders/, /order, /o/[0-9]+",
      ].map((line) => line.replace("/orders/,", "/orders//*,")),
    );
  });
});
