/** ClientHellos as OpenSSL sends them and as nobody should, each split at every byte and over records of every size. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import * as fc from "fast-check";
import { alertOf, LONGEST_HELLO, peekClientHello, type ClientHello, type Peeked } from "./client-hello.ts";

/** What Node's OpenSSL sends first. */
function realHello(servername: string, protocols: string[] = []): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read() {},
      write(bytes: Buffer, _encoding, done) {
        resolve(bytes);
        done();
      },
    });
    const socket = connect({ socket: wire, servername, ALPNProtocols: protocols });
    socket.on("error", () => {});
  });
}

function two(value: number): number[] {
  return [value >> 8, value & 255];
}

function extension(type: number, data: readonly number[]): number[] {
  return [...two(type), ...two(data.length), ...data];
}

function name(text: string, type = 0): number[] {
  const letters = [...Buffer.from(text, "latin1")];
  const entry = [type, ...two(letters.length), ...letters];
  return extension(0, [...two(entry.length), ...entry]);
}

interface Made {
  readonly session?: number;
  readonly suites?: readonly number[];
  readonly compression?: readonly number[];
  readonly extensions?: readonly number[];
  readonly tail?: readonly number[];
}

/** A handshake message, without its record. */
function message({ session = 0, suites = [0x13, 0x01], compression = [0], extensions, tail = [] }: Made): number[] {
  const body = [
    3,
    3,
    ...Array<number>(32).fill(7),
    session,
    ...Array<number>(session).fill(1),
    ...two(suites.length),
    ...suites,
    compression.length,
    ...compression,
    ...(extensions === undefined ? [] : two(extensions.length)),
    ...(extensions ?? []),
    ...tail,
  ];
  return [1, 0, ...two(body.length), ...body];
}

/** @param size bytes of each record. */
function records(bytes: readonly number[], size = 16_384): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.slice(at, at + size);
    out.push(22, 3, 1, ...two(piece.length), ...piece);
  }
  return Uint8Array.from(out);
}

/** Decodes every beginning: a verdict once given must be the verdict of the whole. */
function peek(bytes: Uint8Array): Peeked {
  const whole = peekClientHello(bytes);
  for (let count = 0; count < bytes.length; count++) {
    const part = peekClientHello(bytes.subarray(0, count));
    if (part.kind !== "more") assert.deepEqual(part, whole, `after ${count} bytes`);
  }
  return whole;
}

function hello(bytes: Uint8Array): ClientHello {
  const found = peek(bytes);
  assert.equal(found.kind, "hello", JSON.stringify(found));
  return found as ClientHello;
}

function problem(bytes: Uint8Array): string {
  const found = peek(bytes);
  assert.equal(found.kind, "wrong", JSON.stringify(found));
  return found.kind === "wrong" ? found.problem : "";
}

describe("the ClientHello", () => {
  it("of OpenSSL names its server and protocols, whole, split at every byte, and spread over small records", async () => {
    const bytes = await realHello("Orders.Shop.test", ["h2", "http/1.1"]);
    const wanted = { kind: "hello", serverName: "orders.shop.test", protocols: ["h2", "http/1.1"] };
    assert.deepEqual(hello(bytes), wanted);
    for (const size of [1, 2, 3, 50]) assert.deepEqual(hello(records([...bytes.subarray(5)], size)), wanted);
  });

  it("may name nobody", async () => {
    assert.equal(hello(await realHello("")).serverName, undefined);
    assert.equal(hello(records(message({}))).serverName, undefined);
    assert.equal(hello(records(message({ extensions: [] }))).serverName, undefined);
  });

  it("is passed over what follows it", async () => {
    const bytes = await realHello("a.test");
    assert.equal(hello(Uint8Array.from([...bytes, 23, 3, 3, 0, 1, 0])).serverName, "a.test");
  });

  it("is refused when it is none, or not by the RFCs", () => {
    const good = message({ extensions: name("a.test") });
    const cases: readonly (readonly [Uint8Array, RegExp])[] = [
      [Uint8Array.from(Buffer.from("GET / HTTP/1.1\r\n")), /record has type 71, not 22/],
      [Uint8Array.from([22, 2, 0, 0, 5, 1]), /version 2, not 3/],
      [Uint8Array.from([22, 3, 1, 0, 0]), /an empty record/],
      [Uint8Array.from([22, 3, 1, 0x40, 1]), /longer than 16384/],
      [records([2, ...good.slice(1)]), /first message has type 2, not 1/],
      [Uint8Array.from([...records(good.slice(0, 10)), 21, 3, 1, 0, 2, 1, 0]), /record has type 21/],
      [records([1, 0, ...two(LONGEST_HELLO), 3, 3]), /longer than 16384 bytes/],
      [records([1, 1, 0, 0, 3, 3]), /longer than 16384 bytes/],
      [records([1, 0, 0, 5, 3, 3, 0, 0, 0]), /it is cut off/],
      [records(message({ session: 33 })), /session id is longer/],
      [records(message({ suites: [] })), /cipher suites is malformed/],
      [records(message({ suites: [1] })), /cipher suites is malformed/],
      [records(message({ compression: [] })), /compression methods is empty/],
      [records(message({ tail: [0] })), /extensions do not end where it ends/],
      [records(message({ extensions: name("a.test"), tail: [0] })), /extensions do not end where it ends/],
      [records(message({ extensions: [0, 0, 0] })), /an extension is cut off/],
      [records(message({ extensions: [0, 0, 0, 9, 1] })), /an extension is cut off/],
      [records(message({ extensions: [...name("a.test"), ...name("b.test")] })), /extension 0 twice/],
      [records(message({ extensions: extension(0, []) })), /server name list is malformed/],
      [records(message({ extensions: extension(0, [0, 0]) })), /server name list is malformed/],
      [records(message({ extensions: extension(0, [0, 4, 0, 0, 1, 97, 9]) })), /server name list is malformed/],
      [records(message({ extensions: name("a.test", 1) })), /of type 1, not a host name/],
      ...[
        "",
        "a..b",
        ".a",
        "a.",
        "-a",
        "a b",
        "127.0.0.1",
        "::1",
        "a\0b",
        "\xe4.test",
        "a".repeat(64),
        "a.".repeat(150),
      ].map((bad) => [records(message({ extensions: name(bad) })), /no host name/] as const),
      [records(message({ extensions: extension(16, [0, 1, 0]) })), /\(ALPN\) is malformed/],
      [records(message({ extensions: extension(16, [0, 2, 5, 97]) })), /\(ALPN\) is malformed/],
    ];
    for (const [bytes, why] of cases)
      assert.match(problem(bytes), why, Buffer.from(bytes).toString("hex").slice(0, 200));
  });

  it("never makes the reader throw, whatever arrives", () => {
    const valid = message({ extensions: [...name("a.test"), ...extension(16, [0, 3, 2, 104, 50])] });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 4 }), (changes) => {
        const mutant = [...valid];
        for (const [at, value] of changes) mutant[at] = value;
        peek(records(mutant));
      }),
      { numRuns: 400 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void peek(Uint8Array.from([22, 3, ...bytes]))));
  });

  it("is answered by an alert that TLS knows", () => {
    assert.deepEqual([...alertOf("unrecognized_name")], [21, 3, 3, 0, 2, 2, 112]);
  });
});
