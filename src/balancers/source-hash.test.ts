import assert from "node:assert/strict";
import type { Arrival, Passage } from "../model/arrival.ts";
import { endpointsOf, Notes, passageOf, poolOf } from "./pool.fixture.ts";
import { sourceHash } from "./source-hash.ts";

interface Flow {
  readonly ip?: string;
  readonly port?: number;
  readonly protocol?: Arrival["protocol"];
  readonly localIp?: string;
}

function flow({ ip = "10.0.0.1", port = 50_000, protocol = "tcp", localIp = "127.0.0.1" }: Flow): Passage {
  const arrival: Arrival = {
    layer: 4,
    listener: 0,
    clientIp: ip,
    clientPort: port,
    protocol,
    localIp,
    localPort: 5433,
    header: () => undefined,
  };
  return { ...passageOf(7), arrival };
}

const endpoints = endpointsOf([1, 1, 1, 1, 1]);

function picker(tuple: 2 | 3 | 5, without: readonly number[] = []): (of: Flow) => number {
  const balancer = sourceHash.compile({ tuple }, endpoints);
  const pool = poolOf(endpoints, without);
  return (of) => balancer.pick(flow(of), pool, null, 0, new Notes());
}

const clients = Array.from({ length: 2000 }, (_, i) => `10.${i >> 8}.${i & 255}.7`);

describe("SourceHash", () => {
  it("2: keeps a client with its endpoint, whatever its port and protocol", () => {
    const pick = picker(2);
    for (const ip of clients.slice(0, 50)) {
      const home = pick({ ip });
      for (const port of [1, 40_000])
        for (const protocol of ["tcp", "udp"] as const) assert.equal(pick({ ip, port, protocol }), home);
    }
    assert.notDeepEqual(
      clients.slice(0, 50).map((ip) => pick({ ip })),
      clients.slice(0, 50).map((ip) => pick({ ip, localIp: "127.0.0.2" })),
    );
  });

  it("3: tells protocols apart, and a passed-through TLS connection is TCP", () => {
    const pick = picker(3);
    const all = (protocol: Flow["protocol"]) => clients.slice(0, 50).map((ip) => pick({ ip, protocol, port: 9 }));
    assert.notDeepEqual(all("tcp"), all("udp"));
    assert.deepEqual(all("tcp"), all("tls"));
    assert.deepEqual(
      all("tcp"),
      clients.slice(0, 50).map((ip) => pick({ ip, port: 10 })),
    );
  });

  it("5: spreads the connections of one client evenly, and the same flow always goes the same way", () => {
    const pick = picker(5);
    const counts = [0, 0, 0, 0, 0];
    for (let port = 1024; port < 11_024; port++) counts[pick({ port })]++;
    for (const count of counts) assert.ok(Math.abs(count - 2000) < 200, counts.join(" "));
    assert.equal(pick({ port: 2000 }), pick({ port: 2000 }));
  });

  it("moves only the clients of an endpoint that may not be picked", () => {
    const [before, after] = [picker(2), picker(2, [3])];
    for (const ip of clients) {
      const home = before({ ip });
      if (home === 3) assert.notEqual(after({ ip }), 3);
      else assert.equal(after({ ip }), home);
    }
  });

  it("moves at most a sixth of the clients, and a little, when one of six endpoints leaves", () => {
    const six = endpointsOf([1, 1, 1, 1, 1, 1]);
    const pool = poolOf(six);
    const balancer = sourceHash.compile({ tuple: 2 }, six);
    const five = picker(2);
    const moved = clients.filter((ip) => balancer.pick(flow({ ip }), pool, null, 0, new Notes()) !== five({ ip }));
    assert.ok(moved.length / clients.length < 1 / 6 + 0.05, String(moved.length));
  });

  it("hashes the connection's addresses at layer 7 too", () => {
    const balancer = sourceHash.compile({ tuple: 2 }, endpoints);
    const pick = (ip: string) => balancer.pick(passageOf(1, {}, ip), poolOf(endpoints), null, 0, new Notes());
    assert.equal(pick("10.0.0.1"), pick("10.0.0.1"));
    assert.ok(new Set(clients.map(pick)).size === 5);
  });

  it("says to whom the addresses belong", () => {
    const notes = new Notes();
    sourceHash.compile({ tuple: 2 }, endpoints).pick(flow({}), poolOf(endpoints), null, 0, notes);
    const [name, say] = Object.entries(sourceHash.reasons)[notes.all[0].reason - 1];
    assert.equal(name, "home");
    assert.match(
      say(notes.all[0].x, notes.all[0].y, (i) => `:${4001 + i}`),
      /^its addresses belong to :\d+ \(slot \d+\)$/,
    );
  });
});
