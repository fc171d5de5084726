import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import type { PlanEndpoint } from "../model/endpoint.ts";
import { consistentHash, type ConsistentHashConfig } from "./consistent-hash.ts";
import { maglevTable, ringTable } from "./hash-table.ts";
import { endpointsOf, Notes, passageOf, poolOf } from "./pool.fixture.ts";
import { Word64 } from "./xxhash64.ts";

interface Golden {
  maglev: { table_size: number; cases: { name: string; keys: string[]; table: number[] }[] };
  ring: {
    min_ring_size: number;
    cases: { name: string; keys: string[]; ring: [string, number][]; lookups: [string, number][] }[];
  };
}

const golden: Golden = JSON.parse(
  readFileSync(new URL("../../test/cases/consistent-hash-golden.json", import.meta.url), "utf8"),
);
const entriesOf = (keys: string[]) => keys.map((key, endpoint) => ({ endpoint, key, weight: 1 }));
const wordOf = (text: string) => new Word64().set(Number(BigInt(text) >> 32n), Number(BigInt(text) & 0xffffffffn));

describe("Envoy's published tables", () => {
  for (const { name, keys, table } of golden.maglev.cases) {
    it(`Maglev ${name} comes out the same`, () => {
      assert.deepEqual([...maglevTable(entriesOf(keys), golden.maglev.table_size).owners], table);
    });
  }
  for (const { name, keys, ring, lookups } of golden.ring.cases) {
    it(`ring ${name} comes out the same, and so does where each hash lands`, () => {
      const made = ringTable(entriesOf(keys), golden.ring.min_ring_size);
      const points = made.points.map((point, i) => [
        String((BigInt(point.hi) << 32n) | BigInt(point.lo)),
        made.owners[i],
      ]);
      assert.deepEqual(points, ring);
      for (const [hash, owner] of lookups) assert.equal(made.owners[made.slot(wordOf(hash))], owner);
    });
  }
});

function picksOf(config: ConsistentHashConfig, endpoints: PlanEndpoint[], without: number[], keys: number): number[] {
  const balancer = consistentHash.compile(config, endpoints);
  const pool = poolOf(endpoints, without);
  return Array.from({ length: keys }, (_, i) =>
    balancer.pick(passageOf(i, {}, `10.0.${i >> 8}.${i & 255}`), pool, null, 0, new Notes()),
  );
}

describe("ConsistentHash", () => {
  for (const algorithm of ["ring", "maglev", "rendezvous"] as const) {
    const config: ConsistentHashConfig = { algorithm, on: "client.ip" };

    it(`${algorithm}: only the keys of an endpoint that may not be picked move, and they spread`, () => {
      const endpoints = endpointsOf([1, 1, 1, 1]);
      const before = picksOf(config, endpoints, [], 4000);
      const after = picksOf(config, endpoints, [2], 4000);
      const heirs = new Set<number>();
      before.forEach((owner, i) => {
        if (owner !== 2) assert.equal(after[i], owner);
        else heirs.add(after[i]);
      });
      assert.deepEqual([...heirs].toSorted(), [0, 1, 3]);
    });

    it(`${algorithm}: a newcomer takes about its share, and hardly any key moves between the others`, () => {
      const before = picksOf(config, endpointsOf([1, 1, 1]), [], 4000);
      const after = picksOf(config, endpointsOf([1, 1, 1, 1]), [], 4000);
      const moved = before.filter((owner, i) => after[i] !== owner).length;
      const strayed = before.filter((owner, i) => after[i] !== owner && after[i] !== 3).length;
      assert.ok(moved > 4000 * 0.2 && moved < 4000 * 0.32, `${moved} moved`);
      // Maglev trades a little disruption for evenness (its paper, section 5.3); the ring has none.
      assert.ok(strayed <= (algorithm === "maglev" ? 4000 * 0.04 : 0), `${strayed} strayed`);
    });

    it(`${algorithm}: taking one of ten endpoints out of the file moves at most 12% of the keys`, () => {
      const ten = endpointsOf(new Array<number>(10).fill(1));
      const urlsOf = (endpoints: PlanEndpoint[]) => picksOf(config, endpoints, [], 20_000).map((i) => endpoints[i].url);
      const before = urlsOf(ten);
      for (const gone of [0, 4, 9]) {
        const after = urlsOf(ten.toSpliced(gone, 1).map((endpoint, index) => ({ ...endpoint, index })));
        const moved = before.filter((url, i) => after[i] !== url).length;
        assert.ok(moved > 20_000 * 0.05 && moved <= 20_000 * 0.12, `${moved / 200}% moved without ${gone}`);
      }
    });

    it(`${algorithm}: an endpoint that starts slowly takes its part of its keys, the same ones and more each time`, () => {
      const endpoints = endpointsOf([1, 1, 1]);
      const pool = poolOf(endpoints);
      const balancer = consistentHash.compile(config, endpoints);
      const keysAt = (share: number) => {
        pool.weights[1] = share;
        const all = Array.from({ length: 3000 }, (_, i) => i);
        return all.filter((i) => {
          const x = passageOf(i, {}, `10.0.${i >> 8}.${i & 255}`);
          return balancer.pick(x, pool, null, 0, new Notes()) === 1;
        });
      };
      const [tenth, half, whole] = [0.1, 0.5, 1].map(keysAt);
      assert.ok(tenth.every((key) => half.includes(key)) && half.every((key) => whole.includes(key)));
      assert.ok(Math.abs(half.length / whole.length - 0.5) < 0.08, `${half.length} of ${whole.length}`);
      assert.ok(Math.abs(tenth.length / whole.length - 0.1) < 0.05, `${tenth.length} of ${whole.length}`);
    });

    it(`${algorithm}: shares follow the weights to within a quarter`, () => {
      const counts = [0, 0, 0];
      for (const endpoint of picksOf(config, endpointsOf([1, 2, 5]), [], 16_000)) counts[endpoint]++;
      [1, 2, 5].forEach((weight, i) => {
        const share = counts[i] / 16_000 / (weight / 8);
        assert.ok(share > 0.75 && share < 1.25, `endpoint ${i} has ${share} of its share`);
      });
    });

    it(`${algorithm}: the order of endpoints in the file does not matter`, () => {
      const endpoints = endpointsOf([1, 1, 1, 1]);
      const reversed = endpoints.toReversed().map((endpoint, index) => ({ ...endpoint, index }));
      const before = picksOf(config, endpoints, [], 500).map((i) => endpoints[i].url);
      assert.deepEqual(
        picksOf(config, reversed, [], 500).map((i) => reversed[i].url),
        before,
      );
    });
  }

  it("with boundedLoad no endpoint gets more than its bound in flight, whatever the keys", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 60 }), (clients) => {
        const endpoints = endpointsOf([1, 2, 1]);
        const balancer = consistentHash.compile({ algorithm: "ring", on: "client.ip", boundedLoad: 1.25 }, endpoints);
        const pool = poolOf(endpoints);
        clients.forEach((client, sent) => {
          const chosen = balancer.pick(passageOf(sent, {}, `10.0.0.${client}`), pool, null, 0, new Notes());
          pool.states[chosen].inFlight++;
          assert.ok(pool.states[chosen].inFlight <= Math.ceil((1.25 * (sent + 1) * endpoints[chosen].weight) / 4));
        });
      }),
    );
  });

  it("hashes the header, cookie, path or claim that it was told to, and draws when there is none", () => {
    const endpoints = endpointsOf([1, 1, 1]);
    const pool = poolOf(endpoints);
    const pick = (on: string, x: ReturnType<typeof passageOf>) => {
      const notes = new Notes();
      const chosen = consistentHash.compile({ algorithm: "ring", on }, endpoints).pick(x, pool, null, 0, notes);
      return { chosen, reason: Object.keys(consistentHash.reasons)[notes.all[0].reason - 1] };
    };
    const byHeader = pick("header.X-User", passageOf(1, { "x-user": "ada" }));
    const byCookie = pick("cookie.user", passageOf(2, { cookie: "a=b; user=ada" }));
    const withClaim = passageOf(3);
    withClaim.caller.jwt = { sub: "ada" };
    assert.deepEqual(byHeader, byCookie);
    assert.deepEqual(pick("jwt.sub", withClaim), byHeader);
    assert.equal(pick("header.x-user", passageOf(4)).reason, "noKey");
    assert.equal(pick("cookie.user", passageOf(5, { cookie: "username=ada" })).reason, "noKey");
  });
});
