import assert from "node:assert/strict";
import * as fc from "fast-check";
import { packFrame, unpackFrame } from "./frames.ts";
import { guardFrame } from "./guards.ts";

const call = (m: string, ...a: unknown[]) => ({ t: "q", i: "id", m, a });

describe("guardFrame", () => {
  it("lets every well-formed call pass", () => {
    for (const frame of [
      call("hello", 1),
      call("watch", { traffic: { filter: "is:rejected" }, services: true, limits: { count: 20 }, status: true }),
      call("rows", { filter: "", from: -50, count: 50 }),
      call("detail", 7, false),
      call("propose", "version: 1", -1),
      call("explain", { method: "GET", url: "/", headers: { accept: "*/*" } }),
      call("setAdmin", "orders", "http://localhost:4001", "Drain"),
      call("simulate", "orders", "http://localhost:4001", { kind: "errors", status: 503, percent: 20 }),
      call("simulate", "orders", "http://localhost:4001", null),
      call("scale", "orders", 32),
      call("mintToken", { target: { id: 7 }, given: { sub: "ann" } }),
      call("mintToken", { target: { method: "GET", url: "/", headers: {} }, given: {}, key: "./dev-key.json" }),
      call("stop"),
    ])
      assert.deepEqual(guardFrame(frame), { kind: "call" });
  });

  it("refuses what would make no sense of one replica", () => {
    for (const [name, ...rest] of [
      ["setAdmin", "orders", "http://a", "Gone"],
      ["simulate", "orders", "http://a", { kind: "errors", status: 200, percent: 20 }],
      ["simulate", "orders", "http://a", { kind: "latency", milliseconds: 1e9 }],
      ["simulate", "orders", "http://a", { kind: "fire" }],
      ["simulate", "orders", "http://a"],
      ["scale", "orders", 0],
      ["scale", "orders", 33],
    ])
      assert.equal(guardFrame(call(name as string, ...rest)).kind, "refused", JSON.stringify([name, ...rest]));
  });

  it("refuses to mint for what is no request, with claims that are no text", () => {
    for (const wish of [
      { target: {}, given: {} },
      { target: { id: "7" }, given: {} },
      { target: { id: 7 }, given: { sub: 7 } },
      { target: { id: 7 }, given: {}, key: 7 },
      { given: {} },
    ])
      assert.equal(guardFrame(call("mintToken", wish)).kind, "refused", JSON.stringify(wish));
  });

  it("answers a call that it refuses, and says which argument is wrong", () => {
    assert.deepEqual(guardFrame(call("rows", { filter: "", from: 0, count: 5000 })), {
      kind: "refused",
      id: "id",
      message: "rows: argument 1 count must be a whole number from 0 to 500.",
    });
    for (const name of ["constructor", "__proto__", "toString", "requestStop", ""])
      assert.equal(guardFrame(call(name)).kind, "refused", name);
  });

  it("never throws and never passes what is not a call of the contract, whatever comes", () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), fc.array(fc.anything(), { maxLength: 4 }), (anything, name, list) => {
        assert.notEqual(guardFrame(anything).kind, "call");
        guardFrame({ t: "q", i: "x", m: name, a: list });
        for (const known of ["hello", "watch", "rows", "detail", "propose", "explain", "suggest", "limits"])
          guardFrame({ t: "q", i: "x", m: known, a: [anything, ...list] });
      }),
      { numRuns: 300 },
    );
  });
});

describe("frames", () => {
  it("carry an Error over JSON", () => {
    const wire = JSON.parse(JSON.stringify(packFrame({ t: "s", i: "1", e: new RangeError("too far") } as never)));
    const back = unpackFrame(wire);
    assert.ok(back.e instanceof Error);
    assert.equal(back.e.message, "too far");
    assert.equal(back.e.name, "RangeError");
  });
});
