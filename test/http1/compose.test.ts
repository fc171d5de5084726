/**
 * Heads that leave the gateway: what must not travel on does not, the rest is copied byte for byte, and nothing that a policy or a
 * client says can make one message into two.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { CHUNK_END, CHUNK_HEAD_BYTES, chunkHead, lastChunk, writeChunkHead } from "../../src/gateway/http1/chunk.ts";
import { composeRequest, composeResponse, OutgoingRequest, OutgoingResponse } from "../../src/gateway/http1/compose.ts";
import { HeadEdit, RequestHeadEdit, toFieldValue } from "../../src/gateway/http1/edit.ts";
import type { Head } from "../../src/gateway/http1/head.ts";
import { Framing, Known } from "../../src/gateway/http1/head.ts";
import { Event, MessageReader } from "../../src/gateway/http1/reader.ts";
import { bytes, drive } from "./drive.ts";

function headOf(lines: string[], role: "request" | "response" = "request", method = "GET"): Head {
  const reader = new MessageReader(role);
  reader.requestMethod = method;
  reader.upgradeOffered = true;
  const buffer = bytes([...lines, "", ""].join("\r\n"));
  assert.equal(reader.next(buffer, 0, buffer.length), Event.Head, reader.error?.code);
  return reader.head;
}

/** The request as it arrived, sent to the same host and target. */
function sameRequest(head: Head, changes: Partial<OutgoingRequest> = {}): OutgoingRequest {
  const { method, target, hostHeader, framing, contentLength } = head;
  return Object.assign(new OutgoingRequest(), { method, target, host: hostHeader, framing, contentLength }, changes);
}

function sameResponse(head: Head, changes: Partial<OutgoingResponse> = {}): OutgoingResponse {
  const { status, reason, framing, contentLength } = head;
  return Object.assign(new OutgoingResponse(), { status, reason, framing, contentLength }, changes);
}

function linesOf(head: string): string[] {
  assert.ok(head.endsWith("\r\n\r\n"));
  return head.slice(0, -4).split("\r\n");
}

function request(lines: string[], changes: Partial<OutgoingRequest> = {}, edit?: HeadEdit): string[] {
  const head = headOf(lines);
  edit?.begin(head);
  return linesOf(composeRequest(head, sameRequest(head, changes), edit));
}

function response(lines: string[], changes: Partial<OutgoingResponse> = {}, method = "GET"): string[] {
  const head = headOf(lines, "response", method);
  return linesOf(composeResponse(head, sameResponse(head, changes)));
}

function editing(
  lines: string[],
  change: (edit: HeadEdit) => void,
): { lines: string[]; refused: string[] | undefined } {
  const head = headOf(lines);
  const edit = new HeadEdit();
  edit.begin(head);
  change(edit);
  return { lines: linesOf(composeRequest(head, sameRequest(head), edit)), refused: edit.refused };
}

const PLAIN = ["GET /a?b HTTP/1.1", "Host: a:80", "accept:  */* ", "X-Odd:\t\xe9\xff", "Cookie: a=b"];

describe("A composed request", () => {
  it("is the one that arrived, byte for byte, when nothing must change", () => {
    const head = headOf(PLAIN);
    assert.equal(composeRequest(head, sameRequest(head)), head.text);
  });

  it("gets added lines at its end", () => {
    assert.deepEqual(request(PLAIN, { lines: "Via: 1.1 x\r\n" }), [...PLAIN, "Via: 1.1 x"]);
  });

  it("leaves out what belongs to one connection, and what Connection names", () => {
    const hop = [
      "Connection: keep-alive, X-Mine",
      "Keep-Alive: timeout=5",
      "Proxy-Connection: close",
      "TE: gzip",
      "Upgrade: h2c",
    ];
    const more = ["x-mine: 1", "Proxy-Authorization: Basic x", "X-MINE: 2", "Trailer: X"];
    const [start, host, ...rest] = PLAIN;
    assert.deepEqual(request([start, ...hop, host, ...more, ...rest]), PLAIN);
  });

  it("keeps Host and framing even when Connection names them", () => {
    const lines = ["POST / HTTP/1.1", "Host: a", "Content-Length: 3"];
    assert.deepEqual(request([...lines, "Connection: Host, Content-Length, Transfer-Encoding"]), lines);
  });

  it("replaces target, method and Host", () => {
    assert.deepEqual(request(PLAIN, { method: "PUT", target: "/b", host: "backend:9" }), [
      "PUT /b HTTP/1.1",
      ...PLAIN.slice(2),
      "Host: backend:9",
    ]);
  });

  it("speaks HTTP/1.1 for an HTTP/1.0 client, and names a host even if that did not", () => {
    assert.deepEqual(request(["GET / HTTP/1.0", "Expect: 100-continue"], { host: "b" }), ["GET / HTTP/1.1", "Host: b"]);
    assert.deepEqual(request(["GET http://a/ HTTP/1.0"], { target: "/" }), ["GET / HTTP/1.1", "Host: a"]);
  });

  it("says the framing that the engine chose, once", () => {
    const sized = ["POST / HTTP/1.1", "Host: a", "Content-Length: 3"];
    const [start, host] = sized;
    assert.deepEqual(request(sized), sized);
    assert.deepEqual(request([start, host, "Content-Length: 003"]), sized);
    assert.deepEqual(request([start, host, "Content-Length: 00"]), [start, host, "Content-Length: 0"]);
    assert.deepEqual(request(sized, { framing: Framing.Chunked }), [start, host, "Transfer-Encoding: chunked"]);
    assert.deepEqual(request(sized, { framing: Framing.None }), [start, host]);
    assert.deepEqual(request(sized, { contentLength: 5 }), [start, host, "Content-Length: 5"]);
    const chunked = [start, host, "Transfer-Encoding: chunked"];
    assert.deepEqual(request(chunked), chunked);
    assert.deepEqual(request(chunked, { framing: Framing.Length, contentLength: 5 }), [
      start,
      host,
      "Content-Length: 5",
    ]);
    assert.deepEqual(request([...chunked, "Trailer: X"]), [start, host, "Trailer: X", "Transfer-Encoding: chunked"]);
  });

  it("offers an upgrade or trailers when asked to", () => {
    const lines = ["GET / HTTP/1.1", "Host: a"];
    const arrived = [...lines, "Connection: Upgrade", "Upgrade: websocket", "TE: trailers"];
    assert.deepEqual(request(arrived, { upgrade: "websocket" }), [
      ...lines,
      "Connection: Upgrade",
      "Upgrade: websocket",
    ]);
    assert.deepEqual(request(arrived, { acceptsTrailers: true }), [...lines, "Connection: TE", "TE: trailers"]);
  });

  it("leaves out known names that the engine replaces", () => {
    const lines = ["GET / HTTP/1.1", "X-Forwarded-For: 6.6.6.6", "Host: a", "Forwarded: for=x", "Via: 1.0 y"];
    const skip = (1 << Known.XForwardedFor) | (1 << Known.Forwarded);
    assert.deepEqual(request(lines, { skip }), ["GET / HTTP/1.1", "Host: a", "Via: 1.0 y"]);
  });
});

describe("A composed response", () => {
  it("is the one that arrived when nothing must change", () => {
    const lines = ["HTTP/1.1 200 OK", "Content-Length: 3", "Set-Cookie: a", "Set-Cookie: b"];
    assert.deepEqual(response(lines), lines);
  });

  it("gets a status line of HTTP/1.1 with the space that belongs there", () => {
    assert.deepEqual(response(["HTTP/1.1 200", "Content-Length: 0"])[0], "HTTP/1.1 200 ");
    assert.deepEqual(response(["HTTP/1.0 404 Not Found", "Content-Length: 0"])[0], "HTTP/1.1 404 Not Found");
  });

  it("tells the client what becomes of its connection", () => {
    const lines = ["HTTP/1.1 200 OK", "Content-Length: 0"];
    const arrived = [...lines, "Connection: close", "Keep-Alive: timeout=5"];
    assert.deepEqual(response(arrived), lines);
    assert.deepEqual(response(arrived, { keepAlive: false }), [...lines, "Connection: close"]);
    assert.deepEqual(response(arrived, { minor: 0 }), [...lines, "Connection: keep-alive"]);
  });

  it("announces a length without a body only where that may be", () => {
    const head = ["HTTP/1.1 200 OK", "Content-Length: 3"];
    assert.deepEqual(response(head, {}, "HEAD"), head);
    assert.deepEqual(response(["HTTP/1.1 304 x", "Content-Length: 3"]), ["HTTP/1.1 304 x", "Content-Length: 3"]);
    assert.deepEqual(response(["HTTP/1.1 204 x", "Content-Length: 0"]), ["HTTP/1.1 204 x"]);
    assert.deepEqual(response(["HTTP/1.1 103 x", "Link: a"]), ["HTTP/1.1 103 x", "Link: a"]);
  });

  it("takes the chunks off for HTTP/1.0", () => {
    const changes = { framing: Framing.UntilClose, keepAlive: false, minor: 0 };
    assert.deepEqual(response(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Trailer: X"], changes), [
      "HTTP/1.1 200 OK",
      "Connection: close",
    ]);
  });

  it("switches protocols", () => {
    const lines = ["HTTP/1.1 101 x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Accept: y"];
    assert.deepEqual(response(lines, { upgrade: "websocket" }), [lines[0], lines[3], lines[1], lines[2]]);
  });
});

describe("An edit of a head", () => {
  it("sets, adds, removes and reads fields in any case", () => {
    const { lines, refused } = editing([...PLAIN, "X-Two: 1", "x-two: 2"], (edit) => {
      assert.equal(edit.get("x-TWO"), "1, 2");
      edit.add("X-Two", "3");
      assert.equal(edit.get("X-Two"), "1, 2, 3");
      edit.set("x-two", "4");
      assert.equal(edit.get("X-Two"), "4");
      edit.remove("COOKIE");
      assert.equal(edit.get("cookie"), undefined);
      edit.set("X-Gone", "5");
      edit.remove("x-gone");
      edit.set("Accept", "a");
    });
    assert.equal(refused, undefined);
    assert.deepEqual(lines, [PLAIN[0], PLAIN[1], PLAIN[3], "x-two: 4", "Accept: a"]);
  });

  it("forgets the last head's edits", () => {
    const edit = new HeadEdit();
    edit.begin(headOf(PLAIN));
    edit.set("X", "1");
    assert.equal(edit.changed, true);
    assert.deepEqual(request(PLAIN, {}, edit), PLAIN);
    assert.equal(edit.changed, false);
  });

  it("leaves a field out rather than let its value split the head", () => {
    for (const value of ["a\r\nX: b", "a\nb", "a\rb", "a\0", "\x7f", "a\x0bb"]) {
      const { lines, refused } = editing([...PLAIN, "X-User: root"], (edit) => edit.set("X-User", value));
      assert.deepEqual(lines, PLAIN);
      assert.match(refused?.[0] ?? "", /^The value for X-User holds a line break/);
    }
  });

  it("refuses names that are none, and names that frame the message", () => {
    for (const name of [
      "",
      "a b",
      "a:",
      "a\r\n",
      "\xe9",
      "Host",
      "content-length",
      "Transfer-Encoding",
      "CONNECTION",
    ]) {
      const { lines, refused } = editing(PLAIN, (edit) => {
        edit.set(name, "1");
        edit.add(name, "1");
        edit.remove(name);
      });
      assert.deepEqual(lines, PLAIN);
      assert.equal(refused?.length, 3);
    }
  });

  it("writes text outside ASCII as UTF-8, once", () => {
    const utf8 = Buffer.from("José").toString("latin1");
    assert.equal(toFieldValue("José"), utf8);
    assert.equal(toFieldValue(utf8), utf8);
    assert.equal(toFieldValue("  voilà\t"), Buffer.from("voilà").toString("latin1"));
    assert.equal(toFieldValue("李"), Buffer.from("李").toString("latin1"));
  });

  it("percent-encodes what cannot stand in a target, and never starts a query that was none", () => {
    const edit = new RequestHeadEdit();
    edit.beginRequest(headOf(PLAIN), "a:80");
    assert.equal(edit.target(), "/a?b");
    edit.path = "x y/é?#%20\r\n";
    edit.query = undefined;
    assert.equal(edit.target(), "/x%20y/%C3%A9%3F%23%20%0D%0A");
    edit.path = "/";
    edit.query = "a b?c";
    assert.equal(edit.target(), "/?a%20b?c");
  });

  it("keeps the Host when the new authority is none", () => {
    const edit = new RequestHeadEdit();
    edit.beginRequest(headOf(PLAIN), "a:80");
    edit.authority = "b:90";
    assert.equal(edit.host(), "b:90");
    edit.authority = "b\r\nX: y";
    assert.equal(edit.host(), "a:80");
    assert.match(edit.refused?.[0] ?? "", /is no host/);
  });

  it("cannot make one message into two, whatever a policy sets", () => {
    const text = fc.string({ unit: "binary", maxLength: 20 });
    const fields = fc.array(fc.tuple(fc.oneof(text, fc.constantFrom("X-A", "Host", "Content-Length", "Cookie")), text));
    fc.assert(
      fc.property(fields, text, text, fc.option(text, { nil: undefined }), (sets, path, authority, query) => {
        const head = headOf(["POST /p HTTP/1.1", "Host: a", "Content-Length: 2", "Cookie: x"]);
        const edit = new RequestHeadEdit();
        edit.beginRequest(head, "a");
        Object.assign(edit, { path, authority, query });
        for (const [name, value] of sets) edit.set(name, value);
        const out = sameRequest(head, { target: edit.target(), host: edit.host() });
        const said = drive("request", Buffer.from(composeRequest(head, out, edit) + "ok", "latin1"), [], {
          finish: true,
        });
        if (edit.target() === "*") return;
        assert.equal(said.error, "");
        assert.equal(said.messages.length, 1);
        assert.equal(said.messages[0].body, "ok");
      }),
    );
  });
});

describe("Chunked framing", () => {
  it("is what the reader takes off again, for any lengths", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })), fc.boolean(), (parts, withTrailers) => {
        const trailers = withTrailers ? "X-Sum: 1\r\n" : "";
        const head = bytes("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        const framed = parts.flatMap((part) => [bytes(chunkHead(part.length)), part, bytes(CHUNK_END)]);
        const said = drive("request", Buffer.concat([head, ...framed, bytes(lastChunk(trailers))]), []);
        assert.equal(said.messages[0].body, Buffer.concat(parts).toString("latin1"));
        assert.equal(said.messages[0].trailers, trailers);
        assert.ok(said.idle);
      }),
    );
  });

  it("writes the same size line into a buffer as into a string", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (length) => {
        const buffer = Buffer.alloc(CHUNK_HEAD_BYTES + 2);
        assert.equal(buffer.toString("latin1", 1, writeChunkHead(buffer, 1, length)), chunkHead(length));
      }),
    );
  });
});
