/** Renaming, folding and the blocks that lenses stand above. */
import assert from "node:assert/strict";
import { liveBlocks } from "./blocks.ts";
import { complete } from "./complete.ts";
import { applyEdits } from "./edit.ts";
import { foldings } from "./folding.ts";
import { definition, references } from "./names.ts";
import { rename } from "./rename.ts";

const TEXT = `version: 1
listeners: [{ name: edge, port: 8080 }]
# who may call
# and how
consumers:
  - { name: web, apiKey: k } # the shop
services:
  orders: # three replicas
    endpoints:
      - { url: http://localhost:4001 }
policies:
  per-user: { rateLimit: { key: consumer, requests: 5, per: 1m } }
routes:
  - name: all
    listeners: [edge]
    policies:
      - per-user
      - rateLimit: { key: client.ip, requests: 9, per: 1m }
      - authorization: { rules: [{ name: web, allow: "consumer.name == 'web' || consumer.name in ['web', 'app']" }] }
      - rateLimit: { key: route, requests: 90, per: 1m }
    backendRefs: [{ service: orders, weight: 1 }]
`;

const at = (mark: string) => TEXT.indexOf(mark);
const renamed = (mark: string, to: string): string => {
  const edits = rename(TEXT, "f.yaml", at(mark), to);
  return typeof edits === "string" ? edits : applyEdits(TEXT, edits);
};

describe("rename", () => {
  it("changes a service where it is declared and used, and keeps every comment", () => {
    const text = renamed("orders: #", "orders-v2");
    assert.equal(text, TEXT.replace("orders: #", "orders-v2: #").replace("service: orders,", "service: orders-v2,"));
  });

  it("changes a consumer inside expressions too, and nothing of the same spelling", () => {
    const text = renamed("web, apiKey", "shop");
    assert.equal(text.match(/shop/g)?.length, TEXT.match(/shop/g)!.length + 3);
    assert.ok(text.includes("consumer.name == 'shop' || consumer.name in ['shop', 'app']"));
    assert.ok(text.includes("rules: [{ name: web,"));
  });

  it("quotes a name that needs it, and refuses one that is taken or cannot be", () => {
    assert.ok(renamed("per-user:", "per: user").includes('- "per: user"'));
    assert.match(renamed("edge, port", ""), /not empty/);
    assert.deepEqual(rename(TEXT, "f.yaml", at("orders: #"), "orders"), []);
    const two = ["services:", "  a: {}", "  b: {}", ""].join("\n");
    assert.match(String(rename(two, "f.yaml", two.indexOf("a:"), "b")), /another service called b/);
    assert.match(renamed("version", "x"), /no name here/);
  });

  it("finds the declaration of a consumer from within an expression", () => {
    const place = definition(TEXT, "f.yaml", at("'web' ||") + 1);
    assert.deepEqual([place?.kind, place?.range.line], ["consumer", 6]);
    assert.equal(references(TEXT, "f.yaml", at("web, apiKey")).length, 3);
  });
});

describe("completion in expressions", () => {
  const labels = (marked: string) => complete(marked.replace("|", ""), marked.indexOf("|")).map(({ label }) => label);
  const rule = (expression: string) =>
    `consumers: [{ name: web, apiKey: k }]\nroutes:\n  - name: r\n    policies:\n      - authorization: { rules: [{ name: x, allow: "${expression}" }] }\n`;

  it("offers the variables with their fields", () => {
    for (const variable of ["request.method", "jwt.scope", "consumer.groups", "client.ip"])
      assert.ok(labels(rule("req|")).includes(variable), variable);
    assert.ok(labels("routes:\n  - name: r\n    policies:\n      - { jwt: {}, when: | }\n").includes("request.path"));
  });

  it("offers consumers where one is compared", () => {
    assert.deepEqual(labels(rule("consumer.name == 'w|'")).slice(0, 1), ["web"]);
  });
});

describe("folding", () => {
  it("folds blocks of several lines, and runs of comments", () => {
    const found = foldings(TEXT);
    const of = (line: number) => found.find((one) => one.line === line);
    assert.deepEqual(of(3), { line: 3, endLine: 4, comment: true });
    assert.equal(of(7)?.endLine, 10);
    assert.equal(of(8)?.endLine, 10);
    assert.equal(of(14)?.endLine, 21);
    assert.equal(of(2), undefined);
    assert.doesNotThrow(() => foldings("routes: [{ name: x\n  - y"));
  });
});

describe("live blocks", () => {
  it("are the routes, services and limits, a limit in place by its owner and its turn", () => {
    assert.deepEqual(
      liveBlocks(TEXT).map(({ kind, name, owner, nth, range }) => [kind, name, owner, nth, range.line]),
      [
        ["service", "orders", undefined, undefined, 8],
        ["limit", "per-user", undefined, undefined, 12],
        ["route", "all", undefined, undefined, 14],
        ["limit", "rateLimit", "route/all", 0, 18],
        ["limit", "rateLimit", "route/all", 1, 20],
      ],
    );
  });
});
