/** Vectors from the text of "The PROXY protocol" (2020/03/05), each split at every byte; and the way back. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { crc32c } from "./crc32c.ts";
import { decodeProxyHeader, encodeProxyHeader, type Decoded, type ProxyHeader } from "./proxy-header.ts";

const signature = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10];

function text(line: string): Uint8Array {
  return Uint8Array.from(line, (letter) => letter.charCodeAt(0));
}

/** A header of version 2 around what follows its 16 bytes. */
function version2(command: number, family: number, rest: readonly number[]): Uint8Array {
  return Uint8Array.from([...signature, command, family, rest.length >> 8, rest.length & 255, ...rest]);
}

const four = [192, 0, 2, 1, 198, 51, 100, 2, 0xc3, 0x50, 0x01, 0xbb];
const zeros = Array<number>(11).fill(0);
const six = [0x20, 0x01, 0x0d, 0xb8, ...zeros, 1, 0x20, 0x01, 0x0d, 0xb8, ...zeros, 2, 0xc3, 0x50, 0x01, 0xbb];
const unix = [
  ...text("/run/client"),
  ...Array<number>(97).fill(0),
  ...text("/run/server"),
  ...Array<number>(97).fill(0),
];

/** Decodes the header in every split of two, and byte by byte; before its end the answer must be "more". */
function decode(bytes: Uint8Array): Decoded {
  const whole = decodeProxyHeader(bytes);
  for (let count = 0; count < bytes.length; count++) {
    const part = decodeProxyHeader(bytes.subarray(0, count));
    if (whole.kind === "header" && count < whole.length) assert.equal(part.kind, "more", `after ${count} bytes`);
    else if (part.kind !== "more") assert.deepEqual(part, whole, `after ${count} bytes`);
  }
  return whole;
}

function header(bytes: Uint8Array): ProxyHeader {
  const found = decode(bytes);
  assert.equal(found.kind, "header", JSON.stringify(found));
  return found as ProxyHeader;
}

/** @returns why it was refused. */
function problem(bytes: Uint8Array): string {
  const found = decode(bytes);
  assert.equal(found.kind, "wrong", JSON.stringify(found));
  return found.kind === "wrong" ? found.problem : "";
}

function withChecksum(bytes: Uint8Array): Uint8Array {
  const at = bytes.length - 4;
  const sum = crc32c(bytes);
  bytes.set([sum >>> 24, (sum >>> 16) & 255, (sum >>> 8) & 255, sum & 255], at);
  return bytes;
}

describe("PROXY headers of version 1", () => {
  it("name a TCP4 client", () => {
    const found = header(text("PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\n"));
    assert.deepEqual(found.source, { ip: "192.0.2.1", port: 50_000 });
    assert.deepEqual(found.destination, { ip: "198.51.100.2", port: 443 });
    assert.equal(found.length, 45);
  });

  it("name a TCP6 client, in the text form that logs have", () => {
    const found = header(text("PROXY TCP6 2001:DB8:0:0:0:0:0:1 2001:db8::2 0 65535\r\n"));
    assert.deepEqual(found.source, { ip: "2001:db8::1", port: 0 });
    assert.deepEqual(found.destination, { ip: "2001:db8::2", port: 65_535 });
  });

  it("name an IPv4 client that came mapped as IPv4", () => {
    const found = header(text("PROXY TCP6 ::ffff:c000:0201 ::ffff:c633:6402 1 2\r\n"));
    assert.deepEqual([found.source?.ip, found.destination?.ip], ["192.0.2.1", "198.51.100.2"]);
  });

  it("may be the longest lines of the text (section 2.1)", () => {
    const longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    const line = `PROXY TCP6 ${longest} ${longest} 65535 65535\r\n`;
    assert.equal(line.length, 104);
    assert.equal(header(text(line)).length, 104);
    const unknown = `PROXY UNKNOWN ${longest} ${longest} 65535 65535\r\n`;
    assert.equal(unknown.length, 107);
    assert.equal(header(text(unknown)).length, 107);
  });

  it("may know nothing: UNKNOWN, with whatever follows", () => {
    for (const line of ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN \r\n", "PROXY UNKNOWN any thing at all\r\n"]) {
      const found = header(text(line));
      assert.equal(found.source, undefined);
      assert.equal(found.length, line.length);
    }
  });

  it("leave the client's first bytes alone", () => {
    assert.equal(header(text("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET / HTTP/1.1\r\n")).length, 32);
  });

  it("are refused when they do not exactly match", () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ["GET / HTTP/1.1\r\n", /does not begin with one/],
      ["proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", /does not begin with one/],
      ["PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n", /neither TCP4, TCP6 nor UNKNOWN/],
      ["PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2\r\n", /does not begin with one/],
      ["PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", /neither TCP4, TCP6 nor UNKNOWN/],
      ["PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n", /neither TCP4, TCP6 nor UNKNOWN/],
      ["PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", /two addresses and two ports/],
      ["PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", /two addresses and two ports/],
      ["PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", /two addresses and two ports/],
      ["PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", /two addresses and two ports/],
      ["PROXY TCP4 1.1.1.01 2.2.2.2 1 2\r\n", /its source is no address of TCP4/],
      ["PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", /its source is no address of TCP4/],
      ["PROXY TCP4 1.1.257 2.2.2.2 1 2\r\n", /its source is no address of TCP4/],
      ["PROXY TCP4 1.1.1.1 0x2.2.2.2 1 2\r\n", /its destination is no address of TCP4/],
      ["PROXY TCP4 ::1 ::2 1 2\r\n", /its source is no address of TCP4/],
      ["PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", /its source is no address of TCP6/],
      ["PROXY TCP6 ::ffff:1.1.1.1 ::2 1 2\r\n", /its source is no address of TCP6/],
      ["PROXY TCP6 1::2::3 ::2 1 2\r\n", /its source is no address of TCP6/],
      ["PROXY TCP6 fe80::1%lo ::2 1 2\r\n", /its source is no address of TCP6/],
      ["PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", /a port must be/],
      ["PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n", /a port must be/],
      ["PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", /a port must be/],
      ["PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", /ends without CR/],
      ["PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX", /a CR without LF/],
      [`PROXY UNKNOWN ${"x".repeat(200)}`, /longer than 107 bytes/],
      [`PROXY UNKNOWN ${"x".repeat(92)}\r\n`, /longer than 107 bytes/],
    ];
    for (const [line, why] of cases) assert.match(problem(text(line)), why, line);
  });
});

describe("PROXY headers of version 2", () => {
  it("name TCP and UDP clients of both families", () => {
    for (const family of [0x11, 0x12]) {
      const found = header(version2(0x21, family, four));
      assert.deepEqual(found.source, { ip: "192.0.2.1", port: 50_000 });
      assert.deepEqual(found.destination, { ip: "198.51.100.2", port: 443 });
    }
    for (const family of [0x21, 0x22]) {
      const found = header(version2(0x21, family, six));
      assert.deepEqual([found.source?.ip, found.destination?.ip], ["2001:db8::1", "2001:db8::2"]);
    }
    assert.equal(header(version2(0x21, 0x12, four)).line, "PROXY UDP4 192.0.2.1 198.51.100.2 50000 443");
    for (const [family, rest, datagrams] of [
      [0x11, four, false],
      [0x12, four, true],
      [0x21, six, false],
      [0x22, six, true],
      [0x31, unix, false],
      [0x32, unix, true],
    ] as const)
      assert.equal(header(version2(0x21, family, rest)).datagrams, datagrams, family.toString(16));
  });

  it("may vouch for nobody: LOCAL whatever its family, UNSPEC, UNIX", () => {
    for (const family of [0x00, 0x11, 0x21, 0x31, 0x7f, 0xff]) {
      assert.equal(header(version2(0x20, family, [])).source, undefined);
      assert.equal(header(version2(0x20, family, [1, 2, 3])).length, 19);
    }
    assert.equal(header(version2(0x21, 0x00, [])).source, undefined);
    assert.equal(header(version2(0x21, 0x00, [9, 9, 9, 9])).length, 20);
    const local = header(version2(0x21, 0x31, unix));
    assert.equal(local.source, undefined);
    assert.equal(local.line, "PROXY UNIX /run/client /run/server");
    assert.equal(header(version2(0x21, 0x32, unix)).length, 232);
  });

  it("carry fields, and a checksum that is checked", () => {
    const fields = [1, 0, 2, 104, 50, 2, 0, 6, ...text("a.test"), 4, 0, 0, 0x05, 0, 1, 7, 0xe0, 0, 0];
    const found = header(version2(0x21, 0x11, [...four, ...fields]));
    assert.deepEqual(
      found.fields.map(({ type, value }) => [type, value.length]),
      [
        [1, 2],
        [2, 6],
        [4, 0],
        [5, 1],
        [0xe0, 0],
      ],
    );
    const checked = withChecksum(version2(0x21, 0x11, [...four, 3, 0, 4, 0, 0, 0, 0]));
    assert.equal(header(checked).length, checked.length);
    checked[17] ^= 1;
    assert.match(problem(checked), /its checksum \(CRC32c\) is wrong/);
  });

  it("leave the client's first bytes alone", () => {
    const bytes = Uint8Array.from([...version2(0x21, 0x11, four), ...text("hello")]);
    assert.equal(header(bytes).length, 28);
  });

  it("are refused when they do not exactly match", () => {
    const cases: readonly (readonly [Uint8Array, RegExp])[] = [
      [Uint8Array.from([13, 10, 13, 11]), /does not begin with one/],
      [version2(0x11, 0x11, four), /its version is 1, not 2/],
      [version2(0x31, 0x11, four), /its version is 3, not 2/],
      [version2(0x22, 0x11, four), /its command 2 is neither LOCAL nor PROXY/],
      [version2(0x2f, 0x11, four), /its command 15 is neither LOCAL nor PROXY/],
      [version2(0x21, 0x10, four), /family and transport 0x10 are unspecified/],
      [version2(0x21, 0x01, four), /family and transport 0x01 are unspecified/],
      [version2(0x21, 0x13, four), /family and transport 0x13 are unspecified/],
      [version2(0x21, 0x41, four), /family and transport 0x41 are unspecified/],
      [version2(0x21, 0x11, four.slice(1)), /announces 11 bytes, its addresses alone take 12/],
      [version2(0x21, 0x21, four), /announces 12 bytes, its addresses alone take 36/],
      [version2(0x21, 0x31, six), /announces 36 bytes, its addresses alone take 216/],
      [version2(0x21, 0x11, [...four, 4]), /its last field is cut off/],
      [version2(0x21, 0x11, [...four, 4, 0]), /its last field is cut off/],
      [version2(0x21, 0x11, [...four, 4, 0, 1]), /its field 0x04 reaches beyond the header/],
      [version2(0x21, 0x11, [...four, 3, 0, 3, 0, 0, 0]), /its checksum has not four bytes/],
      [version2(0x21, 0x11, [...four, 3, 0, 4, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0]), /two checksums/],
      [version2(0x21, 0x11, [...four, 5, 0, 129, ...Array<number>(129).fill(1)]), /unique id is longer/],
    ];
    for (const [bytes, why] of cases) assert.match(problem(bytes), why, Buffer.from(bytes).toString("hex"));
  });
});

describe("PROXY headers", () => {
  it("are read back as they were written, in both versions", () => {
    const address = fc.record({ ip: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.nat(65_535) });
    fc.assert(
      fc.property(address, address, fc.constantFrom(1 as const, 2 as const), (source, destination, version) => {
        const written = encodeProxyHeader(version, { source, destination, authority: "a.test" });
        const found = header(written);
        assert.equal(found.length, written.length);
        assert.equal(found.version, version);
        const same = (ip: string | undefined, other: string): boolean =>
          JSON.stringify(decodeAgain(ip ?? "")) === JSON.stringify(decodeAgain(other));
        assert.ok(same(found.source?.ip, source.ip), `${found.source?.ip} is not ${source.ip}`);
        assert.ok(same(found.destination?.ip, destination.ip));
        assert.deepEqual([found.source?.port, found.destination?.port], [source.port, destination.port]);
        if (version === 2)
          assert.deepEqual(
            found.fields.map(({ type }) => type),
            [2],
          );
      }),
    );
    const source = { ip: "192.0.2.1", port: 50_000 };
    const destination = { ip: "198.51.100.2", port: 443 };
    const datagram = encodeProxyHeader(2, { source, destination, datagrams: true });
    assert.deepEqual(datagram, version2(0x21, 0x12, four));
    assert.deepEqual(encodeProxyHeader(2, { source, destination }), version2(0x21, 0x11, four));
    assert.equal(header(encodeProxyHeader(1, undefined)).line, "PROXY UNKNOWN");
    assert.equal(header(encodeProxyHeader(2, undefined)).line, "PROXY LOCAL");
  });

  it("never make the decoder throw or read beyond what has arrived", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.uint8Array({ maxLength: 60 }).map((rest) => Uint8Array.from([...signature, ...rest])),
        ),
        (bytes) => {
          const found = decode(bytes);
          if (found.kind === "header") assert.ok(found.length <= bytes.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("use the checksum of RFC 3720, appendix B.4", () => {
    assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
    assert.equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43);
    assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  });
});

/** Through a version 2 header, so that two spellings of one address compare equal. */
function decodeAgain(ip: string): unknown {
  const other = ip.includes(":") ? "::" : "0.0.0.0";
  const written = encodeProxyHeader(2, { source: { ip, port: 1 }, destination: { ip: other, port: 1 } });
  const found = decodeProxyHeader(written);
  return found.kind === "header" ? found.source : undefined;
}
