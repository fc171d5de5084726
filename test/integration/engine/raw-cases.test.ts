/**
 * Hostile and odd bytes through the whole engine: the shared corpus with its verdicts, and generated connections.
 * SWITCHYARD_HOSTILE=10000 generates more than the 1,000 of an ordinary run; SWITCHYARD_SEED picks others.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { Event, MessageReader } from "../../../src/gateway/http1/reader.ts";
import { ask, client, get, planOf, rawBackend, startEngine, stopEverything, type Running } from "./harness.ts";

interface Case {
  readonly id: string;
  readonly expect: "reject" | "either" | "forward";
  readonly messages?: number;
  readonly why: string;
  readonly raw_base64: string;
}

const { entries } = JSON.parse(readFileSync(new URL("../../cases/raw-http1.json", import.meta.url), "utf8")) as {
  entries: Case[];
};

interface Origin {
  readonly port: number;
  /** traceparent of every complete message. */
  readonly complete: string[];
  /** What the origin could not read, unless the connection was cut. */
  readonly malformed: string[];
}

/** A permissive origin: answers every complete message, whatever it asks. */
async function recordingOrigin(): Promise<Origin> {
  const complete: string[] = [];
  const malformed: string[] = [];
  const serve = (socket: Socket): void => {
    const reader = new MessageReader("request");
    let trace = "";
    let method = "";
    socket.on("data", (bytes) => {
      let at = 0;
      for (;;) {
        const event = reader.next(bytes, at, bytes.length);
        at = reader.position;
        if (event === Event.More) return;
        if (event === Event.Error) {
          malformed.push(`${reader.error?.code}: ${bytes.toString("latin1")}`);
          socket.destroy();
          return;
        }
        if (event === Event.Head) {
          trace = reader.head.get("traceparent") ?? "";
          method = reader.head.method;
        }
        if (event === Event.End) {
          complete.push(trace);
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${method === "HEAD" ? "2\r\n\r\n" : "2\r\n\r\nok"}`);
        }
      }
    });
    socket.on("end", () => socket.end());
  };
  const { port } = await rawBackend(serve);
  return { port, complete, malformed };
}

/** Every message that reached the origin is one that the gateway decided, once. */
function assertDecided({ keeper }: Running, origin: Origin): void {
  const decided = new Map<string, number>();
  for (const row of keeper.done) {
    const trace = /^traceparent: (.*)\r$/m.exec(row.upstreamHead)?.[1];
    if (trace !== undefined) decided.set(trace, row.attempts.length);
  }
  for (const trace of origin.complete) {
    const left = decided.get(trace) ?? 0;
    assert.ok(left > 0, `a message with traceparent ${trace} reached the origin and was not decided`);
    decided.set(trace, left - 1);
  }
  assert.deepEqual(origin.malformed, []);
}

describe("engine: the corpus of raw requests", () => {
  afterEach(stopEverything);

  it(`gives each of the ${entries.length} its verdict`, async () => {
    const origin = await recordingOrigin();
    const running = await startEngine(planOf({ endpoints: [origin.port] }));
    const wrong: string[] = [];
    for (const { id, expect, messages = 1, why, raw_base64: raw } of entries) {
      const before = origin.complete.length;
      const reader = await client(running.port);
      reader.socket.end(Buffer.from(raw, "base64"));
      const text = await reader.all();
      const reached = origin.complete.length - before;
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((found) => Number(found[1]));
      const refused = statuses.length === 0 || statuses.some((status) => status >= 400);
      const rejected = refused && reached === 0;
      const forwarded = reached === messages && statuses.filter((status) => status === 200).length === messages;
      // A trailing piece of a valid message that is no message is refused after it.
      const partly = refused && reached <= messages;
      const right = expect === "reject" ? rejected : expect === "forward" ? forwarded : rejected || forwarded || partly;
      if (!right) wrong.push(`${id} (${expect}; ${why}): ${reached} reached, answers ${statuses.join(" ")}`);
    }
    assert.deepEqual(wrong, []);
    assertDecided(running, origin);
    assert.equal((await ask(running.port, get())).status, 200);
  });
});

// ---- Generated -----------------------------------------------------------------------------------------------

const seeds = [
  get("/a"),
  get("/b?x=1", "X-A: 1\r\nX-B: 2\r\n"),
  "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n",
  "POST /p HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
  "POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "POST /t HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-S\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-S: 1\r\n\r\n",
  "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
  "GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n",
  "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
];
const pieces = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  "Content-Length: 5\r\n",
  "Content-Length: +5\r\n",
  "Content-Length: 5, 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip, chunked\r\n",
  "Transfer-Encoding : chunked\r\n",
  "Host: b.test\r\n",
  "Connection: close\r\n",
  "Connection: Host, Content-Length\r\n",
  "Upgrade: websocket\r\n",
  "0\r\n\r\n",
  "5;\r\n",
  "0x5\r\n",
  "fffffffffffffffff\r\n",
  "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n",
  "HTTP/1.1",
  " folded\r\n",
  "\x80\xff",
];

/** Mulberry32: small, seeded, good enough to wander. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function mutate(text: string, random: (below: number) => number): string {
  const at = random(text.length + 1);
  switch (random(6)) {
    case 0:
      return text.slice(0, at) + pieces[random(pieces.length)] + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + random(4));
    case 2:
      return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
    case 3: {
      const line = text.indexOf("\r\n") + 2;
      return text.slice(0, line) + pieces[random(pieces.length)] + text.slice(line);
    }
    case 4:
      return text + seeds[random(seeds.length)];
    default:
      return text.slice(0, at) + text.slice(random(text.length + 1));
  }
}

describe("engine: generated hostile connections", () => {
  afterEach(stopEverything);

  const count = Number(process.env.SWITCHYARD_HOSTILE ?? 1000);
  const seed = Number(process.env.SWITCHYARD_SEED ?? 20261124);

  it(`lets no message through that was not decided, in ${count} connections, and lives on`, async function () {
    this.timeout(60_000 + count * 60);
    const origin = await recordingOrigin();
    const running = await startEngine(planOf({ endpoints: [origin.port] }));
    let next = 0;
    const attack = async (): Promise<void> => {
      while (next < count) {
        const random = randomOf(seed + next++);
        let text = seeds[random(seeds.length)];
        for (let i = random(4); i >= 0; i--) text = mutate(text, random);
        const reader = await client(running.port);
        const { socket } = reader;
        const bytes = Buffer.from(text, "latin1");
        for (let at = 0; at < bytes.length && !socket.destroyed;) {
          const size = random(3) === 0 ? bytes.length : 1 + random(40);
          socket.write(bytes.subarray(at, at + size));
          at += size;
          if (random(2) === 0) await new Promise(setImmediate);
        }
        if (random(5) === 0) socket.resetAndDestroy();
        else socket.end();
        await reader.all();
        socket.destroy();
      }
    };
    await Promise.all(Array.from({ length: 16 }, attack));
    const { keeper, engine } = running;
    assert.equal((await ask(running.port, get())).status, 200);
    while (engine.listeners[0].connections > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    assertDecided(running, origin);
    assert.equal(keeper.pending.size, 0, "every request that began has ended");
    assert.equal(engine.active?.state.services[0].endpoints[0].inFlight, 0);
  });
});
