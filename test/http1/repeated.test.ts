/**
 * The law of the remembered head: what a reader says of a message does not depend on what came before it on the connection.
 * Streams of heads that are the same, nearly the same and quite other ones are read by one reader and by fresh ones.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { bytes, drive, type Message } from "./drive.ts";

const lines = [
  "Host: a.test",
  "Host: b.test:8080",
  "Accept: */*",
  "Accept:  */* ",
  "Cookie: a=1",
  "Cookie: a=2",
  "Connection: keep-alive",
  "Connection: x-own, keep-alive",
  "X-Own: 1",
  "Content-Length: 0",
  "Content-Length: 3",
  "TE: trailers",
];

const block = fc
  .array(fc.nat(lines.length - 1), { maxLength: 5 })
  .map((chosen) => chosen.map((i) => `${lines[i]}\r\n`).join(""));

const requestLine = fc.constantFrom(
  "GET / HTTP/1.1",
  "GET /a HTTP/1.1",
  "GET /a?b=c HTTP/1.1",
  "POST /longer/path HTTP/1.1",
  "GET http://a.test/x HTTP/1.1",
  "GET / HTTP/1.0",
);
const statusLine = fc.constantFrom(
  "HTTP/1.1 200 OK",
  "HTTP/1.1 200",
  "HTTP/1.1 204 No Content",
  "HTTP/1.1 304 Not Modified",
  "HTTP/1.1 103 Early Hints",
);

/** A few heads, drawn from again and again, so that most stand behind one that resembles them. */
function stream(line: fc.Arbitrary<string>, host: string) {
  const pool = fc.tuple(
    fc.array(line, { minLength: 1, maxLength: 3 }),
    fc.array(block, { minLength: 1, maxLength: 3 }),
  );
  return fc
    .tuple(pool, fc.array(fc.tuple(fc.nat(2), fc.nat(2)), { minLength: 2, maxLength: 8 }))
    .map(([[starts, blocks], order]) =>
      order.map(([s, b]) => `${starts[s % starts.length]}\r\n${host}${blocks[b % blocks.length]}\r\n`),
    );
}

function bodyOf(head: string, method: string): string {
  const bodiless = method === "HEAD" || /^HTTP\/1.1 (?:1|204|304)/.test(head);
  return head.includes("Content-Length: 3") && !bodiless ? "abc" : "";
}

/** What a fresh reader says of each message, as long as the connection would have lived. */
function apart(role: "request" | "response", parts: readonly string[], methods: readonly string[]) {
  const messages: Message[] = [];
  for (const [i, part] of parts.entries()) {
    const one = drive(role, bytes(part), [], { methods: [methods[i] ?? "GET"] });
    if (one.error !== "") return { messages: [...messages, ...one.messages], error: one.error };
    messages.push(...one.messages);
    if (one.messages.at(-1)?.keepAlive === false) return { messages, error: "closed" };
  }
  return { messages, error: "" };
}

describe("A head that resembles the one before", () => {
  it("is read as if it were the first: requests, cut anywhere", () => {
    fc.assert(
      fc.property(stream(requestLine, ""), fc.array(fc.nat(2000), { maxLength: 6 }), (heads, offsets) => {
        const parts = heads.map((head) => head + bodyOf(head, ""));
        const input = bytes(parts.join(""));
        const expected = apart("request", parts, []);
        const cuts = offsets.map((offset) => offset % (input.length + 1)).toSorted((a, b) => a - b);
        const found = drive("request", input, cuts);
        assert.deepEqual(found.messages, expected.messages);
        if (expected.error !== "closed") assert.equal(found.error, expected.error);
      }),
      { numRuns: 3000 },
    );
  });

  it("is read as if it were the first: responses to GET and HEAD", () => {
    const methods = fc.array(fc.constantFrom("GET", "HEAD"), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(stream(statusLine, "Content-Length: 3\r\n"), methods, (heads, asked) => {
        const usable = heads.filter((head) => !head.startsWith("HTTP/1.1 103") && !head.startsWith("HTTP/1.1 204"));
        const parts = usable.map((head, i) => head + bodyOf(head, asked[i]));
        const expected = apart("response", parts, asked);
        const found = drive("response", bytes(parts.join("")), [], { methods: asked });
        assert.deepEqual(found.messages, expected.messages);
        if (expected.error !== "closed") assert.equal(found.error, expected.error);
      }),
      { numRuns: 3000 },
    );
  });
});
