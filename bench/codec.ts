/**
 * Measures the codec alone: microseconds to read and to compose a browser-sized head, and megabytes of chunked body per second.
 * Must not open a socket: what forwarding costs is measured by bench/forward.ts.
 */
import type { Bench } from "./bench.ts";
import { composeRequest, OutgoingRequest } from "../src/gateway/http1/compose.ts";
import { Event, MessageReader } from "../src/gateway/http1/reader.ts";

const BROWSER =
  "GET /orders/42?expand=items HTTP/1.1\r\nHost: localhost:8080\r\nConnection: keep-alive\r\n" +
  'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\n' +
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nSec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n" +
  "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\nCookie: session=2f1d9c8e7b6a5f4e3d2c1b0a\r\n\r\n";
const SMALL = "GET /orders HTTP/1.1\r\nHost: localhost:8080\r\nAccept: */*\r\n\r\n";
const ANSWER =
  "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 24 Nov 2026 08:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 0\r\n" +
  'Connection: keep-alive\r\nETag: "6745a1b0-1b"\r\n\r\n';

/** Microseconds per call: the best of seven rounds, after a warm-up. */
function microseconds(run: () => unknown, calls: number): number {
  let best = Infinity;
  for (let round = 0; round < 8; round++) {
    const start = process.hrtime.bigint();
    for (let call = 0; call < calls; call++) run();
    const each = Number(process.hrtime.bigint() - start) / 1000 / calls;
    if (round > 0) best = Math.min(best, each);
  }
  return best;
}

function readAll(reader: MessageReader, bytes: Buffer): number {
  let events = 0;
  for (let at = 0; reader.next(bytes, at, bytes.length) !== Event.More; at = reader.position) {
    if (reader.error !== undefined) throw new Error(reader.error.code);
    events++;
  }
  return events;
}

function benchRead(name: string, role: "request" | "response", text: string, calls: number): string {
  const reader = new MessageReader(role);
  const bytes = Buffer.from(text, "latin1");
  const each = microseconds(() => readAll(reader, bytes), calls);
  return `read ${name} (${bytes.length} B): ${each.toFixed(2)} us`;
}

function benchCompose(calls: number): string {
  const reader = new MessageReader("request");
  const bytes = Buffer.from(BROWSER, "latin1");
  const target = Buffer.alloc(4096);
  reader.next(bytes, 0, bytes.length);
  const { method, hostHeader, framing } = reader.head;
  const lines = "Via: 1.1 switchyard\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n";
  const out = Object.assign(new OutgoingRequest(), { method, target: "/42", host: hostHeader, framing, lines });
  const each = microseconds(() => target.write(composeRequest(reader.head, out), "latin1"), calls);
  return `compose and write browser request: ${each.toFixed(2)} us`;
}

function benchChunks(size: number, calls: number): string {
  const reader = new MessageReader("response");
  const chunk = `${size.toString(16)}\r\n${"x".repeat(size)}\r\n`;
  const count = Math.ceil(262144 / chunk.length);
  const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const bytes = Buffer.from(head + chunk.repeat(count) + "0\r\n\r\n", "latin1");
  const each = microseconds(() => readAll(reader, bytes), calls);
  return `take chunks of ${size} B off: ${(bytes.length / each).toFixed(0)} MB/s, ${(each / count).toFixed(3)} us a chunk`;
}

/** Best of several rounds in this process alone; nothing is compared, so nothing is interleaved. */
export const codec: Bench = async (smoke) => {
  const calls = smoke ? 100 : 20_000;
  return [
    benchRead("small request", "request", SMALL, calls),
    benchRead("browser request", "request", BROWSER, calls),
    benchRead("response", "response", ANSWER, calls),
    benchCompose(calls),
    ...[16, 1024, 16384].map((size) => benchChunks(size, smoke ? 2 : 100)),
  ];
};
