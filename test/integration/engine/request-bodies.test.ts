/**
 * Requests whose body a policy asks for: collected before the decision, sent on as it came, bounded whatever is sent.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { BodyState, type CollectedBody } from "../../../src/model/body.ts";
import { ask, client, onHead, planOf, rawBackend, readReply, startEngine, stopEverything } from "./harness.ts";

const seen: { state: number; length: number; text: string | undefined; value: unknown }[] = [];

const asking = (most: number, name = "asked") =>
  ({
    name,
    kind: "body",
    source: {
      most,
      read: (body: CollectedBody) => {
        seen.push({ state: body.state, length: body.length, text: body.text(), value: body.json().value });
        return body.state;
      },
    },
  }) as const;

const withBodies = (endpoints: number[], most = 1000) => {
  const plan = planOf({ endpoints, needs: [asking(most)] });
  return { ...plan, routes: [{ ...plan.routes[0], bodies: [], collects: most }] };
};

/** Remembers the head and body of each request; understands chunks as text only. */
async function listening(): Promise<{ port: number; heads: string[]; bodies: string[] }> {
  const heads: string[] = [];
  const bodies: string[] = [];
  const serve = (socket: Socket) =>
    onHead(socket, async (head, rest) => {
      heads.push(head);
      const length = /content-length: (\d+)/i.exec(head);
      bodies.push(length === null ? await rest.until("\r\n0\r\n\r\n") : await rest.bytes(Number(length[1])));
      socket.end("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    });
  const backend = await rawBackend(serve);
  return { port: backend.port, heads, bodies };
}

describe("engine: collected request bodies", () => {
  afterEach(async () => {
    seen.length = 0;
    await stopEverything();
  });

  it("shows the whole body before the decision, and sends it on byte for byte", async () => {
    const backend = await listening();
    const { port, keeper } = await startEngine(withBodies([backend.port]));
    const body = '{"a": 1}';
    const reply = await ask(port, `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    assert.equal(reply.body, "hello");
    assert.deepEqual(seen, [{ state: BodyState.Whole, length: 8, text: body, value: { a: 1 } }]);
    assert.deepEqual(backend.bodies, [body]);
    const [row] = await keeper.has(1);
    assert.deepEqual(row.facts, { asked: BodyState.Whole });
    assert.equal(row.requestBody.bytes, 8);
  });

  it("keeps chunked framing, and answers a client that waits for 100 itself", async () => {
    const backend = await listening();
    const { port } = await startEngine(withBodies([backend.port]));
    const reader = await client(port);
    reader.socket.write(
      "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    assert.equal(await reader.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    reader.socket.write("3\r\n[1,\r\n");
    await new Promise((resolve) => setTimeout(resolve, 10));
    reader.socket.write("2\r\n2]\r\n0\r\n\r\n");
    assert.equal((await readReply(reader)).body, "hello");
    assert.deepEqual(seen[0].value, [1, 2]);
    assert.deepEqual(backend.bodies, ["5\r\n[1,2]\r\n0\r\n\r\n"]);
    assert.doesNotMatch(backend.heads[0], /expect/i);
  });

  it("does not collect what is announced or found to be too long, and still sends it whole", async () => {
    const backend = await listening();
    const { port } = await startEngine(withBodies([backend.port], 10));
    const body = "x".repeat(300_000);
    const head = "POST / HTTP/1.1\r\nHost: a.test\r\n";
    assert.equal((await ask(port, `${head}Content-Length: ${body.length}\r\n\r\n${body}`)).body, "hello");
    assert.equal(
      (await ask(port, `${head}Transfer-Encoding: chunked\r\n\r\n493e0\r\n${body}\r\n0\r\n\r\n`)).body,
      "hello",
    );
    assert.deepEqual(
      seen.map(({ state }) => state),
      [BodyState.TooLarge, BodyState.TooLarge],
    );
    assert.equal(seen[0].length, 300_000);
    assert.equal(backend.bodies[0], body);
    assert.equal(backend.bodies[1].match(/x/g)?.length, 300_000);
  });

  it("undoes Content-Encoding for whoever looks, within the same bound, and sends the coded bytes on", async () => {
    const backend = await listening();
    const { port } = await startEngine(withBodies([backend.port]));
    const send = async (bytes: Buffer) => {
      const reader = await client(port);
      const fields = `Content-Encoding: gzip\r\nContent-Length: ${bytes.length}`;
      reader.socket.write(`POST / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n\r\n`);
      reader.socket.write(bytes);
      return readReply(reader);
    };
    const coded = gzipSync('{"b":2}');
    await send(coded);
    await send(gzipSync(Buffer.alloc(2_000_000)).subarray(0, 990));
    await send(gzipSync(Buffer.alloc(900_000)));
    assert.deepEqual(seen[0].value, { b: 2 });
    assert.equal(backend.bodies[0], coded.toString("latin1"));
    assert.deepEqual(
      seen.map(({ state }) => state),
      [BodyState.Whole, BodyState.TooLarge, BodyState.TooLarge],
    );
  });

  it("asks nothing of a request without a body, and forgets one whose client goes away", async () => {
    const backend = await listening();
    const { port, keeper } = await startEngine(withBodies([backend.port]));
    const reader = await client(port);
    reader.socket.write("POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n");
    await reader.until("100 Continue\r\n\r\n");
    reader.socket.write("half");
    reader.socket.resetAndDestroy();
    await keeper.has(1);
    assert.equal(seen.length, 0);
    assert.equal(backend.heads.length, 0);
  });
});
