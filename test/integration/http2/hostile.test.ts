/**
 * What a hostile or broken HTTP/2 client may send, frame by frame: the rules of RFC 9113 that matter to a proxy. Whatever
 * comes, the gateway answers or closes as the RFC says, tells why in a row, and serves the next client.
 * Bounded in count and time, so that a gateway that puts up with everything fails here too.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect as connectHttp2, constants, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { until } from "../../until.ts";
import { atEnd, client, start, stopEverything, type Running } from "../layer4/harness.ts";

const Type = { Data: 0, Headers: 1, Reset: 3, Settings: 4, Ping: 6, GoAway: 7, Window: 8, Continuation: 9 } as const;
const END_STREAM = 1;
const END_HEADERS = 4;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const code = (number: number): string =>
  Object.entries(constants)
    .find(
      ([name, value]) =>
        value === number &&
        /^NGHTTP2_(?:NO_ERROR|.*_ERROR|CANCEL|REFUSED_STREAM|STREAM_CLOSED|ENHANCE_YOUR_CALM)$/.test(name) &&
        !/ERR_/.test(name),
    )?.[0]
    .replace("NGHTTP2_", "") ?? String(number);

function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields without indexing (RFC 7541 section 6.2.2): no table, no Huffman code. */
function block(fields: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, "latin1");
    const length = bytes.length < 127 ? [bytes.length] : [127, ...varint(bytes.length - 127)];
    return Buffer.concat([Buffer.from(length), bytes]);
  };
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)];
}

const GET = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "a.localhost"],
] as const;
const POST = [[":method", "POST"], ...GET.slice(1)] as const;

const four = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** What the gateway said on one connection. */
class Talk {
  readonly socket: Socket;
  readonly statuses = new Map<number, string>();
  readonly resets = new Map<number, string>();
  goaway: string | undefined;
  closed = false;
  private held = Buffer.alloc(0);
  private wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => this.read(bytes));
    socket.on("close", () => ((this.closed = true), this.wake()));
    socket.on("end", () => socket.end());
  }

  static async open(port: number): Promise<Talk> {
    const talk = new Talk(await client(port));
    talk.socket.write(Buffer.concat([Buffer.from(PREFACE), frame(Type.Settings, 0, 0)]));
    return talk;
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** Waits until `test` holds or the connection is closed. @param most milliseconds. */
  async until(test: () => boolean, most = 60_000): Promise<void> {
    const end = Date.now() + most;
    while (!test() && !this.closed && Date.now() < end)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, 100);
      });
  }

  private read(bytes: Buffer): void {
    this.held = Buffer.concat([this.held, bytes]);
    while (this.held.length >= 9) {
      const length = this.held.readUIntBE(0, 3);
      if (this.held.length < 9 + length) break;
      this.take(this.held[3], this.held[4], this.held.readUInt32BE(5), this.held.subarray(9, 9 + length));
      this.held = this.held.subarray(9 + length);
    }
    this.wake();
  }

  private take(type: number, flags: number, stream: number, payload: Buffer): void {
    // Statuses of Node stand in the static table (RFC 7541 appendix A), or as a literal of three digits.
    if (type === Type.Headers) this.statuses.set(stream, statusIn(payload));
    else if (type === Type.Reset) this.resets.set(stream, code(payload.readUInt32BE()));
    // The first says why; Node may send another when it tears the session down.
    else if (type === Type.GoAway) this.goaway ??= code(payload.readUInt32BE(4));
    else if (type === Type.Settings && (flags & 1) === 0) this.send(frame(Type.Settings, 1, 0));
  }
}

const STATIC_STATUS: Readonly<Record<number, string>> = {
  8: "200",
  9: "204",
  10: "206",
  11: "304",
  12: "400",
  13: "404",
  14: "500",
};

function statusIn(payload: Buffer): string {
  const known = STATIC_STATUS[payload[0] & 127];
  if ((payload[0] & 128) !== 0 && known !== undefined) return known;
  // Literal with an indexed name; the value may be in Huffman's code (RFC 7541 appendix B: "4" 011010, digits 0-2 five bits).
  const length = payload[1] & 127;
  if ((payload[1] & 128) === 0) return payload.toString("latin1", 2, 2 + length);
  let bits = "";
  for (const byte of payload.subarray(2, 2 + length)) bits += byte.toString(2).padStart(8, "0");
  let text = "";
  for (let at = 0; text.length < 3 && at < bits.length;) {
    const short = { "00000": "0", "00001": "1", "00010": "2" }[bits.slice(at, at + 5)];
    text += short ?? String(Number.parseInt(bits.slice(at, at + 6), 2) - 0b011001 + 3);
    at += short === undefined ? 6 : 5;
  }
  return text;
}

describe("HTTP/2 from a hostile client", () => {
  let running: Running;
  const asked: string[] = [];

  beforeEach(async () => {
    asked.length = 0;
    const backend = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      request.resume();
      request.on("end", () => response.end("fine"));
    });
    atEnd(() => (backend.closeAllConnections(), void backend.close()));
    backend.listen(0, "127.0.0.1");
    await once(backend, "listening");
    const { port } = backend.address() as AddressInfo;
    running = await start(`
listeners: [{ name: edge, port: 0 }]
services: { s: { endpoints: [{ url: "http://127.0.0.1:${port}" }] } }
routes: [{ name: r, backendRefs: [{ service: s }] }]`);
  });
  afterEach(stopEverything);

  /** Another client is served as if nothing had been. */
  async function stillServes(): Promise<void> {
    const session = connectHttp2(`http://127.0.0.1:${running.port("edge")}`);
    session.on("error", () => {});
    const stream = session.request({ ":path": "/next" });
    const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status"?: number }];
    assert.equal(headers[":status"], 200);
    session.destroy();
  }

  const rows = () => {
    const { first, next } = running.gateway.recorder;
    return Array.from({ length: next - first }, (_, i) => running.gateway.row(first + i)!);
  };

  interface Case {
    readonly what: string;
    readonly section: string;
    readonly frames: readonly Buffer[];
    /** Error code of the GOAWAY. */
    readonly goaway?: string | RegExp;
    /** Error code of RST_STREAM on stream 1, where the connection goes on. */
    readonly reset?: string;
    readonly status?: string;
    /** Does the request reach a backend? */
    readonly passes?: boolean;
  }

  const headers = (
    fields: readonly (readonly [string, string])[],
    flags = END_STREAM | END_HEADERS,
    stream = 1,
  ): Buffer => frame(Type.Headers, flags, stream, block(fields));
  const big = Buffer.alloc(16_385);

  const cases: readonly Case[] = [
    {
      what: "a DATA frame above SETTINGS_MAX_FRAME_SIZE",
      section: "4.2",
      frames: [headers(POST, END_HEADERS), frame(Type.Data, 0, 1, big)],
      goaway: "FRAME_SIZE_ERROR",
    },
    {
      what: "a HEADERS frame above SETTINGS_MAX_FRAME_SIZE",
      section: "4.2",
      frames: [frame(Type.Headers, END_HEADERS, 1, big)],
      goaway: "FRAME_SIZE_ERROR",
    },
    {
      what: "a PING of seven bytes",
      section: "6.7",
      frames: [frame(Type.Ping, 0, 0, Buffer.alloc(7))],
      goaway: "FRAME_SIZE_ERROR",
    },
    {
      what: "SETTINGS of five bytes",
      section: "6.5",
      frames: [frame(Type.Settings, 0, 0, Buffer.alloc(5))],
      goaway: "FRAME_SIZE_ERROR",
    },
    {
      what: "DATA on stream 0",
      section: "6.1",
      frames: [frame(Type.Data, 0, 0, Buffer.from("x"))],
      goaway: "PROTOCOL_ERROR",
    },
    {
      what: "DATA on a stream that is not open",
      section: "5.1",
      frames: [frame(Type.Data, 0, 1, Buffer.from("x"))],
      goaway: /PROTOCOL_ERROR|STREAM_CLOSED/,
    },
    { what: "HEADERS on an even stream", section: "5.1.1", frames: [headers(GET, 5, 2)], goaway: "PROTOCOL_ERROR" },
    {
      what: "CONTINUATION without HEADERS",
      section: "6.10",
      frames: [frame(Type.Continuation, END_HEADERS, 1)],
      goaway: "PROTOCOL_ERROR",
    },
    {
      what: "a frame of another stream within a header block",
      section: "4.3",
      frames: [headers(GET, END_STREAM), headers(GET, 5, 3)],
      goaway: "PROTOCOL_ERROR",
    },
    {
      what: "WINDOW_UPDATE of zero on the connection",
      section: "6.9",
      frames: [frame(Type.Window, 0, 0, four(0))],
      goaway: "PROTOCOL_ERROR",
    },
    {
      what: "a connection window above 2^31-1",
      section: "6.9.1",
      frames: [frame(Type.Window, 0, 0, four(2 ** 31 - 1)), frame(Type.Window, 0, 0, four(2 ** 31 - 1))],
      goaway: "FLOW_CONTROL_ERROR",
    },
    {
      what: "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1",
      section: "6.5.2",
      frames: [frame(Type.Settings, 0, 0, Buffer.concat([Buffer.of(0, 4), four(2 ** 31)]))],
      goaway: "FLOW_CONTROL_ERROR",
    },
    {
      what: "a header block that cannot be decoded",
      section: "4.3",
      frames: [frame(Type.Headers, 5, 1, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff))],
      goaway: "COMPRESSION_ERROR",
    },
    {
      what: "PUSH_PROMISE from a client",
      section: "8.4",
      frames: [frame(5, END_HEADERS, 1, Buffer.concat([four(2), block(GET)]))],
      goaway: "PROTOCOL_ERROR",
    },
    {
      what: "an unknown frame type, which is to be ignored",
      section: "5.5",
      frames: [frame(0x77, 0, 0, Buffer.alloc(12)), headers(GET)],
      status: "200",
      passes: true,
    },
    {
      what: "a pseudo-header field twice",
      section: "8.3.1",
      frames: [headers([...GET, [":path", "/two"]])],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "a pseudo-header field that is none",
      section: "8.3",
      frames: [headers([...GET, [":where", "x"]])],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "a pseudo-header field behind others",
      section: "8.3",
      frames: [headers([[":method", "GET"], ["x-a", "1"], ...GET.slice(1)])],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "a request with `:status`",
      section: "8.3",
      frames: [headers([...GET, [":status", "200"]])],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "a request without `:path`",
      section: "8.3.1",
      frames: [headers([...GET.slice(0, 2), GET[3]])],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "an empty `:path`",
      section: "8.3.1",
      frames: [headers([GET[0], GET[1], [":path", ""], GET[3]])],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "a field name in capitals",
      section: "8.2",
      frames: [headers([...GET, ["X-Big", "1"]])],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "`connection`",
      section: "8.2.2",
      frames: [headers([...GET, ["connection", "close"]])],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "`transfer-encoding`",
      section: "8.2.2",
      frames: [headers([...GET, ["transfer-encoding", "chunked"]])],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "`te` other than trailers",
      section: "8.2.2",
      frames: [headers([...GET, ["te", "gzip"]])],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "a body longer than content-length",
      section: "8.1.1",
      frames: [
        headers([...POST, ["content-length", "1"]], END_HEADERS),
        frame(Type.Data, END_STREAM, 1, Buffer.from("abc")),
      ],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "a body shorter than content-length",
      section: "8.1.1",
      frames: [
        headers([...POST, ["content-length", "9"]], END_HEADERS),
        frame(Type.Data, END_STREAM, 1, Buffer.from("abc")),
      ],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "two different content-lengths",
      section: "8.1.1",
      frames: [
        headers([...POST, ["content-length", "1"], ["content-length", "2"]], END_HEADERS),
        frame(Type.Data, END_STREAM, 1, Buffer.from("a")),
      ],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "pseudo-header fields in trailers",
      section: "8.1",
      frames: [headers(POST, END_HEADERS), headers([[":path", "/late"]])],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "trailers that do not end the stream",
      section: "8.1",
      frames: [headers(POST, END_HEADERS), headers([["x-late", "1"]], END_HEADERS)],
      reset: "PROTOCOL_ERROR",
    },
    {
      what: "trailers, which are welcome",
      section: "8.1",
      frames: [headers(POST, END_HEADERS), frame(Type.Data, 0, 1, Buffer.from("a")), headers([["x-late", "1"]])],
      status: "200",
      passes: true,
    },
  ];

  for (const { what, section, frames, goaway, reset, status, passes = false } of cases) {
    it(`treats ${what} as RFC 9113 section ${section} says`, async () => {
      const talk = await Talk.open(running.port("edge"));
      talk.send(...frames);
      await talk.until(() => talk.goaway !== undefined || talk.resets.size > 0 || talk.statuses.size > 0);
      if (goaway instanceof RegExp) assert.match(talk.goaway ?? "none", goaway);
      else if (goaway !== undefined) {
        await talk.until(() => talk.goaway !== undefined);
        // Where nghttp2 gives up, Node is sometimes faster with a GOAWAY of its own.
        assert.ok(talk.goaway === goaway || talk.goaway === "INTERNAL_ERROR", talk.goaway);
      }
      // What the gateway itself finds wrong in a head gets an answer, which RFC 9113 section 8.1.1 allows.
      // An error of a stream may be treated as one of the connection (section 5.4.2): newer versions of Node do.
      else if (reset !== undefined && talk.statuses.get(1) !== "400")
        assert.ok(talk.resets.get(1) === reset || talk.goaway !== undefined, `reset with ${talk.resets.get(1)}`);
      if (status !== undefined) assert.equal(talk.statuses.get(1), status);
      talk.socket.destroy();
      await stillServes();
      if (!passes) assert.ok(!asked.includes("GET /") || goaway !== undefined, asked.join());
    });
  }

  for (const [what, frames] of [
    ["that Node gives up", [frame(Type.Window, 0, 0, four(0))]],
    ["that nghttp2 gives up without a word to Node", [frame(Type.Ping, 0, 0, Buffer.alloc(7))]],
  ] as const) {
    it(`says in a row why it closed a connection ${what}`, async function () {
      this.timeout(300_000);
      const talk = await Talk.open(running.port("edge"));
      talk.send(...frames);
      await talk.until(() => talk.closed);
      assert.ok(talk.closed);
      const [row] = await running.rows(1);
      assert.match(row.why, /broke the rules of HTTP\/2, and the connection was closed/);
      assert.equal(row.listener, "edge");
    });
  }

  it("bounds a header list: too many fields and too many bytes are refused, not collected", async () => {
    for (const fields of [
      Array.from({ length: 400 }, (_, i) => [`x-${i}`, "1"] as const),
      Array.from({ length: 40 }, (_, i) => [`x-${i}`, "v".repeat(1000)] as const),
    ]) {
      const talk = await Talk.open(running.port("edge"));
      const whole = block([...GET, ...fields]);
      const pieces = Array.from({ length: Math.ceil(whole.length / 8000) }, (_, i) =>
        whole.subarray(i * 8000, (i + 1) * 8000),
      );
      talk.send(
        ...pieces.map((piece, i) =>
          frame(
            i === 0 ? Type.Headers : Type.Continuation,
            (i === 0 ? END_STREAM : 0) | (i === pieces.length - 1 ? END_HEADERS : 0),
            1,
            piece,
          ),
        ),
      );
      await talk.until(() => talk.goaway !== undefined || talk.resets.size > 0 || talk.statuses.size > 0);
      assert.ok(
        talk.closed ||
          talk.goaway !== undefined ||
          talk.resets.size > 0 ||
          talk.statuses.get(1)?.startsWith("4") === true,
      );
      talk.socket.destroy();
    }
    assert.deepEqual(asked, []);
    await stillServes();
  });

  it("ends a connection that sends CONTINUATION without end, after a few of them", async () => {
    const talk = await Talk.open(running.port("edge"));
    talk.send(frame(Type.Headers, END_STREAM, 1, block(GET)));
    let sent = 0;
    while (!talk.closed && sent < 2000) {
      talk.send(frame(Type.Continuation, 0, 1, block([["x-a", "y".repeat(200)]])));
      if (++sent % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await talk.until(() => talk.closed);
    assert.ok(talk.closed && sent < 2000, `${sent} frames were taken`);
    await stillServes();
    await until(() => rows().some(({ why }) => why.includes("rules of HTTP/2")), "a row says why");
  });

  for (const [what, flood, most] of [
    [
      "rapid resets (CVE-2023-44487)",
      (i: number) => [headers(GET, 5, 2 * i + 1), frame(Type.Reset, 0, 2 * i + 1, four(8))],
      3000,
    ],
    ["PINGs", () => [frame(Type.Ping, 0, 0, Buffer.alloc(8))], 20_000],
    ["SETTINGS", () => [frame(Type.Settings, 0, 0)], 20_000],
    [
      "empty DATA frames (CVE-2019-9518)",
      (i: number) => [i === 0 ? headers(POST, END_HEADERS) : frame(Type.Data, 0, 1)],
      20_000,
    ],
  ] as const) {
    it(`survives a flood of ${what}`, async () => {
      const talk = await Talk.open(running.port("edge"));
      for (let i = 0; i < most && !talk.closed; i++) {
        talk.send(...flood(i));
        if (i % 200 === 199) await new Promise((resolve) => setImmediate(resolve));
      }
      if (what.startsWith("rapid")) {
        await talk.until(() => talk.closed);
        assert.equal(talk.goaway, "ENHANCE_YOUR_CALM");
        assert.ok(asked.length < most, `${asked.length} requests reached the backend`);
        await until(() => rows().some(({ why }) => why.includes("CVE-2023-44487")), "a row says why");
      }
      talk.socket.destroy();
      await stillServes();
    });
  }

  it("holds back for a client that opens no window, and lets others go on", async () => {
    const talk = await Talk.open(running.port("edge"));
    // Initial window of zero: no byte of the body may come.
    talk.send(frame(Type.Settings, 0, 0, Buffer.concat([Buffer.of(0, 4), four(0)])), headers(GET));
    await talk.until(() => talk.statuses.size > 0);
    assert.equal(talk.statuses.get(1), "200");
    await stillServes();
    talk.socket.destroy();
  });
});
