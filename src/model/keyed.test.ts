import assert from "node:assert/strict";
import * as fc from "fast-check";
import { boundedKey, freshKeyed, LONGEST_KEY, lookUp, use } from "./keyed.ts";

describe("keyed state", () => {
  it("evicts the least recently used key, as a list kept by hand does, and never grows beyond its bound", () => {
    const action = fc.record({ key: fc.nat(9).map(String), look: fc.boolean() });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), fc.integer({ min: 1, max: 5 }), (actions, most) => {
        const keyed = freshKeyed<{ key: string }>();
        let order: string[] = [];
        for (const { key, look } of actions) {
          if (look) {
            assert.equal(lookUp(keyed, key)?.key, order.includes(key) ? key : undefined);
            continue;
          }
          assert.equal(use(keyed, key, () => ({ key }), most).key, key);
          const moves = !order.includes(key) || order.length * 2 >= most;
          if (moves) order = [...order.filter((other) => other !== key), key].slice(-most);
          assert.deepEqual([...keyed.entries.keys()], order);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("is plain data that can be cloned", () => {
    const keyed = freshKeyed<{ n: number }>();
    use(keyed, "a", () => ({ n: 1 }));
    assert.deepEqual(structuredClone(keyed), keyed);
  });

  it("cuts long keys, and tells them apart by a hash of the whole", () => {
    const long = "k".repeat(LONGEST_KEY);
    assert.equal(boundedKey(long), long);
    assert.equal(boundedKey(`${long}a`).length <= LONGEST_KEY, true);
    assert.notEqual(boundedKey(`${long}a`), boundedKey(`${long}b`));
  });
});
