/**
 * Every rule of RFC 9112 and every refusal that design/engine.md lists, one byte string each (cases.ts),
 * and what the head says about messages that pass.
 */
import assert from "node:assert/strict";
import { Event, MessageReader } from "../../src/gateway/http1/reader.ts";
import { PROBLEMS } from "../../src/gateway/http1/problem.ts";
import type { Head } from "../../src/gateway/http1/head.ts";
import { Framing } from "../../src/gateway/http1/head.ts";
import { cases } from "./cases.ts";
import type { Message } from "./drive.ts";
import { bytes, drive } from "./drive.ts";

/** "start line|body|trailers", with "?" behind a message that did not end. */
function summary(message: Message): string {
  const startLine = message.head.slice(0, message.head.indexOf("\r\n"));
  return `${startLine}|${message.body}|${message.trailers}${message.ended ? "" : "?"}`;
}

function headOf(text: string, role: "request" | "response" = "request"): Head {
  const reader = new MessageReader(role);
  const buffer = bytes(text);
  assert.equal(reader.next(buffer, 0, buffer.length), Event.Head, reader.error?.code);
  return reader.head;
}

function kept(version: string, connection: string): boolean {
  return headOf(`GET / ${version}\r\nHost: a\r\n${connection}\r\n`).keepAlive;
}

function request(fields: string, version = "1.1"): Head {
  return headOf(`GET / HTTP/${version}\r\nHost: a\r\n${fields}\r\n`);
}

function response(fields: string): Head {
  return headOf(`HTTP/1.1 200 OK\r\n${fields}\r\n`, "response");
}

describe("The HTTP/1.1 reader", () => {
  for (const role of ["request", "response"] as const) {
    describe(role === "request" ? "of requests" : "of responses", () => {
      for (const each of cases.filter((one) => one.role === role)) {
        const verb = each.refused === undefined ? "accepts" : `refuses (${each.status})`;
        it(`${verb} ${JSON.stringify(each.name)} [${each.rule}]`, () => {
          const said = drive(role, bytes(each.input), [], each);
          assert.equal(said.error, each.refused ?? "");
          assert.equal(said.status, each.status ?? 0);
          assert.deepEqual(said.messages.map(summary), each.messages);
        });
      }
    });
  }

  it("has a case for every refusal it can make", () => {
    const covered = new Set(cases.map((one) => one.refused));
    assert.deepEqual(
      Object.keys(PROBLEMS).filter((code) => !covered.has(code as never)),
      [],
    );
  });

  it("says the same again after it has refused, until it is reset", () => {
    const reader = new MessageReader("request");
    const bad = bytes("GET\n");
    assert.equal(reader.next(bad, 0, bad.length), Event.Error);
    const good = bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.equal(reader.next(good, 0, good.length), Event.Error);
    assert.equal(reader.error?.code, "bare-lf");
    assert.equal(reader.error?.seen, "GET");
    assert.equal(reader.finish(), Event.Error);
    reader.reset();
    assert.equal(reader.next(good, 0, good.length), Event.Head);
  });

  it("shows the head as text and as offsets, and finds fields in any case", () => {
    const text =
      "GET /a?b=c?d HTTP/1.1\r\nhOsT: Shop.Example:8080\r\nX-A:1\r\nAccept: \t text/html \t\r\nx-a:\t2\r\n\r\n";
    const head = headOf(text);
    assert.equal(head.text, text);
    assert.equal(head.count, 4);
    assert.equal(head.method, "GET");
    assert.equal(head.target, "/a?b=c?d");
    assert.equal(head.path, "/a");
    assert.equal(head.query, "b=c?d");
    assert.equal(head.host, "shop.example");
    assert.equal(head.hostHeader, "Shop.Example:8080");
    assert.equal(head.get("x-a"), "1, 2");
    assert.equal(head.get("accept"), "text/html");
    assert.equal(head.get("host"), "Shop.Example:8080");
    assert.equal(head.get("cookie"), undefined);
    assert.equal(head.get("x"), undefined);
    assert.equal(head.nameAt(0), "hOsT");
    assert.equal(text.slice(head.nameStart[2], head.lineEnd(2)), "Accept: \t text/html \t\r\n");
    assert.equal(head.lineEnd(3), text.length - 2);
  });

  it("takes path and host out of a URL in the request line", () => {
    const path = (target: string, method = "GET") => headOf(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.equal(path("http://a/b").path, "/b");
    assert.equal(path("http://a").path, "/");
    assert.equal(path("http://a?q").path, "/");
    assert.equal(path("http://a?q").query, "q");
    assert.equal(path("http://a", "OPTIONS").path, "*");
    assert.equal(path("/?").query, "");
    const old = headOf("GET http://[::1]:80/b HTTP/1.0\r\n\r\n");
    assert.equal(old.host, "[::1]");
    assert.equal(old.hostHeader, "[::1]:80");
  });

  it("does not carry anything from one message to the next", () => {
    const input =
      "POST /a?b HTTP/1.1\r\nHost: a\r\nConnection: upgrade, x\r\nUpgrade: y\r\nX: 1\r\nTE: trailers\r\nExpect: 100-continue\r\n" +
      "Content-Length: 1\r\n\r\nzGET / HTTP/1.0\r\n\r\n";
    const [first, second] = drive("request", bytes(input), []).messages;
    assert.equal(first.upgrade, "y");
    const head = headOf("GET / HTTP/1.0\r\n\r\n");
    const fresh = {
      method: head.method,
      path: head.path,
      query: head.query,
      host: head.host,
      contentLength: -1,
      upgrade: "",
    };
    const { method, path, query, host, contentLength, upgrade } = second;
    assert.deepEqual({ method, path, query, host, contentLength, upgrade }, fresh);
    assert.equal(second.framing, Framing.None);
    assert.equal(second.fields.length, 0);
  });

  it("keeps a connection as version and Connection say", () => {
    assert.equal(kept("HTTP/1.1", ""), true);
    assert.equal(kept("HTTP/1.1", "Connection: close\r\n"), false);
    assert.equal(kept("HTTP/1.1", "Connection: x ,\tClose\r\n"), false);
    assert.equal(kept("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"), false);
    assert.equal(kept("HTTP/1.1", "Connection: closed\r\n"), true);
    assert.equal(kept("HTTP/1.0", ""), false);
    assert.equal(kept("HTTP/1.0", "Connection: Keep-Alive\r\n"), true);
    assert.equal(kept("HTTP/1.0", "Connection: keep-alive, close\r\n"), false);
    assert.equal(kept("HTTP/1.1", "Proxy-Connection: close\r\n"), true);
  });

  it("marks what Connection names, but never what frames or routes the message", () => {
    const head = headOf(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nX-One: 1\r\nConnection: X-One, host, Content-Length, ,x-two\r\nX-TWO: 2\r\n\r\n",
    );
    assert.equal(head.namesFields, true);
    assert.deepEqual([...head.named.subarray(0, head.count)], [0, 0, 1, 0, 1]);
  });

  it("reads Expect, TE, Upgrade and Keep-Alive", () => {
    assert.equal(request("Expect: 100-Continue\r\n").expectContinue, true);
    assert.equal(request("Expect: 100-continue\r\n", "1.0").expectContinue, false);
    assert.equal(request("TE: gzip;q=0.5, trailers\r\n").acceptsTrailers, true);
    assert.equal(request("TE: xtrailers\r\n").acceptsTrailers, false);
    assert.equal(request("Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n").upgrade, "websocket");
    assert.equal(request("Upgrade: websocket\r\n").upgrade, "");
    assert.equal(request("Upgrade: websocket\r\nConnection: upgrade\r\n", "1.0").upgrade, "");
    assert.equal(response("Keep-Alive: timeout=5, max=100\r\n").keepAliveTimeout, 5);
    assert.equal(response("Keep-Alive: max=1\r\n").keepAliveTimeout, -1);
    assert.equal(response("").keepAlive, false);
    assert.equal(response("Content-Length: 0\r\n").keepAlive, true);
  });
});
