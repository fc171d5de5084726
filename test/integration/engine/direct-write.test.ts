/**
 * Writes past the stream, on real sockets: what arrives, in which order, and what the writer is told when a peer is slow
 * or gone. Whatever Node does, the bytes must be those of the stream.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { DirectWriter } from "../../../src/gateway/forward/direct-write.ts";

const PIECE = "x".repeat(16_000);

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

describe("engine: writes past the stream", () => {
  let server: Server;
  let pair: Pair;

  beforeEach(async () => {
    server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    // As the engine's sockets are made: every write that does not reach the kernel at once ends with a `drain`.
    const options = { port: (server.address() as AddressInfo).port, host: "127.0.0.1", writableHighWaterMark: 1 };
    const near = connect(options);
    const [[far]] = await Promise.all([once(server, "connection"), once(near, "connect")]);
    pair = { near, far: far as Socket };
    pair.far.on("error", () => {});
  });

  afterEach(() => {
    pair.near.destroy();
    pair.far.destroy();
    server.close();
  });

  /** Everything that the far side reads until the near side ends. */
  async function received(): Promise<string> {
    let text = "";
    pair.far.on("data", (bytes: Buffer) => (text += bytes.toString("latin1")));
    pair.far.resume();
    await once(pair.far, "end");
    return text;
  }

  it("reach the peer byte for byte, latin1, and leave nothing pending", async () => {
    const writer = new DirectWriter(pair.near);
    const text = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join("");
    assert.equal(writer.write(text), true, "this Node has what direct writes need");
    assert.equal(writer.write(text), true);
    assert.equal(writer.pending, false);
    assert.equal(pair.near.writableLength, 0);
    pair.near.end();
    assert.equal(await received(), text + text);
  });

  it("are told by `drain` when the peer was slow, and keep their order with what the stream writes meanwhile", async () => {
    const writer = new DirectWriter(pair.near);
    let expected = "";
    for (let i = 0; !writer.pending; i++) {
      const text = `${i}:${PIECE}`;
      assert.equal(writer.write(text), true);
      expected += text;
    }
    assert.equal(writer.write("not now"), false, "while something is on its way it takes nothing");
    pair.near.write("by the stream", "latin1");
    expected += "by the stream";
    let drains = 0;
    pair.near.on("drain", () => drains++);
    const all = received();
    await once(pair.near, "drain");
    assert.equal(writer.pending, false);
    assert.equal(writer.write("and on"), true);
    pair.near.end();
    assert.equal(await all, `${expected}and on`);
    assert.equal(drains, 1);
  });

  it("are flushed before the FIN when the socket is ended with something pending", async () => {
    const writer = new DirectWriter(pair.near);
    let sent = 0;
    while (!writer.pending) {
      writer.write(PIECE);
      sent += PIECE.length;
    }
    pair.near.destroySoon();
    assert.equal((await received()).length, sent);
  });

  it("end the socket with an error when the peer is gone, as the stream's do", async () => {
    const writer = new DirectWriter(pair.near);
    pair.far.resetAndDestroy();
    const failed = once(pair.near, "error");
    // The first meets the reset at the latest when it arrives; whichever write notices it first ends the socket.
    const timer = setInterval(() => writer.write(PIECE), 5);
    const [error] = (await failed) as [NodeJS.ErrnoException];
    clearInterval(timer);
    assert.match(error.code ?? "", /^(?:ECONNRESET|EPIPE)$/);
    assert.equal(pair.near.destroyed, true);
    assert.equal(writer.write("more"), false);
  });

  it("do nothing on a socket that is not connected or has ended", () => {
    const { port } = server.address() as AddressInfo;
    const early = connect(port, "127.0.0.1");
    assert.equal(new DirectWriter(early).write("early"), false);
    early.destroy();
    pair.near.end();
    assert.equal(new DirectWriter(pair.near).write("late"), false);
  });
});
