/** The list of what is not built yet holds nothing that is built. */
import assert from "node:assert/strict";
import { balancers } from "../balancers/index.ts";
import { policies } from "../policies/index.ts";
import { comesLater, LATER_BALANCERS, LATER_KINDS } from "./later.ts";
import { schemasAt } from "./schema.ts";

describe("what comes later", () => {
  it("is no kind of policy and no balancer that is there", () => {
    assert.deepEqual(
      LATER_KINDS.filter((kind) => policies.some((policy) => policy.kind === kind)),
      [],
    );
    assert.deepEqual(
      LATER_BALANCERS.filter((type) => balancers.some((kind) => kind.type === type)),
      [],
    );
  });

  it("is no field that is declared", () => {
    for (const path of [[], ["listeners", 0], ["services", "s"], ["services", "s", "endpoints", 0], ["routes", 0]]) {
      const declared = schemasAt(path).flatMap((schema) => Object.keys(schema.properties ?? {}));
      assert.ok(declared.length > 1);
      assert.deepEqual(
        declared.filter((key) => comesLater(path, key)),
        [],
      );
    }
  });

  it("is known by its place, whatever people call their services", () => {
    assert.ok(comesLater(["listeners", 0], "trustedProxies"));
    assert.ok(comesLater(["listeners", 3], "trustedProxies"));
    assert.ok(!comesLater(["services"], "trustedProxies"));
  });
});
