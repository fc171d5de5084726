import assert from "node:assert/strict";
import type { Detail } from "../../contract/detail.ts";
import { applyEdits, appendItem } from "../../policyfile/edit.ts";
import { readTestFile } from "../../replay/policy-test-file.ts";
import { recordedTest } from "./recorded-test.ts";

const body = { size: 0, captured: 0, contentType: "", contentEncoding: "", evicted: false };

function detail(row: object, verdict: object, more: object = {}): Detail {
  return {
    row: {
      method: "GET",
      path: "/orders/1?a=b",
      host: "localhost",
      client: "127.0.0.1",
      status: 429,
      route: "orders",
      ...row,
    },
    verdict: { refused: true, status: 429, title: "Refused", sentence: "", fixes: [], ...verdict },
    fields: [
      { name: "X-Trace", client: "7", side: "request" },
      { name: "authorization", client: "•••• (masked)", side: "request" },
      { name: "user-agent", client: "curl", side: "request" },
      { name: "x-added", gateway: "1", side: "request" },
    ],
    requestBody: body,
    ...more,
  } as unknown as Detail;
}

describe("a recorded request as a policy test", () => {
  it("says what was sent and how it was refused, without secrets", () => {
    const test = recordedTest(detail({}, { type: "urn:switchyard:rateLimit:limited", policy: "per-user" }), []);
    assert.deepEqual(test, {
      value: {
        name: "GET /orders/1?a=b: Refused",
        steps: [
          {
            request: { path: "/orders/1?a=b", host: "localhost", headers: { "x-trace": "7" } },
            expect: {
              status: 429,
              decision: "refused",
              route: "orders",
              policy: "per-user",
              reason: "rateLimit/limited",
            },
          },
        ],
      },
      masked: ["authorization"],
    });
  });

  it("lets the backend answer as it did, and keeps names apart", () => {
    const bytes = Buffer.from('{"n":1}');
    const sent = { ...body, size: bytes.length, captured: bytes.length, base64: bytes.toString("base64") };
    const found = detail(
      { method: "POST", status: 201, service: "orders", endpoint: ":1" },
      { refused: false, title: "Forwarded" },
      { requestBody: sent },
    );
    const test = recordedTest(found, ["POST /orders/1?a=b: Forwarded"]);
    assert.equal(test?.value.name, "POST /orders/1?a=b: Forwarded (2)");
    assert.deepEqual(test?.value.steps[0], {
      request: {
        method: "POST",
        path: "/orders/1?a=b",
        host: "localhost",
        headers: { "x-trace": "7" },
        body: '{"n":1}',
      },
      answer: { status: 201 },
      expect: { status: 201, route: "orders", service: "orders" },
    });
  });

  it("is appended to what is there, and can be read", () => {
    let text = "policy: ./switchyard.yaml # ours\n";
    for (const taken of [[], ["GET /orders/1?a=b: Refused"]]) {
      const test = recordedTest(detail({}, {}), taken);
      const edits = appendItem(text, ["tests"], test?.value);
      assert.ok(edits);
      text = applyEdits(text, edits);
    }
    const { diagnostics, tests } = readTestFile(text, "a");
    assert.deepEqual(diagnostics, []);
    assert.equal(tests.length, 2);
    assert.match(text, /^policy: \.\/switchyard\.yaml # ours\n/);
  });
});
