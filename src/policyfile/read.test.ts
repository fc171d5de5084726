/** What read accepts, what it refuses and in which words; that it never throws. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Diagnostic } from "./diagnostic.ts";
import { applyEdits } from "./edit.ts";
import { examples, fileWith, sources, whole } from "./policy-file.fixture.ts";
import { read } from "./read.ts";
import { LIMITS } from "./tree.ts";

function problems(text: string): readonly Diagnostic[] {
  return read(text, "switchyard.yaml", sources).diagnostics;
}

/** Code, line and column, and the text it points to. */
function brief(text: string): string[] {
  return problems(text).map(
    ({ code, range }) =>
      `${code} ${range.line}:${range.column} ${text.slice(range.offset, range.endOffset).split("\n")[0]}`,
  );
}

const head = "version: 1\nlisteners: [{ name: edge, port: 8080 }]\n";
const service = "services: { orders: { endpoints: [{ url: http://localhost:4001 }] } }\n";
const route = "routes: [{ name: orders, backendRefs: [{ service: orders }] }]\n";

describe("reading a policy file", () => {
  for (const { name, text } of examples()) {
    it(`accepts the example of ${name}`, () => {
      const { diagnostics, plan } = read(text, "switchyard.yaml", sources);
      assert.deepEqual(
        diagnostics.filter(({ severity }) => severity !== "hint"),
        [],
      );
      assert.ok(plan);
    });
  }

  it("compiles every field of the document", () => {
    const { plan } = read(whole, "switchyard.yaml", sources);
    assert.ok(plan);
    const [orders] = plan.services;
    assert.deepEqual(plan.listeners[0].addresses, ["127.0.0.1", "::1"]);
    assert.deepEqual(
      orders.endpoints.map(({ host, port, label, weight, admin }) => [host, port, label, weight, admin]),
      [
        ["localhost", 4001, ":4001", 1, 0],
        ["::1", 4002, ":4002", 2, 1],
      ],
    );
    assert.deepEqual(orders.active, {
      type: "HTTP",
      path: "/healthz",
      interval: 2000,
      timeout: 500,
      healthyThreshold: 1,
      unhealthyThreshold: 3,
    });
    assert.equal(orders.panicThreshold, 40);
    const [compiled] = plan.routes;
    assert.deepEqual(compiled.timeouts, { connect: 3000, request: 5000, backendRequest: 2000, idle: 60_000 });
    assert.deepEqual(compiled.matches[0].path, { kind: "prefix", value: "/orders" });
    assert.deepEqual(compiled.matches[0].headers, [{ name: "x-api-version", value: "2" }]);
    assert.equal(compiled.totalWeight, 100);
    assert.deepEqual(
      compiled.steps.map((step) => plan.steps[step].identity),
      ["route/orders/apiKey/apiKey", "route/orders/rateLimit/per-client"],
    );
    assert.deepEqual(
      compiled.shapes.map((step) => [plan.steps[step].identity, plan.steps[step].service]),
      [
        // It also hides the key from the backend.
        ["route/orders/apiKey/apiKey", undefined],
        ["service/orders/responseHeaders/responseHeaders", 0],
      ],
    );
    assert.equal(plan.steps[compiled.steps[0]].shadow, true);
    assert.ok(plan.steps[compiled.steps[1]].when);
    assert.equal(plan.steps[compiled.steps[1]].source.line, 30);
  });

  it("reads the same file as JSON, indented with tabs, and with a byte order mark", () => {
    const json = JSON.stringify({ version: 1, listeners: [{ name: "edge", port: 8080 }] }, undefined, "\t");
    assert.ok(read(json, "x", sources).plan);
    assert.ok(read(`\uFEFF${head}`, "x", sources).plan);
    assert.ok(read(head.replaceAll("\n", "\r\n"), "x", sources).plan);
  });

  it("takes the first balancer, every listener, every path and passive health checks by default", () => {
    const { plan } = read(head + service + route, "x", sources);
    assert.equal(plan?.services[0].balancerKind.type, "RoundRobin");
    assert.equal(plan?.services[0].passive.consecutive5xx, 5);
    assert.deepEqual(plan?.routes[0].listeners, [0]);
    assert.deepEqual(plan?.routes[0].matches[0].path, { kind: "prefix", value: "/" });
  });

  it("matches a regular expression against the whole path", () => {
    const text = `${head}${service}routes: [{ name: r, matches: [{ path: { regex: "/o/[0-9]+" } }], backendRefs: [{ service: orders }] }]\n`;
    const path = read(text, "x", sources).plan?.routes[0].matches[0].path;
    assert.ok(path?.kind === "regex");
    assert.deepEqual(
      ["/o/12", "/o/12/x", "/x/o/12", "/o/"].map((one) => path.test(one)),
      [true, false, false, false],
    );
  });
});

describe("limits that say the very same", () => {
  it("are named apart in the fields of an answer, wherever a request meets both", () => {
    const limit = "rateLimit: { key: client.ip, requests: 5, per: 1m }";
    const text = `version: 1
listeners: [{ name: edge, port: 8080, policies: [{ ${limit} }] }]
services: { shop: { endpoints: [{ url: "http://127.0.0.1:1" }] } }
policies: { shared: { ${limit} } }
routes:
  - { name: one, matches: [{ path: { prefix: /one } }], policies: [shared, { ${limit} }], backendRefs: [{ service: shop }] }
  - { name: two, policies: [shared], backendRefs: [{ service: shop }] }
`;
    const { plan } = read(text, "x.yaml", { env: () => undefined, file: () => undefined });
    assert.ok(plan);
    const names = plan.steps.map(({ identity, config, replyFields, twin }) => {
      const fields = replyFields?.(config, 0, 5, 60_000, undefined as never, twin) ?? [];
      return `${identity.split("/").slice(0, 2).join("/")} ${fields.map(([, value]) => value.split(";", 1)[0]).join(" ")}`;
    });
    const twice = (name: string) => `"client.ip/5/1m${name}" "client.ip/5/1m${name}"`;
    assert.deepEqual(names, [
      `listener/edge ${twice("")}`,
      `route/one ${twice("/2")}`,
      `route/one ${twice("/3")}`,
      `route/two ${twice("/2")}`,
    ]);
  });
});

describe("diagnostics", () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ["an empty file", "", ["SY103 1:1 "]],
    ["a comment alone", "# nothing\n", ["SY103 1:1 "]],
    ["a list instead of a map", "- a\n", ["SY102 1:1 - a"]],
    ["a tab that indents", "version: 1\nlisteners:\n\t- name: x\n", ["SY001 3:1 \t"]],
    ["a doubled key", `${head}version: 1\n`, ["SY002 3:1 version"]],
    ["a key that is a number", `${head}1: x\n`, ["SY003 3:1 1"]],
    ["a second document", `${head}---\na: 1\n`, ["SY006 3:1 ---"]],
    ["an alias without an anchor", `${head}consumers: *nobody\n`, ["SY005 3:12 *nobody", "SY102 3:12 *nobody"]],
    ["a tag", `${head}consumers: !mine []\n`, ["SY001 3:12 !mine"]],
    ["an unknown key", `${head}rotues: []\n`, ["SY101 3:1 rotues"]],
    ["a merge key", `${head}services:\n  <<: {}\n`, ["SY102 4:3 <<"]],
    ["a number where text belongs", "version: 1\nlisteners: [{ name: 1, port: 8080 }]\n", ["SY102 2:21 1"]],
    ["a missing field", "version: 1\nlisteners: [{ port: 8080 }]\n", ["SY103 2:15 port"]],
    ["a key without a value", "version: 1\nlisteners:\n", ["SY102 2:1 listeners"]],
    ["an unknown kind", `${head}policies: { a: { ratelimit: {} } }\n`, ["SY213 3:13 a", "SY104 3:18 ratelimit"]],
    ["a field that comes later", `${head}trustedProxies: []\n`, ["SY105 3:1 trustedProxies"]],
    [
      "a layer-4 listener that sends its connections nowhere",
      "version: 1\nlisteners: [{ name: a, port: 1, protocol: TCP }]\n",
      ["SY216 2:21 a"],
    ],
    ["a missing service", `${head}routes: [{ name: r, backendRefs: [{ service: orders }] }]\n`, ["SY202 3:46 orders"]],
    [
      "a missing policy",
      `${head}${service}routes: [{ name: r, policies: [nosuch], backendRefs: [{ service: orders }] }]\n`,
      ["SY207 4:32 nosuch"],
    ],
    [
      "a missing listener",
      `${head}${service}routes: [{ name: r, listeners: [egde], backendRefs: [{ service: orders }] }]\n`,
      ["SY208 4:33 egde"],
    ],
    [
      "two listeners of one name",
      "version: 1\nlisteners: [{ name: a, port: 1 }, { name: a, port: 2 }]\n",
      ["SY206 2:43 a"],
    ],
    [
      "two listeners on one port",
      "version: 1\nlisteners: [{ name: a, port: 1 }, { name: b, port: 1 }]\n",
      ["SY210 2:52 1"],
    ],
    [
      "an address beyond this machine",
      "version: 1\nlisteners: [{ name: a, port: 1, address: 0.0.0.0 }]\n",
      ["SY217 2:42 0.0.0.0"],
    ],
    ["a secret in the file", `${head}consumers: [{ name: a, apiKey: hunter2 }]\n`, ["SY204 3:32 hunter2"]],
    [
      "a secret that cannot be found",
      `${head}consumers: [{ name: a, apiKey: { env: MISSING } }]\n`,
      ["SY209 3:32 { env: MISSING }"],
    ],
    ["a route to nowhere", `${head}routes: [{ name: r }]\n`, ["SY216 3:18 r"]],
    [
      "one endpoint twice",
      `${head}services: { s: { endpoints: [{ url: http://a:1 }, { url: http://A:1/ }] } }\n`,
      ["SY213 3:13 s", "SY206 3:58 http://A:1/"],
    ],
    [
      "an expression that does not parse",
      fileWith("rateLimit: { key: client.ip, requests: 1, per: 1s, when: request.methd }", false),
      ["SY106 11:74 methd"],
    ],
    ["a shape on a listener", fileWith("urlRewrite: { prefix: / }", true), ["SY214 6:9 urlRewrite: { prefix: / }"]],
    [
      "shadow on a policy that never refuses",
      fileWith("urlRewrite: { prefix: /, shadow: true }", false),
      ["SY214 11:34 shadow"],
    ],
    [
      "shadow beside the kind",
      fileWith("rateLimit: { key: client.ip, requests: 1, per: 1s }\nshadow: true", false),
      ["SY107 12:9 shadow"],
    ],
  ];
  for (const [name, text, expected] of cases) {
    it(`point at ${name}`, () => assert.deepEqual(brief(text), expected, text));
  }

  it("come all at once, over every part of the file", () => {
    const text = `verison: 1
listeners:
  - { name: edge, port: "8080" }
services:
  orders: { endpoints: [{ url: localhost:4001 }] }
routes:
  - name: orders
    matches: [{ path: { prefix: orders }, methods: get }]
    policies: [{ rateLimit: { key: client.ip, requests: 0, per: 1m } }]
    timeouts: { request: 5 }
    backendRefs: [{ service: order }]
`;
    assert.deepEqual(brief(text), [
      "SY101 1:1 verison",
      'SY102 3:25 "8080"',
      "SY213 5:3 orders",
      "SY211 5:32 localhost:4001",
      "SY212 8:33 orders",
      "SY102 8:52 get",
      "SY102 9:57 0",
      "SY102 10:26 5",
      "SY202 11:30 order",
    ]);
  });

  it("offer fixes that mend the file", () => {
    let text = `verison: 1
listeners:
  - { name: edge, port: "8080", protocol: http }
services:
  orders: { endpoints: [{ url: localhost:4001 }], panicThreshold: 50, loadBalancer: { type: roundrobin } }
routes:
  - name: orders
    matches: [{ path: { prefix: orders }, methods: get, headers: { x: 2 } }]   # kept
    policies:
      - rateLimit: { key: client.ip, requests: 5, per: 1m }
        shadow: true
      - cache: { ttl: 1s }
    timeouts: { request: 5 }
    retry: { attempts: 2 }
    backendRefs: [{ service: order }]
`;
    for (let round = 0; round < 30; round++) {
      const fix = problems(text).find(({ severity, fixes }) => severity === "error" && fixes.length > 0)?.fixes[0];
      if (fix === undefined) break;
      text = applyEdits(text, fix.edits);
    }
    assert.deepEqual(
      problems(text).map(({ message }) => message),
      [],
      text,
    );
    assert.match(text, /# kept/);
    assert.match(text, /rateLimit: \{ shadow: true, key: client\.ip/);
  });

  it("move a shadowed route above the one that shadows it, with its comments", () => {
    const text = `${head}${service}routes:
  # everything
  - name: all
    matches: [{ path: { prefix: /a }, methods: [GET, POST] }]
    backendRefs: [{ service: orders }]

  - name: get # only GET
    matches: [{ path: { prefix: /a }, methods: [GET] }]
    backendRefs: [{ service: orders }]
`;
    const [shadowed] = problems(text);
    assert.equal(shadowed.code, "SY201");
    const mended = applyEdits(text, shadowed.fixes[0].edits);
    assert.deepEqual(problems(mended), []);
    assert.ok(mended.indexOf("- name: get # only GET") < mended.indexOf("- name: all"));
  });

  it("say that a regular expression behind a prefix never matches", () => {
    const text = `${head}${service}routes:
  - { name: all, backendRefs: [{ service: orders }] }
  - { name: exact, matches: [{ path: { regex: "/x/[0-9]" } }], backendRefs: [{ service: orders }] }
`;
    assert.deepEqual(brief(text), ["SY201 6:13 exact"]);
  });

  it("never show the value of a secret", () => {
    const text = `${head}consumers: [{ name: a, apiKey: hunter2 }, { name: b, apiKey: hunter2 }]\n`;
    assert.ok(problems(text).length > 0);
    assert.doesNotMatch(JSON.stringify(problems(text)), /hunter2/);
  });

  it("behind a syntax error say nothing that the error may have caused", () => {
    const text = `version: 1\nlisteners: [{ name: edge, prt: 8080 }]\nroutes: [{ name: r, backendRefs: [{ service: `;
    assert.deepEqual(
      problems(text)
        .map(({ code }) => code)
        .filter((code) => code !== "SY001"),
      ["SY101"],
    );
  });
});

function readsTo(text: string): void {
  const { diagnostics, plan } = read(text, "x", sources);
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  assert.equal(plan === undefined, errors.length > 0);
  for (const { range, message, fixes } of diagnostics) {
    assert.ok(range.offset >= 0 && range.offset <= range.endOffset && range.endOffset <= text.length, message);
    assert.ok(message.length > 0);
    for (const { edits } of fixes)
      for (const edit of edits) assert.ok(edit.offset >= 0 && edit.endOffset <= text.length);
  }
}

describe("reading never throws", () => {
  it("on any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), readsTo), { numRuns: 200 });
    const yamlish = fc.array(
      fc.constantFrom(
        ..."version: 1|listeners:|routes:|\n|\n  |- |: |{|}|[|]|,|name: x|&a |*a|<<: |\"|'|#|\t|? |!!str |null|~|.inf|1e999|0x1|---|...|%YAML 1.1|>|\\".split(
          "|",
        ),
        "|",
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(yamlish, (parts) => readsTo(parts.join(""))),
      { numRuns: 300 },
    );
  });

  it("on valid files with pieces cut out, doubled or replaced", () => {
    const files = examples().map(({ text }) => text);
    const mutation = fc.tuple(
      fc.constantFrom(...files),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat({ max: 60 }),
      fc.constantFrom(
        "",
        "x",
        "\n",
        ": ",
        "{",
        "]",
        "- ",
        "&a ",
        "*a",
        "null",
        "[]",
        "{}",
        "-1",
        "1e400",
        "'",
        "\u0000",
        "\ud800",
      ),
    );
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        let [[text]] = mutations;
        for (const [, where, length, insert] of mutations) {
          const at = Math.floor(where * text.length);
          text = text.slice(0, at) + insert + text.slice(at + length);
        }
        readsTo(text);
      }),
      { numRuns: 300 },
    );
  });

  it("on valid shapes with any JSON in any place", () => {
    const places = [
      ["version"],
      ["listeners"],
      ["listeners", 0],
      ["listeners", 0, "policies"],
      ["consumers", 0, "apiKey"],
    ];
    places.push(["services", "orders"], ["services", "orders", "endpoints"], ["services", "orders", "loadBalancer"]);
    places.push(
      ["policies", "p"],
      ["policies", "p", "rateLimit"],
      ["policies", "p", "authorization"],
      ["policies", "p", "jwt"],
    );
    places.push(
      ["routes", 0, "matches"],
      ["routes", 0, "matches", 0, "path"],
      ["routes", 0, "policies"],
      ["routes", 0, "backendRefs"],
    );
    const base = {
      version: 1,
      listeners: [{ name: "edge", port: 8080 }],
      consumers: [{ name: "c", apiKey: "k" }],
      services: { orders: { endpoints: [{ url: "http://localhost:1" }] } },
      policies: { p: {} },
      routes: [{ name: "r", matches: [{}], policies: ["p"], backendRefs: [{ service: "orders" }] }],
    };
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.jsonValue({ maxDepth: 3 }), (path, value) => {
        const document = structuredClone(base) as Record<string, unknown>;
        let at: Record<string | number, unknown> = document;
        for (const part of path.slice(0, -1)) at = at[part] as Record<string | number, unknown>;
        at[path.at(-1) as string] = value;
        readsTo(JSON.stringify(document));
      }),
      { numRuns: 250 },
    );
  });

  it("on nesting, alias bombs, huge files and huge numbers, and ends soon", () => {
    for (const opener of ["[", "{a: ", "- ", "? ", "a:\n "]) {
      for (const count of [70, 5000, 100_000]) readsTo(opener.repeat(count));
    }
    const laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let i = 1; i < 30; i++) laughs.push(`a${i}: &a${i} [${new Array<string>(10).fill(`*a${i - 1}`).join(", ")}]`);
    readsTo(laughs.join("\n"));
    assert.ok(problems(laughs.join("\n")).some(({ code }) => code === "SY004"));
    readsTo("a: &a [*a]\n");
    readsTo("x".repeat(LIMITS.characters + 1));
    readsTo(`version: ${"9".repeat(5000)}\nlisteners: [{ name: a, port: 1e999 }]`);
    readsTo(`${head}${service}routes: [{ name: r, matches: [{ path: { regex: "((a{1,100}){1,100}){1,100}" } }] }]`);
    readsTo(`${head}__proto__: { polluted: true }\nconstructor: 1\n`);
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
  });
});
