/**
 * 1xx responses, Expect: 100-continue and trailers, end to end.
 */
import assert from "node:assert/strict";
import {
  ask,
  client,
  get,
  hello,
  onHead,
  planOf,
  rawBackend,
  readReply,
  startEngine,
  stopEverything,
} from "./harness.ts";

describe("engine: interim responses, Expect and trailers", () => {
  afterEach(stopEverything);

  it("relays 103 Early Hints before the answer, as often as they come", async () => {
    const backend = await rawBackend((socket) =>
      onHead(socket, () => {
        socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
        socket.write("HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n" + hello);
      }),
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get());
    assert.match(await reader.until("\r\n\r\n"), /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>/);
    assert.match(await reader.until("\r\n\r\n"), /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/b\.css>/);
    assert.equal((await readReply(reader)).body, "hello");
  });

  it("does not show 1xx to an HTTP/1.0 client", async () => {
    const backend = await rawBackend((socket) =>
      onHead(socket, () => socket.write("HTTP/1.1 103 Early Hints\r\n\r\n" + hello)),
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    assert.equal((await ask(port, "GET / HTTP/1.0\r\nHost: a\r\n\r\n")).status, 200);
  });

  it("carries Expect: 100-continue to the backend and its 100 to the client, before any body", async () => {
    const order: string[] = [];
    const backend = await rawBackend((socket) =>
      onHead(socket, async (head, rest) => {
        order.push(/expect: 100-continue/i.test(head) ? "backend asked" : "no expect");
        socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        order.push(await rest.bytes(4));
        socket.write(hello);
      }),
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert.match(await reader.until("\r\n\r\n"), /^HTTP\/1\.1 100 Continue\r\n/);
    order.push("client told");
    reader.socket.write("body");
    assert.equal((await readReply(reader)).status, 200);
    assert.deepEqual(order, ["backend asked", "client told", "body"]);
  });

  it("gives a final answer instead of 100 to the client and closes, since the body never came", async () => {
    const backend = await rawBackend((socket) =>
      onHead(socket, () => socket.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")),
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4000\r\nExpect: 100-continue\r\n\r\n");
    const reply = await readReply(reader);
    assert.equal(reply.status, 413);
    assert.equal(reply.field("connection")?.toLowerCase(), "close");
    assert.equal(await reader.all(), "");
  });

  it("forwards response trailers", async () => {
    const backend = await rawBackend((socket) =>
      onHead(socket, () =>
        socket.write(
          "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n",
        ),
      ),
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reader = await client(port);
    reader.socket.write(get("/", "TE: trailers\r\nConnection: TE\r\n"));
    assert.match(await reader.until("X-Sum: 42\r\n\r\n"), /2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n$/);
  });

  it("forwards request trailers", async () => {
    let seen = "";
    const backend = await rawBackend((socket) =>
      onHead(socket, async (_head, rest) => {
        seen = await rest.until("X-Sum: 42\r\n\r\n");
        socket.write(hello);
      }),
    );
    const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
    const reply = await ask(
      port,
      "POST / HTTP/1.1\r\nHost: a.test\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n",
    );
    assert.equal(reply.status, 200);
    assert.equal(seen, "2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n");
  });
});
