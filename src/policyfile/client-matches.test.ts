/** Routes chosen by who the client says it is: a kind of client, a header, a consumer's key. */
import assert from "node:assert/strict";
import { enter } from "../decide/enter.ts";
import { explain } from "../decide/explain.ts";
import { Decision } from "../model/decision.ts";
import { freshState } from "../model/fresh.ts";
import { passageOf } from "../policies/trial.fixture.ts";
import { read } from "./read.ts";
import { clientKind } from "./user-agent.ts";

const sources = { env: (name: string) => `key-of-${name}`, file: () => undefined };
const text = (matches: string, policies = "[{ apiKey: { header: x-api-key } }]") => `version: 1
listeners: [{ name: edge, port: 8080 }]
consumers: [{ name: mobile, apiKey: { env: MOBILE } }, { name: web, apiKey: { env: WEB } }]
services: { shop: { endpoints: [{ url: http://127.0.0.1:4001 }] } }
routes:
  - { name: any, backendRefs: [{ service: shop }] }
  - { name: chosen, matches: [${matches}], policies: ${policies}, backendRefs: [{ service: shop }] }
`;

function routed(matches: string, headers: Readonly<Record<string, string>>) {
  const { plan, diagnostics } = read(text(matches), "switchyard.yaml", sources);
  assert.ok(plan, JSON.stringify(diagnostics));
  const decision = new Decision();
  const x = passageOf({ headers });
  enter(x, plan, freshState(plan), 1, decision);
  return {
    name: plan.routes[decision.route].name,
    why: explain(decision, plan, x)
      .routes.map((one) => one.why)
      .join("; "),
  };
}

describe("routes by client", () => {
  it("are chosen by the kind of client, before a route that takes anybody", () => {
    const phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148";
    assert.equal(routed("{ userAgent: [mobile, iot] }", { "user-agent": phone }).name, "chosen");
    const other = routed("{ userAgent: [mobile, iot] }", { "user-agent": "curl/8.5" });
    assert.equal(other.name, "any");
    assert.match(other.why, /header user-agent: of the kind mobile or iot is curl\/8\.5/);
  });

  it("are chosen by a consumer's key, which is never told", () => {
    assert.equal(routed("{ consumer: mobile }", { "x-api-key": "key-of-MOBILE" }).name, "chosen");
    const other = routed("{ consumer: mobile }", { "x-api-key": "key-of-WEB" });
    assert.equal(other.name, "any");
    assert.match(other.why, /header x-api-key: the key of mobile is another/);
    assert.ok(!other.why.includes("key-of-WEB"));
    assert.equal(routed("{ consumer: mobile }", {}).name, "any");
  });

  it("need a consumer with a key, and a policy that judges it", () => {
    const message = (matches: string, policies?: string) =>
      read(text(matches, policies), "switchyard.yaml", sources).diagnostics.find(({ code }) => code === "SY106")
        ?.message;
    assert.match(
      message("{ consumer: mobil }") ?? "",
      /no consumer `mobil` with an `apiKey`\. Did you mean `mobile`\?/,
    );
    assert.match(message("{ consumer: mobile }", "[]") ?? "", /needs an `apiKey` policy on this route/);
    assert.match(message("{ consumer: mobile }", "[{ apiKey: { query: k } }]") ?? "", /that reads a header/);
    assert.equal(
      message(
        "{ consumer: mobile }",
        "[{ anyOf: [{ apiKey: {} }, { basicAuth: { users: [{ name: a, password: { env: P } }] } }] }]",
      ),
      undefined,
    );
  });

  it("tell kinds apart coarsely", () => {
    for (const [text, kind] of [
      ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36", "browser"],
      ["Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "mobile"],
      ["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"],
      ["ESP32HTTPClient", "iot"],
      ["okhttp/4.12.0", "mobile"],
      ["curl/8.5.0", "tool"],
      ["my-own-thing", "other"],
      ["", "other"],
      [undefined, "other"],
    ] as const) {
      assert.equal(clientKind(text), kind, text);
    }
  });
});
