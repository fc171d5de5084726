import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import {
  boundedKey,
  clear,
  entriesOf,
  forget,
  freshKeyed,
  LONGEST_KEY,
  lookUp,
  MOST_KEYS,
  sizeOf,
  use,
} from "./keyed.ts";

describe("keyed state", () => {
  it("keeps the keys used last, and never more than its bound, as a list kept by hand shows", () => {
    const action = fc.record({ key: fc.nat(12).map(String), look: fc.boolean() });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), fc.integer({ min: 2, max: 9 }), (actions, most) => {
        const keyed = freshKeyed<{ key: string }>();
        /** Latest use last. */
        let order: string[] = [];
        for (const { key, look } of actions) {
          if (look) {
            const kept = [...entriesOf(keyed)];
            const found = lookUp(keyed, key);
            assert.equal(found, kept.find(([other]) => other === key)?.[1]);
            assert.deepEqual([...entriesOf(keyed)], kept, "looking is no use");
            continue;
          }
          assert.equal(use(keyed, key, () => ({ key }), most).key, key);
          order = [...order.filter((other) => other !== key), key];
          const kept = [...entriesOf(keyed)].map(([one]) => one);
          assert.equal(kept.length, new Set(kept).size);
          assert.ok(kept.length <= most, `${kept.length} of ${most}`);
          assert.equal(sizeOf(keyed), kept.length);
          for (const one of order.slice(-Math.floor(most / 2))) assert.ok(kept.includes(one), `${one} was used lately`);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("evicts the same whenever the same happens, and forgets what it is told to", () => {
    const run = () => {
      const keyed = freshKeyed<{ n: number }>();
      for (let i = 0; i < 1000; i++) {
        use(keyed, `key-${(i * 7919) % 331}`, () => ({ n: i }), 100);
        if (i % 50 === 0) forget(keyed, `key-${i % 331}`);
      }
      return keyed;
    };
    assert.deepEqual(run(), run());
    const keyed = run();
    const [[key]] = [...entriesOf(keyed)];
    assert.ok(forget(keyed, key) && !forget(keyed, key));
    clear(keyed);
    assert.equal(sizeOf(keyed), 0);
  });

  it("takes a million distinct keys in no more than its bound, none of them slower than the others", function () {
    this.timeout(300_000);
    const keyed = freshKeyed<{ n: number }>();
    let most = 0;
    const round = (from: number): number => {
      const start = process.cpuUsage();
      for (let i = from; i < from + 250_000; i++) {
        use(keyed, `key-${i}`, () => ({ n: i }));
        if (i % 1000 === 0) most = Math.max(most, sizeOf(keyed));
      }
      return process.cpuUsage(start).user;
    };
    const first = round(0);
    const later = [round(250_000), round(500_000), round(750_000)];
    assert.ok(most <= MOST_KEYS, `${most} keys`);
    // A Map that loses its first key for every new one takes a hundred times as long.
    assert.ok(Math.min(...later) < first * 10, `${first} us, then ${later.join(", ")} us`);
  });

  it("does not keep the heads alive out of which its keys were cut", function () {
    this.timeout(300_000);
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const keyed = freshKeyed<{ n: number }>();
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 30_000; i++) {
      const head = `GET / HTTP/1.1\r\nx-tenant: tenant-number-${i}\r\nx-padding: ${String(i).repeat(1000)}`;
      use(keyed, boundedKey(head.slice(26, 26 + 20)), () => ({ n: i }));
      use(keyed, boundedKey(head.slice(26)), () => ({ n: i }));
    }
    collect();
    const mebibytes = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    assert.ok(sizeOf(keyed) > 50_000);
    assert.ok(mebibytes < 40, `${mebibytes.toFixed(1)} MiB`);
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
