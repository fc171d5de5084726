/**
 * Connections to backends: Happy Eyeballs, the pool and when it retires; and the accept path without Node's private handle.
 */
import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { Dial, resolve, type DialProblem } from "../../../src/gateway/forward/dial.ts";
import { Upstream } from "../../../src/gateway/forward/upstream.ts";
import { UpstreamPool } from "../../../src/gateway/forward/pool.ts";
import { takeOver } from "../../../src/gateway/listen/accept.ts";
import { freePort } from "../../free-port.ts";
import {
  ask,
  client,
  get,
  hello,
  planOf,
  rawBackend,
  readReply,
  simpleBackend,
  startEngine,
  stopEverything,
} from "./harness.ts";

function connected(pool: UpstreamPool, port: number): Promise<Upstream> {
  return new Promise((done) => void pool.dial("127.0.0.1", port, (upstream) => done(upstream as Upstream)));
}

async function hasIPv6(): Promise<boolean> {
  const server = createServer();
  server.listen(0, "::1");
  try {
    await once(server, "listening");
    await new Promise((done) => server.close(done));
    return true;
  } catch {
    return false;
  }
}

function dial(
  port: number,
  addresses: readonly string[],
  remembered?: string,
): Promise<{ address: string; problem: DialProblem | undefined; made: string[] }> {
  const made: string[] = [];
  return new Promise((done) => {
    const race = new Dial<Upstream>(
      "backend.test",
      port,
      remembered,
      (address, at) => {
        made.push(address);
        return new Upstream(address, at);
      },
      (winner, problem, address) => {
        winner?.abandon();
        done({ address, problem, made });
      },
      (_host, answer) => answer(addresses, ""),
    );
    assert.ok(race);
  });
}

describe("engine: Happy Eyeballs", () => {
  afterEach(stopEverything);

  it("takes localhost for both loopback addresses, IPv6 first, without a resolver", () => {
    resolve("localhost", (addresses) => assert.deepEqual(addresses, ["::1", "127.0.0.1"]));
  });

  it("goes on to the next address at once when one refuses", async () => {
    const backend = await simpleBackend(hello);
    const { address, made } = await dial(backend.port, ["127.0.0.99", "127.0.0.1"]);
    assert.equal(address, "127.0.0.1");
    assert.deepEqual(made, ["127.0.0.99", "127.0.0.1"]);
  });

  it("does not wait for an address that says nothing", async () => {
    const backend = await simpleBackend(hello);
    // 192.0.2.0/24 is documentation space (RFC 5737): it is unreachable or silent.
    const { address } = await dial(backend.port, ["192.0.2.1", "127.0.0.1"]);
    assert.equal(address, "127.0.0.1");
  });

  it("tries the remembered winner alone first, and the others when it fails", async () => {
    const backend = await simpleBackend(hello);
    const good = await dial(backend.port, ["127.0.0.99"], "127.0.0.1");
    assert.deepEqual(good.made, ["127.0.0.1"]);
    const moved = await dial(backend.port, ["127.0.0.1"], "127.0.0.99");
    assert.deepEqual(moved.made, ["127.0.0.99", "127.0.0.1"]);
    assert.equal(moved.address, "127.0.0.1");
  });

  it("tells every address it tried when all fail", async () => {
    const { problem } = await dial(await freePort(), ["127.0.0.1", "127.0.0.99"]);
    assert.equal(problem?.code, "ECONNREFUSED");
    assert.deepEqual(problem?.addresses, ["127.0.0.1", "127.0.0.99"]);
  });

  it("reaches a backend at localhost whichever family it listens on", async () => {
    const families = (await hasIPv6()) ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
    for (const host of families) {
      const backend = await simpleBackend(hello, host);
      const { port } = await startEngine(planOf({ endpoints: [`localhost:${backend.port}`] }));
      assert.equal((await ask(port, get())).body, "hello");
    }
  });

  it("listens on both loopback addresses with one port, and says so when IPv6 is missing", async () => {
    const backend = await simpleBackend(hello);
    const plan = planOf({ endpoints: [backend.port], addresses: ["127.0.0.1", "::1"] });
    const { engine, port } = await startEngine(plan);
    const [, six] = engine.listeners[0].addresses;
    if (await hasIPv6()) {
      assert.equal(six.port, port);
      const reader = await client(port, "::1");
      reader.socket.write(get());
      assert.equal((await readReply(reader)).body, "hello");
    } else {
      assert.match(six.problem ?? "", /does not have the address ::1/);
    }
  });

  it("serves the addresses that exist when another does not", async () => {
    const backend = await simpleBackend(hello);
    const plan = planOf({ endpoints: [backend.port], addresses: ["127.0.0.1", "192.0.2.7"] });
    const { engine, port } = await startEngine(plan);
    assert.equal((await ask(port, get())).body, "hello");
    assert.match(engine.listeners[0].addresses[1].problem ?? "", /does not have the address 192\.0\.2\.7/);
  });
});

describe("engine: the pool of backend connections", () => {
  afterEach(stopEverything);

  it("hands out the connection used last", async () => {
    const { port } = await simpleBackend(hello);
    const pool = new UpstreamPool();
    const [first, second] = [await connected(pool, port), await connected(pool, port)];
    pool.put("127.0.0.1", port, first, -1, 0);
    pool.put("127.0.0.1", port, second, -1, 0);
    assert.equal(pool.take("127.0.0.1", port, 1), second);
    assert.equal(pool.take("127.0.0.1", port, 1), first);
    assert.equal(pool.take("127.0.0.1", port, 1), undefined);
    first.abandon();
    second.abandon();
  });

  it("retires a connection before Node's own limit of 5 s, or before the limit that the backend announced", async () => {
    const { port } = await simpleBackend(hello);
    const pool = new UpstreamPool();
    const put = async (announced: number): Promise<Upstream> => {
      const upstream = await connected(pool, port);
      pool.put("127.0.0.1", port, upstream, announced, 1000);
      return upstream;
    };
    const guessed = await put(-1);
    assert.equal(pool.take("127.0.0.1", port, 4999), guessed);
    pool.put("127.0.0.1", port, guessed, -1, 1000);
    assert.equal(pool.take("127.0.0.1", port, 5000), undefined);
    assert.equal(guessed.socket.destroyed, true);
    const announced = await put(30);
    assert.equal(pool.take("127.0.0.1", port, 29_999), announced);
    announced.abandon();
    const short = await put(1);
    assert.equal(pool.take("127.0.0.1", port, 1499), short);
    short.abandon();
    const none = await put(0);
    assert.equal(none.socket.destroyed, true);
  });

  it("forgets a connection that the backend closes while it idles", async () => {
    const backend = await simpleBackend(hello);
    const pool = new UpstreamPool();
    const upstream = await connected(pool, backend.port);
    pool.put("127.0.0.1", backend.port, upstream, -1, 0);
    backend.accepted[0].destroy();
    await once(upstream.socket, "close");
    assert.deepEqual(pool.count("127.0.0.1", backend.port), { idle: 0, open: 0 });
  });

  it("does not keep a connection whose backend says close", async () => {
    const backend = await rawBackend((socket) => {
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"));
    });
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    for (let i = 0; i < 2; i++) {
      reader.socket.write(get());
      const reply = await readReply(reader);
      assert.equal(reply.body, "hello");
      assert.equal(reply.field("connection"), undefined);
    }
    assert.equal(backend.accepted.length, 2);
  });
});

describe("engine: accepting", () => {
  afterEach(stopEverything);

  for (const mode of ["onread", "data"] as const) {
    it(`reads an accepted socket by ${mode}, and the server's count of connections ends right`, async () => {
      let text = "";
      const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
        const buffer = Buffer.allocUnsafeSlow(8);
        const taken = takeOver(
          socket,
          {
            readBuffer: () => buffer,
            receive: (bytes, count) => {
              text += bytes.toString("latin1", 0, count);
              taken.socket.write(`got ${text.length}`);
            },
          },
          mode,
        );
        assert.equal(taken.direct, mode === "onread");
        taken.socket.on("end", () => taken.socket.end());
        taken.start();
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const reader = await client((server.address() as AddressInfo).port);
      reader.socket.write("hello");
      await reader.until("got 5");
      reader.socket.write(", and more than fits");
      await reader.until("got 25");
      reader.socket.end();
      await reader.all();
      // Settles only when the server counts no open connection any more.
      await new Promise((done) => server.close(done));
      assert.equal(text, "hello, and more than fits");
    });
  }
});
