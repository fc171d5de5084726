/** transcode: each answer of the edge has its verdict, its words and its head; configurations that cannot be are refused. */
import assert from "node:assert/strict";
import type { CallFact } from "../model/arrival.ts";
import { contextOf, Edit, fits, matchedBy, passageOf, problemsOf, Trial } from "./trial.fixture.ts";
import { transcode } from "./transcode.ts";

const YAML = "{ reflection: true, service: shop.v1.Orders }";
const PROTO = `// service Old {}
syntax = "proto3";
package shop.v1;
message A { string text = 1; } /* service Older {} */
service Orders { rpc Get(A) returns (A); }
service Carts { rpc Get(A) returns (A); }`;

describe("transcode", () => {
  const trial = new Trial(transcode, YAML);
  const [need] = transcode.needs?.(trial.config as never, contextOf()) ?? [];
  const seen = (fact: CallFact | undefined) =>
    passageOf({ method: "GET", path: "/v1/order/7", facts: fact === undefined ? {} : { [need.name]: fact } });
  const call: CallFact = {
    state: "call",
    service: "shop.v1.Orders",
    method: "Get",
    template: "/v1/{id}",
    streams: true,
  };

  it("asks for the call, of the stage that it stands in", () => {
    assert.equal(need.kind, "call");
    assert.equal(need.kind === "call" && need.source.owner, "route/orders");
    assert.equal(need.kind === "call" && need.source.most, 1_048_576);
  });

  it("admits a call and says which", () => {
    const verdict = trial.peek(seen(call));
    assert.equal(verdict.reason, "");
    assert.match(verdict.sentence, /GET \/v1\/\{id\} calls shop\.v1\.Orders\/Get, which answers with a stream/);
  });

  it("admits callers that speak gRPC themselves, and leaves their head alone", () => {
    const edit = new Edit({ "content-type": "application/grpc" }, "/shop.v1.Orders/Get");
    assert.equal(trial.peek(seen({ state: "native" })).reason, "");
    trial.act.request?.(seen({ state: "native" }), edit, matchedBy("prefix", "/"));
    assert.equal(edit.path, "/shop.v1.Orders/Get");
    assert.deepEqual(edit.fields, [["content-type", "application/grpc"]]);
  });

  for (const [fact, reason, status, words] of [
    [
      { state: "noMethod", service: "shop.v1.Orders", near: "GET /v1/orders/{id} (Get)", methods: [] },
      "noMethod",
      404,
      /GET \/v1\/order\/7; the nearest is GET \/v1\/orders/,
    ],
    [
      { state: "noMethod", service: "shop.v1.Orders", methods: ["GET /a (A)"] },
      "noMethod",
      404,
      /there is GET \/a \(A\)/,
    ],
    [{ state: "otherMethod", methods: ["POST", "PUT"] }, "otherMethod", 405, /called by POST or PUT, not by GET/],
    [{ state: "badRequest", problem: "the body is wrong" }, "badRequest", 400, /the body is wrong/],
    [{ state: "tooLarge", length: 9000, most: 1000 }, "tooLarge", 413, /9000 bytes or more, and 1000/],
    [
      { state: "tooMany", weight: 20_000, most: 10_000 },
      "tooMany",
      413,
      /holds 20,000 values and names, and 10,000 are/,
    ],
    [{ state: "streamsRequests", method: "Put" }, "streamsRequests", 501, /Put of shop\.v1\.Orders takes a stream/],
    [{ state: "unavailable", problem: "nobody is there" }, "unavailable", 503, /nobody is there/],
    [{ state: "busy" }, "busy", 503, /many request bodies/],
    [{ state: "ambiguous", methods: ["A", "B"] }, "ambiguous", 500, /A and B of shop\.v1\.Orders have the same rule/],
    [undefined, "unavailable", 503, /nothing was looked up/],
  ] as readonly (readonly [CallFact | undefined, string, number, RegExp])[]) {
    it(`refuses ${fact?.state ?? "a fact that is missing"} (${words.source.slice(0, 20)})`, () => {
      const verdict = trial.peek(seen(fact));
      assert.equal(verdict.reason, reason);
      assert.equal(verdict.status, status);
      assert.match(verdict.sentence, words);
    });
  }

  it("names the allowed methods in Allow", () => {
    assert.deepEqual(trial.peek(seen({ state: "otherMethod", methods: ["POST"] })).fields, { Allow: "POST" });
  });

  it("makes the head that of a call, and drops what would be taken for words of the protocol", () => {
    const edit = new Edit(
      {
        accept: "*/*",
        "content-type": "application/json",
        "grpc-status": "0",
        "x-caller": "ada",
        expect: "100-continue",
      },
      "/v1/7",
      "a=b",
    );
    trial.act.request?.(seen(call), edit, matchedBy("prefix", "/"));
    assert.equal(edit.path, "/shop.v1.Orders/Get");
    assert.equal(edit.query, undefined);
    assert.deepEqual(edit.fields, [
      ["x-caller", "ada"],
      ["content-type", "application/grpc"],
    ]);
  });

  it("wants one description of the service, and one that is there", () => {
    const context = contextOf({ file: (path) => (path === "./a.proto" ? PROTO : undefined) });
    const problems = (yaml: string) => problemsOf(transcode, yaml, context).map(({ message }) => message);
    assert.match(problems("{ service: a.B }")[0], /say where the service is described/);
    assert.match(problems("{ service: shop.v1.Orders, proto: ./a.proto, reflection: true }")[0], /one place/);
    assert.match(problems("{ service: shop.v1.Orders, proto: ./b.proto }")[0], /cannot be read/);
    assert.deepEqual(problems("{ service: shop.v1.Carts, proto: ./a.proto }"), []);
    const [wrong] = problemsOf(transcode, "{ service: Orders, proto: ./a.proto }", context);
    assert.match(wrong.message, /there is shop\.v1\.Orders, shop\.v1\.Carts/);
    assert.deepEqual(wrong.fix, { title: "Change to shop.v1.Orders", path: ["service"], value: "shop.v1.Orders" });
    assert.ok(!fits(transcode, "{ service: a b, reflection: true }"));
    assert.ok(!fits(transcode, "{ service: a.B, reflection: false }"));
  });
});
