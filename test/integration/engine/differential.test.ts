/**
 * The same exchanges through http-proxy and through the engine: backend and client must see the same, except for the
 * differences listed here. Keeps us honest about what "transparent" means.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import httpProxy from "http-proxy";
import { client, get, onHead, planOf, rawBackend, readReply, startEngine, stopEverything } from "./harness.ts";

/** What only the engine adds, by design. */
const ADDED_TO_REQUEST = new Set([
  "via",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "traceparent",
]);
const ADDED_TO_REPLY = new Set(["via"]);
/** Each proxy speaks for its own connection. */
const HOP_BY_HOP = new Set(["connection", "keep-alive"]);
/** node:http adds a Date where the backend sent none; the engine leaves it to whoever made the answer. */
const ADDED_BY_NODE = new Set(["date"]);

interface Seen {
  readonly request: readonly string[];
  readonly requestBody: string;
  readonly reply: readonly string[];
  readonly body: string;
}

/**
 * Lines of a head, names in lower case, without those in `ignored`. White space around a value means nothing
 * (RFC 9110 section 5.5): the engine passes it on as it came, node:http writes one blank.
 */
function lines(head: string, ...ignored: ReadonlySet<string>[]): string[] {
  return head
    .trimEnd()
    .split("\r\n")
    .map((line, i) => (i === 0 ? line : plainLine(line)))
    .filter((line, i) => i === 0 || !ignored.some((set) => set.has(line.split(":")[0])));
}

function plainLine(line: string): string {
  const colon = line.indexOf(":");
  return `${line.slice(0, colon).toLowerCase()}: ${line.slice(colon + 1).trim()}`;
}

async function exchange(port: number, origin: Origin, request: string): Promise<Seen> {
  const reader = await client(port);
  reader.socket.write(request, "latin1");
  const reply = await readReply(reader, request.split(" ")[0]);
  reader.socket.destroy();
  const { head, body } = origin.last;
  return {
    request: lines(head, HOP_BY_HOP, ADDED_TO_REQUEST),
    requestBody: body,
    reply: lines(reply.head, HOP_BY_HOP, ADDED_TO_REPLY, ADDED_BY_NODE),
    body: reply.body,
  };
}

interface Origin {
  readonly port: number;
  last: { head: string; body: string };
}

async function originOf(response: string): Promise<Origin> {
  const origin = { port: 0, last: { head: "", body: "" } };
  const { port } = await rawBackend((socket) =>
    onHead(socket, async (head, rest) => {
      let body = "";
      const length = /^content-length: (\d+)\r$/im.exec(head)?.[1];
      if (length !== undefined) body = await rest.bytes(Number(length));
      else if (/^transfer-encoding: chunked\r$/im.test(head)) body = await rest.until("0\r\n\r\n");
      origin.last = { head, body };
      socket.end(response, "latin1");
    }),
  );
  origin.port = port;
  return origin;
}

const ok = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
const cases: readonly (readonly [name: string, request: string, response: string])[] = [
  ["a plain GET", get("/a?b=c&d=%20e"), ok],
  ["repeated and odd fields", get("/", "Accept: a\r\nX-Odd:   spaced   \r\nCookie: a=1; b=2\r\nX-Empty:\r\n"), ok],
  ["a body with Content-Length", "POST /p HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello", ok],
  [
    "a chunked body",
    "POST /p HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ok,
  ],
  ["HEAD", "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"],
  ["several cookies", get(), "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok"],
  ["a chunked answer", get(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
  ["an answer until close", get(), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end"],
  ["204", get(), 'HTTP/1.1 204 No Content\r\nETag: "x"\r\n\r\n'],
  ["304", get("/", 'If-None-Match: "x"\r\n'), 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n'],
  ["a redirect", get(), "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"],
  ["an odd status with its own phrase", get(), "HTTP/1.1 599 Tea Time\r\nContent-Length: 0\r\n\r\n"],
  ["a latin1 field value", get(), "HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nok"],
];

describe("engine: the same as http-proxy, but for the listed differences", () => {
  let peer: Server | undefined;
  afterEach(async () => {
    peer?.closeAllConnections();
    await stopEverything();
    await new Promise((done) => (peer === undefined ? done(undefined) : peer.close(done)));
  });

  for (const [name, request, response] of cases) {
    it(`passes ${name} on alike`, async () => {
      const origin = await originOf(response);
      const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${origin.port}` });
      proxy.on("error", () => {});
      peer = createServer((req, res) => proxy.web(req, res));
      peer.listen(0, "127.0.0.1");
      await once(peer, "listening");
      const theirs = await exchange((peer.address() as AddressInfo).port, origin, request);
      const { port } = await startEngine(planOf({ endpoints: [origin.port] }));
      const ours = await exchange(port, origin, request);
      assert.deepEqual(new Set(ours.request), new Set(theirs.request));
      assert.equal(ours.requestBody, theirs.requestBody);
      assert.deepEqual(new Set(ours.reply), new Set(theirs.reply));
      assert.equal(ours.body, theirs.body);
    });
  }
});
