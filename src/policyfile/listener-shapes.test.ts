import assert from "node:assert/strict";
import { read } from "./read.ts";

const FILE = `version: 1
listeners:
  - { name: edge, port: 8080, policies: [{ apiKey: { query: key } }] }
  - { name: inner, port: 8081 }
consumers: [{ name: web, apiKey: { env: WEB_KEY } }]
services: { a: { endpoints: [{ url: "http://localhost:4001" }] } }
routes:
  - { name: all, policies: [{ urlRewrite: { prefix: / } }], backendRefs: [{ service: a }] }
  - { name: inside, listeners: [inner], backendRefs: [{ service: a }] }
`;

describe("a key that is judged on a listener", () => {
  it("is hidden from the backends of every route behind that listener, and of no other", () => {
    const { plan, diagnostics } = read(FILE, "switchyard.yaml", { env: () => "secret", file: () => undefined });
    assert.ok(plan, JSON.stringify(diagnostics));
    const shapes = (route: number) => plan.routes[route].shapes.map((index) => plan.steps[index]);
    assert.deepEqual(
      shapes(0).map(({ kind, listener }) => [kind, listener]),
      [
        ["apiKey", 0],
        ["urlRewrite", undefined],
      ],
    );
    assert.deepEqual(shapes(1), []);
    assert.deepEqual(plan.routes[0].steps, []);
  });
});
