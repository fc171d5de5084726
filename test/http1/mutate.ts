/**
 * Makes hostile neighbours of valid messages: bytes flipped, ranges doubled, dropped or spliced, and words put in that parsers trip over.
 * Deterministic by its seed, so that a finding can be run again.
 */
import { cases } from "./cases.ts";
import { rawCases } from "./raw.ts";

/** mulberry32: uniform in [0, 1). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const LONGEST_SEED = 1500;

const words = [
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  " ",
  "\t",
  ":",
  ";",
  ",",
  "=",
  '"',
  "\\",
  "\0",
  "\x0b",
  "\x7f",
  "\x80",
  "\xa0",
  "\xff",
  "#",
  "?",
  "/",
  "*",
  "@",
  "0",
  "1",
  "5",
  "a",
  "f",
  "-",
  "+",
  "_",
  "0x",
  "00",
  "0\r\n\r\n",
  "1\r\na\r\n",
  "5\r\nhello\r\n",
  "chunked",
  "gzip, ",
  "Host: a\r\n",
  "Content-Length: 1\r\n",
  "Content-Length: 0\r\n",
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Connection: upgrade\r\nUpgrade: x\r\n",
  "Expect: 100-continue\r\n",
  "X: a\r\n",
  "X:\r\n",
  "Trailer: X\r\n",
  "TE: trailers\r\n",
  "HTTP/1.1",
  "HTTP/1.0",
  "GET ",
  "HEAD ",
  "OPTIONS * ",
  "POST / HTTP/1.1\r\nHost: a\r\n",
  "HTTP/1.1 200 OK\r\n",
  "HTTP/1.1 204 \r\n",
  "HTTP/1.1 304 \r\n",
  "HTTP/1.1 100 Continue\r\n\r\n",
  "http://a/",
  ";a=b",
  ';a="b"',
  "X: y\r\n\r\n",
];

const shapes: Record<"request" | "response", string[]> = {
  request: [
    "GET /a?b=c HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nCookie: a=b; c=d\r\nUser-Agent: x (y; z)\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhelloGET /next HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "PUT /a HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  ],
  response: [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: x\r\nSet-Cookie: a=b\r\n\r\nhello",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil close",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: x\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
  ],
};

function seedsOf(role: "request" | "response"): Buffer[] {
  const own = cases.filter((one) => one.role === role).map((one) => Buffer.from(one.input, "latin1"));
  const corpus = role === "request" ? rawCases.map((one) => one.bytes) : [];
  const plain = shapes[role].map((one) => Buffer.from(one, "latin1"));
  // The plain ones weigh more: most mutants of a refused message are refused for the same reason.
  return [...own, ...corpus, ...Array.from({ length: 20 }, () => plain).flat()].filter(
    (one) => one.length < LONGEST_SEED,
  );
}

const seeds = { request: seedsOf("request"), response: seedsOf("response") };

/** One mutant. */
export function mutant(role: "request" | "response", random: () => number): Buffer {
  const pool = seeds[role];
  const below = (limit: number) => Math.floor(random() * limit);
  let bytes: Buffer = Buffer.from(pool[below(pool.length)]);
  const changes = 1 + below(3);
  for (let change = 0; change < changes; change++) {
    const at = below(bytes.length + 1);
    const until = Math.min(bytes.length, at + 1 + below(12));
    const before = bytes.subarray(0, at);
    const word = Buffer.from(words[below(words.length)], "latin1");
    switch (below(7)) {
      case 0:
        bytes = Buffer.concat([before, Buffer.from([below(256)]), bytes.subarray(at + 1)]);
        break;
      case 1:
        bytes = Buffer.concat([before, bytes.subarray(until)]);
        break;
      case 2:
        bytes = Buffer.concat([before, bytes.subarray(at, until), bytes.subarray(at)]);
        break;
      case 3:
        bytes = Buffer.concat([before, word, bytes.subarray(at)]);
        break;
      case 4:
        bytes = Buffer.concat([before, word, bytes.subarray(until)]);
        break;
      case 5: {
        // A word where a line starts: most of what matters happens there.
        const lineStart = bytes.indexOf("\n", at) + 1;
        bytes = Buffer.concat([bytes.subarray(0, lineStart), word, bytes.subarray(lineStart)]);
        break;
      }
      default: {
        const other = pool[below(pool.length)];
        bytes = Buffer.concat([before, other.subarray(below(other.length))]);
      }
    }
  }
  return bytes;
}
