/** What a probe sends, and what it makes of answers, silence and other protocols. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createTcp, type Server as TcpServer } from "node:net";
import { probe } from "./probe.ts";

async function portOf(server: Server | TcpServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as { port: number }).port;
}

/** A server that answers each path as told, else 404, and keeps what was asked. */
async function answering(statuses: Readonly<Record<string, number>>) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.statusCode = statuses[request.url ?? ""] ?? 404;
    response.end("x".repeat(100_000));
  });
  const port = await portOf(server);
  const answer = await probe({ port, ipv4: true });
  server.closeAllConnections();
  server.close();
  return { asked, answer };
}

describe("probing a port", () => {
  it("asks the usual paths by GET until one answers 2xx", async () => {
    const { asked, answer } = await answering({ "/health": 204 });
    assert.deepEqual(answer, { path: "/health", status: 204 });
    assert.deepEqual(asked, ["GET /healthz", "GET /health"]);
  });

  it("says what the first path answered when none is healthy, and asks nothing else", async () => {
    const { asked, answer } = await answering({ "/healthz": 503 });
    assert.deepEqual(answer, { path: "/healthz", status: 503 });
    assert.deepEqual(asked, ["GET /healthz", "GET /health", "GET /health/ready"]);
  });

  it("does not follow a redirect", async () => {
    const { answer } = await answering({ "/healthz": 302, "/health": 302, "/health/ready": 302 });
    assert.deepEqual(answer, { path: "/healthz", status: 302 });
  });

  it("takes what is no HTTP, what closes and what nobody listens on for no service", async () => {
    const noise = createTcp((socket) =>
      socket
        .on("error", () => {})
        .resume()
        .end("-ERR unknown command\r\n"),
    );
    const port = await portOf(noise);
    assert.equal(await probe({ port, ipv4: true }), undefined);
    noise.close();
    await once(noise, "close");
    assert.equal(await probe({ port, ipv4: true }), undefined);
  });
});
