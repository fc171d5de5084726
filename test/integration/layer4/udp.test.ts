/** UDP listeners: sessions by flow, answers back to where the question came from, and what ends a session. */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { decodeProxyHeader, encodeProxyHeader } from "../../../src/gateway/layer4/proxy-header.ts";
import { freePort } from "../../free-port.ts";
import { atEnd, start, stopEverything } from "./harness.ts";

async function bound(socket: Socket, port = 0): Promise<number> {
  socket.on("error", () => {});
  let open = true;
  socket.on("close", () => (open = false));
  atEnd(() => void (open && socket.close()));
  socket.bind(port, "127.0.0.1");
  await once(socket, "listening");
  return socket.address().port;
}

/** Answers each datagram with its name and what it got. */
async function answering(name: string): Promise<number> {
  const socket = createSocket("udp4");
  socket.on("message", (bytes, from) => socket.send(`${name}:${bytes.toString()}`, from.port, from.address));
  return bound(socket);
}

function headerOf(ip: string): Buffer {
  const destination = { ip: "198.51.100.2", port: 53 };
  return Buffer.from(encodeProxyHeader(2, { source: { ip, port: 50_000 }, destination, datagrams: true }));
}

class Client {
  readonly socket = createSocket("udp4");
  private readonly port: number;
  private readonly waiting: string[] = [];
  private wake: (() => void) | undefined;

  constructor(port: number) {
    this.port = port;
    this.socket.on("message", (bytes) => {
      this.waiting.push(bytes.toString());
      this.wake?.();
    });
  }

  async open(): Promise<this> {
    await bound(this.socket);
    return this;
  }

  send(text: string | Uint8Array): void {
    this.socket.send(text, this.port, "127.0.0.1");
  }

  async next(): Promise<string> {
    while (this.waiting.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
    return this.waiting.shift() as string;
  }

  ask(text: string | Uint8Array): Promise<string> {
    this.send(text);
    return this.next();
  }
}

const policy = (ports: readonly number[], listener = "", service = ""): string => `
listeners: [{ name: dns, port: 0, address: 127.0.0.1, protocol: UDP, ${listener} backendRefs: [{ service: dns }] }]
services: { dns: { endpoints: [${ports.map((port) => `{ url: "udp://127.0.0.1:${port}" }`).join(", ")}], ${service} } }
`;

describe("layer 4: UDP", () => {
  afterEach(stopEverything);

  it("keeps each flow with its server and brings the answers back to it", async () => {
    const running = await start(policy([await answering("a"), await answering("b")], "timeouts: { idle: 1s },"));
    const one = await new Client(running.port("dns")).open();
    const two = await new Client(running.port("dns")).open();
    const first = await one.ask("1");
    const second = await two.ask("2");
    assert.notEqual(first[0], second[0], "round robin gives two flows two servers");
    assert.equal(await one.ask("3"), `${first[0]}:3`);
    assert.equal(await two.ask("4"), `${second[0]}:4`);
    const rows = await running.rows(2);
    for (const { protocol, state, termination, requestBytes, responseBytes } of rows) {
      assert.deepEqual([protocol, state, termination], ["udp", "ok", "--"]);
      assert.deepEqual([requestBytes, responseBytes], [2, 6]);
    }
    assert.match(rows[0].why, /nothing moved any more, so the gateway ended the session/);
    assert.ok(running.detail(rows[0]).connection?.hidden.some((each) => each.includes("datagram was lost")));
  });

  it("begins a new session after the idle timeout", async () => {
    const running = await start(policy([await answering("a")], "timeouts: { idle: 500ms },"));
    const client = await new Client(running.port("dns")).open();
    await client.ask("1");
    await running.rows(1);
    assert.equal(await client.ask("2"), "a:2");
    await running.rows(2);
  });

  it("asks another server when one refuses, with the same datagram", async () => {
    const running = await start(policy([await freePort(), await answering("b")]));
    const client = await new Client(running.port("dns")).open();
    assert.equal(await client.ask("hello"), "b:hello");
    await running.gateway.stop(0);
    const [row] = await running.rows(1);
    assert.equal(row.attempts, 2);
    assert.equal(row.termination, "KD");
  });

  it("says that nobody listens when all refuse", async () => {
    const running = await start(policy([await freePort()]));
    const client = await new Client(running.port("dns")).open();
    client.send("hello");
    const [row] = await running.rows(1);
    assert.equal(row.termination, "SC");
    assert.match(row.why, /dns at :\d+ refused the connection/);
  });

  it("tells a session that nobody answered from one that simply ended", async () => {
    const silent = createSocket("udp4");
    const running = await start(policy([await bound(silent)], "timeouts: { idle: 50ms },"));
    const client = await new Client(running.port("dns")).open();
    client.send("hello");
    const [row] = await running.rows(1);
    assert.equal(row.termination, "sD");
    assert.equal(row.state, "upstreamError");
  });

  it("makes one row of a flow that is refused, however many datagrams it sends", async () => {
    const deny = "policies: [{ ipFilter: { deny: [127.0.0.0/8] } }],";
    const running = await start(policy([await answering("a")], deny));
    const client = await new Client(running.port("dns")).open();
    for (let i = 0; i < 20; i++) client.send("let me in");
    const other = await new Client(running.port("dns")).open();
    other.send("me too");
    const rows = await running.rows(2);
    assert.equal(rows.length, 2);
    assert.ok(rows.every(({ state, policy: by }) => state === "rejected" && by === "ipFilter"));
  });

  it("bounds the number of sessions", async () => {
    const running = await start(policy([await answering("a")], "maxConnections: 1,"));
    const one = await new Client(running.port("dns")).open();
    await one.ask("1");
    const two = await new Client(running.port("dns")).open();
    two.send("2");
    const rows = await running.rows(1);
    assert.match(rows[1].why, /as many as maxConnections allows/);
    assert.equal(await one.ask("3"), "a:3");
  });

  it("passes datagrams of every size that UDP has over loopback, empty ones too", async () => {
    const socket = createSocket("udp4");
    socket.on("message", (bytes, from) => socket.send(String(bytes.length), from.port, from.address));
    const running = await start(policy([await bound(socket)]));
    const client = await new Client(running.port("dns")).open();
    for (const size of [0, 1, 1472, 9000, 65_507]) assert.equal(await client.ask("x".repeat(size)), String(size));
  });

  it("takes the client's address from the PROXY header of a trusted proxy, before the first datagram or before each", async () => {
    const accept = "proxyProtocol: { accept: true, trusted: [127.0.0.0/8] },";
    const running = await start(policy([await answering("a"), await answering("b")], accept));
    const proxy = await new Client(running.port("dns")).open();
    const from = (ip: string, payload: string): Buffer => Buffer.concat([headerOf(ip), Buffer.from(payload)]);
    const first = await proxy.ask(from("192.0.2.1", "1"));
    assert.equal(await proxy.ask("2"), `${first[0]}:2`, "what follows without one is the same flow's");
    assert.equal(await proxy.ask(from("192.0.2.1", "3")), `${first[0]}:3`, "and so is what repeats it");
    const second = await proxy.ask(from("192.0.2.9", "4"));
    assert.notEqual(second[0], first[0], "another client is another flow");
    assert.equal(await proxy.ask("5"), `${second[0]}:5`);
    await running.gateway.stop(0);
    const rows = await running.rows(2);
    assert.deepEqual(
      rows.map(({ client, requestBytes }) => [client.split(":")[0], requestBytes]),
      [
        ["192.0.2.1", 3],
        ["192.0.2.9", 2],
      ],
    );
    assert.match(JSON.stringify(running.detail(rows[0])), /PROXY UDP4 192\.0\.2\.1 .* from 127\.0\.0\.1:/);
  });

  it("refuses a flow without a header, with half of one or of version 1, and one from elsewhere, each with one row", async () => {
    const port = await answering("a");
    const running = await start(policy([port], "proxyProtocol: { accept: true, trusted: [127.0.0.0/8] },"));
    const firsts = ["hello", headerOf("192.0.2.1").subarray(0, 20), "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"];
    const connection = Buffer.from(headerOf("192.0.2.1"));
    connection[13] = 0x11;
    for (const first of [...firsts, connection]) {
      const sender = await new Client(running.port("dns")).open();
      sender.send(first);
      sender.send(first);
    }
    const rows = await running.rows(4);
    assert.equal(rows.length, 4);
    const whys = rows.map(({ why }) => why).join("\n");
    assert.match(whys, /the first datagram of the flow does not begin with one of version 2/);
    assert.match(whys, /the datagram ends before it does/);
    assert.match(whys, /it speaks of a connection, and this is a datagram/);
    const elsewhere = await start(policy([port], "proxyProtocol: { accept: true, trusted: [10.0.0.0/8] },"));
    const stranger = await new Client(elsewhere.port("dns")).open();
    stranger.send(headerOf("192.0.2.1"));
    const [row] = await elsewhere.rows(1);
    assert.match(row.why, /127\.0\.0\.1 is in none of them/);
  });

  it("tells a server who the client is in the first datagram of a flow, and never again", async () => {
    const got: Buffer[] = [];
    const socket = createSocket("udp4");
    socket.on("message", (bytes, from) => {
      got.push(bytes);
      socket.send("ok", from.port, from.address);
    });
    const port = await bound(socket);
    const running = await start(policy([await freePort(), port], "", "proxyProtocol: v2"));
    const one = await new Client(running.port("dns")).open();
    await one.ask("1");
    await one.ask("2");
    assert.deepEqual(got[1].toString(), "2");
    const found = decodeProxyHeader(got[0]);
    assert.ok(found.kind === "header" && found.datagrams === true);
    assert.deepEqual(found.source, { ip: "127.0.0.1", port: one.socket.address().port });
    assert.deepEqual(found.destination, { ip: "127.0.0.1", port: running.port("dns") });
    assert.equal(got[0].subarray(found.length).toString(), "1");
  });

  it("lets TCP and UDP share a port", async () => {
    const port = await answering("udp");
    const shared = async (): Promise<number | undefined> => {
      const running = await start(policy([port]));
      const number = running.port("dns");
      const more = `version: 1
listeners:
  - { name: dns, port: 0, address: 127.0.0.1, protocol: UDP, backendRefs: [{ service: dns }] }
  - { name: tcp, port: ${number}, address: 127.0.0.1, protocol: TCP, backendRefs: [{ service: tcp }] }
services:
  dns: { endpoints: [{ url: "udp://127.0.0.1:${port}" }] }
  tcp: { endpoints: [{ url: "tcp://127.0.0.1:${port}" }] }
`;
      const result = await running.gateway.propose(more, -1);
      if (result.kind === "accepted") return number;
      // The number that the system gave us for UDP may happen to be somebody's for TCP.
      assert.match(JSON.stringify(result), /another program has that port/);
      return undefined;
    };
    const number = (await shared()) ?? (await shared()) ?? (await shared()) ?? 0;
    const client = await new Client(number).open();
    assert.equal(await client.ask("1"), "udp:1");
  });
});
