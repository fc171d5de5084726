/**
 * Messages and what must become of them, by the rule that says so. Unit tests judge them; the split test feeds each in every
 * pair of pieces; the fuzzer mutates them. Must stay plain data.
 */
import type { Role } from "../../src/gateway/http1/reader.ts";
import type { ProblemCode } from "../../src/gateway/http1/problem.ts";

export interface Case {
  /** Sentence: what the bytes are. */
  name: string;
  /** RFC section. */
  rule: string;
  role: Role;
  input: string;
  /** Code and status of the refusal; undefined = accepted. */
  refused?: ProblemCode;
  status?: number;
  /** Messages that came out before the refusal or the end, each as "start line|body|trailers". */
  messages?: string[];
  methods?: string[];
  upgradeOffered?: boolean;
  /** The peer closes after the last byte. */
  finish?: boolean;
}

const HOST = "Host: a\r\n";
const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;

function refuse(
  rule: string,
  name: string,
  input: string,
  refused: ProblemCode,
  status = 400,
  messages: string[] = [],
): Case {
  return { name, rule, role: "request", input, refused, status, messages };
}

function accept(rule: string, name: string, input: string, ...messages: string[]): Case {
  return { name, rule, role: "request", input, messages };
}

function answer(rule: string, name: string, input: string, more: Partial<Case>, ...messages: string[]): Case {
  return { name, rule, role: "response", input, messages, ...more };
}

function refuseAnswer(rule: string, name: string, input: string, refused: ProblemCode, more: Partial<Case> = {}): Case {
  return { name, rule, role: "response", input, refused, status: 502, messages: [], ...more };
}

function get(fields: string, target = "/", version = "HTTP/1.1"): string {
  return `GET ${target} ${version}\r\n${fields}\r\n`;
}

function post(fields: string, body = ""): string {
  return `POST / HTTP/1.1\r\n${HOST}${fields}\r\n${body}`;
}

const startLines: Case[] = [
  accept("9112 2.2", "one empty line before the request line", "\r\n" + get(HOST), "GET / HTTP/1.1||"),
  accept("9112 2.2", "two empty lines before the request line", "\r\n\r\n" + get(HOST), "GET / HTTP/1.1||"),
  refuse("9112 2.2", "three empty lines before the request line", "\r\n\r\n\r\n" + get(HOST), "empty-lines"),
  refuse("9112 2.2", "a bare LF before the request line", "\n" + get(HOST), "bare-lf"),
  refuse("9112 2.2", "a bare CR before the request line", "\r" + get(HOST), "bare-cr"),
  refuse("9112 3", "white space before the method", " " + get(HOST), "method-missing"),
  refuse("9112 3", "two spaces after the method", "GET  / HTTP/1.1\r\n", "request-line-space"),
  refuse("9112 3", "two spaces before the version", "GET /  HTTP/1.1\r\n", "request-line-space"),
  refuse("9112 3", "a space after the version", "GET / HTTP/1.1 \r\n", "request-line-space"),
  refuse("9112 3", "a tab for a space", "GET\t/ HTTP/1.1\r\n", "method-illegal"),
  refuse("9112 3", "HTTP/0.9", "GET /\r\n\r\n", "version-missing"),
  refuse("9112 3", "HTTP/0.9 with a space", "GET / \r\n\r\n", "version-missing"),
  refuse("9112 3.1", "a method with a colon", "GET: / HTTP/1.1\r\n", "method-illegal"),
  refuse("9112 3.1", "a method with a NUL", "GE\0T / HTTP/1.1\r\n", "method-illegal"),
  refuse("9112 3.1", "a method outside ASCII", "G\xc3T / HTTP/1.1\r\n", "method-illegal"),
  refuse("9112 3.1", "a method of 65 letters", "A".repeat(65) + " / HTTP/1.1\r\n", "method-too-long", 501),
  accept("9112 3.1", "a method nobody knows", `-MK.COL! / HTTP/1.1\r\n${HOST}\r\n`, "-MK.COL! / HTTP/1.1||"),
  accept(
    "9112 3.1",
    "a method of 64 letters",
    `${"A".repeat(64)} / HTTP/1.1\r\n${HOST}\r\n`,
    `${"A".repeat(64)} / HTTP/1.1||`,
  ),
  refuse("9110 9.3.6", "CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "method-connect", 501),
  refuse("9112 3.2", "a control character in the target", "GET /\x01 HTTP/1.1\r\n", "target-illegal"),
  refuse("9112 3.2", "a NUL in the target", "GET /\0 HTTP/1.1\r\n", "target-illegal"),
  refuse("9112 3.2", "DEL in the target", "GET /\x7f HTTP/1.1\r\n", "target-illegal"),
  refuse("9112 3.2", "bytes outside ASCII in the target", "GET /\xce\xb4 HTTP/1.1\r\n", "target-illegal"),
  refuse("9112 3.2", "a space in the target", get(HOST, "/a b"), "version-illegal"),
  refuse("9112 3.2", "a tab in the target", get(HOST, "/a\tb"), "target-illegal"),
  refuse("9110 7.1", "a fragment", get(HOST, "/a#b"), "target-fragment"),
  refuse("9112 3", "a target of 8193 bytes", get(HOST, "/" + "a".repeat(8192)), "target-too-long", 414),
  accept("9112 3", "a target of 8192 bytes", get(HOST, "/" + "a".repeat(8191)), `GET /${"a".repeat(8191)} HTTP/1.1||`),
  refuse("9112 3.2.1", "a relative path", get(HOST, "a/b"), "target-form"),
  refuse("9112 3.2.3", "authority-form with GET", get("Host: a:443\r\n", "a:443"), "target-form"),
  refuse("9112 3.2.4", "asterisk-form with GET", get(HOST, "*"), "target-form"),
  refuse("9112 3.2.4", "an asterisk with more behind it", `OPTIONS *a HTTP/1.1\r\n${HOST}\r\n`, "target-form"),
  accept("9112 3.2.4", "OPTIONS *", `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, "OPTIONS * HTTP/1.1||"),
  accept("9112 3.2.2", "absolute-form", get(HOST, "http://a/b?c"), "GET http://a/b?c HTTP/1.1||"),
  accept("9112 3.2.2", "absolute-form without path", get(HOST, "HTTP://A"), "GET HTTP://A HTTP/1.1||"),
  accept(
    "9112 3.2.2",
    "absolute-form with the scheme's own port",
    get(HOST, "http://a:80/"),
    "GET http://a:80/ HTTP/1.1||",
  ),
  accept("9112 3.2.2", "https absolute-form", get("Host: a:443\r\n", "https://a/"), "GET https://a/ HTTP/1.1||"),
  refuse("9112 3.2.2", "absolute-form for another host", get(HOST, "http://b/"), "target-host-mismatch"),
  refuse("9112 3.2.2", "absolute-form for another port", get(HOST, "http://a:81/"), "target-host-mismatch"),
  refuse("9112 3.2.2", "absolute-form with another scheme", get(HOST, "ftp://a/"), "target-form"),
  refuse("9110 4.2.4", "absolute-form with userinfo", get(HOST, "http://u:p@a/"), "target-authority"),
  refuse("9110 4.2.1", "absolute-form without host", get(HOST, "http:///"), "target-authority"),
  refuse("9112 3.2.2", "a port without digits in the target", get(HOST, "http://a:/"), "target-authority"),
  refuse("9112 2.3", "HTTP/1.2", get(HOST, "/", "HTTP/1.2"), "version-unsupported", 505),
  refuse("9112 2.3", "HTTP/2.0", get(HOST, "/", "HTTP/2.0"), "version-unsupported", 505),
  refuse("9112 2.3", "HTTP/0.9 spelled out", get(HOST, "/", "HTTP/0.9"), "version-unsupported", 505),
  refuse("9112 2.3", "a version without a dot", get(HOST, "/", "HTTP/11"), "version-illegal"),
  refuse("9112 2.3", "a version with three digits", get(HOST, "/", "HTTP/1.10"), "version-illegal"),
  refuse("9112 2.3", "a version in lower case", get(HOST, "/", "http/1.1"), "version-illegal"),
  refuse("9112 2.3", "another protocol", get(HOST, "/", "RTSP/1.0"), "version-illegal"),
  refuse("9112 2.2", "a request line that ends with LF alone", "GET / HTTP/1.1\nHost: a\r\n\r\n", "bare-lf"),
  refuse("9112 2.2", "a request line that ends with CR alone", "GET / HTTP/1.1\rHost: a\r\n\r\n", "bare-cr"),
];

const fieldLines: Case[] = [
  refuse("9112 2.2", "a field line that ends with LF alone", get("Host: a\nX: b\r\n"), "bare-lf"),
  refuse("9112 2.2", "a CR inside a value", get("Host: a\r\nX: a\rb\r\n"), "bare-cr"),
  refuse("9112 2.2", "an empty line with LF alone", "GET / HTTP/1.1\r\nHost: a\r\n\n", "bare-lf"),
  refuse("9112 2.2", "a CR without LF after the fields", "GET / HTTP/1.1\r\nHost: a\r\n\rX", "bare-cr"),
  refuse("9112 2.2", "white space before the first field", get(" X: a\r\n" + HOST), "line-folded"),
  refuse("9112 5.2", "a folded value", get(HOST + "X: a\r\n b\r\n"), "line-folded"),
  refuse("9112 5.2", "a folded value with a tab", get(HOST + "X: a\r\n\tb\r\n"), "line-folded"),
  refuse("9112 5.1", "a space before the colon", get("Host : a\r\n"), "name-space"),
  refuse("9112 5.1", "a tab before the colon", get("Host\t: a\r\n"), "name-space"),
  refuse("9112 5", "an empty name", get(HOST + ": a\r\n"), "name-empty"),
  refuse("9112 5", "a line without colon", get(HOST + "X\r\n"), "colon-missing"),
  refuse("9110 5.1", "a name with a slash", get(HOST + "X/Y: a\r\n"), "name-illegal"),
  refuse("9110 5.1", "a name with a NUL", get(HOST + "X\0: a\r\n"), "name-illegal"),
  refuse("9110 5.1", "a name outside ASCII", get(HOST + "X\xe9: a\r\n"), "name-illegal"),
  refuse("9110 5.5", "a NUL in a value", get(HOST + "X: a\0\r\n"), "value-illegal"),
  refuse("9110 5.5", "BEL in a value", get(HOST + "X: \x07\r\n"), "value-illegal"),
  refuse("9110 5.5", "DEL in a value", get(HOST + "X: \x7f\r\n"), "value-illegal"),
  accept("9110 5.5", "tabs and bytes above 0x80 in a value", get(HOST + "X: a\tb\xff\r\n"), "GET / HTTP/1.1||"),
  accept("9110 5.5", "an empty value", get(HOST + "X:\r\nY: \t \r\n"), "GET / HTTP/1.1||"),
  accept("9110 5.3", "a field that repeats", get(HOST + "X: a\r\nX: b\r\n"), "GET / HTTP/1.1||"),
  refuse("9110 5.4", "101 field lines", get(HOST + "X: a\r\n".repeat(100)), "fields-too-many", 431),
  accept("9110 5.4", "100 field lines", get(HOST + "X: a\r\n".repeat(99)), "GET / HTTP/1.1||"),
  refuse("9110 5.4", "a head of 16385 bytes", get(HOST + `X: ${"a".repeat(16385 - 32)}\r\n`), "head-too-large", 431),
  accept("9110 5.4", "a head of 16384 bytes", get(HOST + `X: ${"a".repeat(16384 - 32)}\r\n`), "GET / HTTP/1.1||"),
];

const hosts: Case[] = [
  refuse("9112 3.2", "no Host in HTTP/1.1", get("X: a\r\n"), "host-missing"),
  refuse("9112 3.2", "no Host beside an absolute-form target", get("", "http://a/"), "host-missing"),
  refuse("9112 3.2", "two Hosts", get(HOST + "Host: b\r\n"), "host-repeated"),
  refuse("9112 3.2", "two equal Hosts", get(HOST + "hOST: a\r\n"), "host-repeated"),
  refuse("9112 3.2", "two Hosts in HTTP/1.0", get(HOST + HOST, "/", "HTTP/1.0"), "host-repeated"),
  accept("9112 3.2", "no Host in HTTP/1.0", get("", "/", "HTTP/1.0"), "GET / HTTP/1.0||"),
  ...[
    "",
    "a,b",
    "a b",
    "u@a",
    "a/b",
    "a:",
    "a:b",
    "a:65536",
    "a:123456",
    "a:1:2",
    "%61",
    "a%",
    "\xe9",
    "a?",
    "a#",
    "[::1",
    "[::1]x",
    "[:::1]",
    "[1::2::3]",
    "[12345::]",
    "[::g]",
    "[fe80::1%25eth0]",
    "[1:2:3:4:5:6:7]",
    "[::1.2.3]",
    "[::1.2.3.256]",
    "[]",
    "::1",
    ":80",
  ].map((host) => refuse("9110 7.2", `Host "${host}"`, get(`Host: ${host}\r\n`), "host-illegal")),
  ...[
    "a",
    "a:0",
    "a:65535",
    "A.example.",
    "127.0.0.1:8080",
    "my_service",
    "x--y~z",
    "[::1]",
    "[::]:80",
    "[1:2:3:4:5:6:7:8]",
    "[1:2:3:4:5:6:1.2.3.4]",
    "[::ffff:1.2.3.4]:1",
    "[fe80::1:2]",
  ].map((host) => accept("9110 7.2", `Host "${host}"`, get(`Host:${host} \r\n`), "GET / HTTP/1.1||")),
];

const framing: Case[] = [
  accept("9112 6.3", "Content-Length", post("Content-Length: 3\r\n", "abc"), "POST / HTTP/1.1|abc|"),
  accept("9112 6.3", "Content-Length 0", post("Content-Length: 0\r\n"), "POST / HTTP/1.1||"),
  accept(
    "9110 8.6",
    "Content-Length with zeros before it",
    post("Content-Length: 003\r\n", "abc"),
    "POST / HTTP/1.1|abc|",
  ),
  accept("9112 6.3", "a body with GET", `GET / HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\na`, "GET / HTTP/1.1|a|"),
  ...["", "+1", "-1", "-0", "0x1", "1 2", "1,1", "1, 2", "1.0", "1e1", "1_0", "a", "\xb2", '"1"'].map((length) =>
    refuse(
      "9110 8.6",
      `Content-Length "${length}"`,
      post(`Content-Length: ${length}\r\n`, "abc"),
      "content-length-illegal",
    ),
  ),
  refuse("9110 8.6", "Content-Length 2^53", post("Content-Length: 9007199254740992\r\n"), "content-length-too-large"),
  refuse(
    "9110 8.6",
    "Content-Length of 17 digits",
    post("Content-Length: 00000000000000001\r\n"),
    "content-length-too-large",
  ),
  {
    ...accept(
      "9110 8.6",
      "Content-Length 2^53 - 1",
      post("Content-Length: 9007199254740991\r\n", "a"),
      "POST / HTTP/1.1|a|?",
    ),
  },
  refuse(
    "9112 6.3",
    "two Content-Lengths",
    post("Content-Length: 1\r\nContent-Length: 2\r\n"),
    "content-length-repeated",
  ),
  refuse(
    "9112 6.3",
    "two equal Content-Lengths",
    post("Content-Length: 1\r\ncontent-length: 1\r\n"),
    "content-length-repeated",
  ),
  refuse(
    "9112 6.3",
    "Content-Length before Transfer-Encoding",
    post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
    "content-length-with-transfer-encoding",
  ),
  refuse(
    "9112 6.3",
    "Transfer-Encoding before Content-Length",
    post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
    "content-length-with-transfer-encoding",
  ),
  ...["gzip", "gzip, chunked", "identity", "chunkedchunked", "x-chunked", "xchunked", "chunke"].map((coding) =>
    refuse(
      "9112 6.1",
      `Transfer-Encoding "${coding}"`,
      post(`Transfer-Encoding: ${coding}\r\n`),
      "transfer-encoding-unknown",
      501,
    ),
  ),
  ...[
    "",
    ",",
    "chunked,",
    "chunked, chunked",
    "chunked, gzip",
    "chunked;q=1",
    '"chunked"',
    "chunked chunked",
    "chu nked",
  ].map((coding) =>
    refuse(
      "9112 6.3",
      `Transfer-Encoding "${coding}"`,
      post(`Transfer-Encoding: ${coding}\r\n`),
      "transfer-encoding-illegal",
    ),
  ),
  refuse("9112 6.3", "a tab behind Content-Length", post("Content-Length: 1\t\r\n", "a"), "content-length-illegal"),
  refuse(
    "9112 6.3",
    "a tab behind Transfer-Encoding",
    post("Transfer-Encoding: chunked \t\r\n"),
    "transfer-encoding-illegal",
  ),
  refuse(
    "9112 6.3",
    "Transfer-Encoding after a vertical tab",
    post("Transfer-Encoding: \x0bchunked\r\n"),
    "value-illegal",
  ),
  refuse(
    "9112 6.3",
    "two Transfer-Encodings",
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    "transfer-encoding-repeated",
  ),
  refuse(
    "9112 6.1",
    "Transfer-Encoding in HTTP/1.0",
    `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`,
    "transfer-encoding-old",
  ),
  accept(
    "9112 6.3",
    "Transfer-Encoding in any case, with white space around",
    post("tRANSFER-eNCODING:\tChunKED  \r\n", "0\r\n\r\n"),
    "POST / HTTP/1.1||",
  ),
];

const chunks: Case[] = [
  accept(
    "9112 7.1",
    "chunks",
    CHUNKED + "5\r\nhello\r\n00a\r\n0123456789\r\n0\r\n\r\n",
    "POST / HTTP/1.1|hello0123456789|",
  ),
  accept(
    "9112 7.1",
    "sizes in both cases",
    CHUNKED + "A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n",
    "POST / HTTP/1.1|01234567890123456789|",
  ),
  ...["", "g", "+1", "-1", " 1", "\t1", "0x1", "1 ", "1 2", "1_0", "1\t", "1h", '"1"', "1,", "1\0"].map((size) =>
    refuse("9112 7.1", `chunk size "${size}"`, CHUNKED + size + "\r\na\r\n0\r\n\r\n", "chunk-size-illegal", 400, [
      "POST / HTTP/1.1||?",
    ]),
  ),
  refuse("9112 7.1", "a chunk size of 17 digits", CHUNKED + "00000000000000001\r\n", "chunk-size-too-large", 400, [
    "POST / HTTP/1.1||?",
  ]),
  refuse("9112 7.1", "a chunk size of 2^53", CHUNKED + "20000000000000\r\n", "chunk-size-too-large", 400, [
    "POST / HTTP/1.1||?",
  ]),
  refuse("9112 7.1", "a size line that ends with LF", CHUNKED + "1\na\r\n", "bare-lf", 400, ["POST / HTTP/1.1||?"]),
  refuse("9112 7.1", "a size line that ends with CR", CHUNKED + "1\ra\r\n", "bare-cr", 400, ["POST / HTTP/1.1||?"]),
  refuse("9112 7.1", "chunk data longer than its size", CHUNKED + "1\r\nab\r\n", "chunk-end-missing", 400, [
    "POST / HTTP/1.1|a|?",
  ]),
  refuse("9112 7.1", "chunk data that ends with LF", CHUNKED + "1\r\na\n0\r\n", "chunk-end-missing", 400, [
    "POST / HTTP/1.1|a|?",
  ]),
  refuse("9112 7.1", "chunk data that ends with CR", CHUNKED + "1\r\na\r0\r\n", "chunk-end-missing", 400, [
    "POST / HTTP/1.1|a|?",
  ]),
  ...[";a", ";a=b", ';a="b"', ';a="b;\\"c\\\\ \td"', ";a;b=c;d"].map((extension) =>
    accept(
      "9112 7.1.1",
      `chunk extension ${extension}`,
      CHUNKED + `1${extension}\r\na\r\n0${extension}\r\n\r\n`,
      "POST / HTTP/1.1|a|",
    ),
  ),
  ...[
    ";",
    "; a",
    ";\ta",
    ";a ",
    ";a =b",
    ";a= b",
    ";a=",
    ";=b",
    ";a=b=c",
    ';a="b"c',
    ';a="b',
    ';a="\x01"',
    ';a="\\\x7f"',
    ";a;",
    ";\xe9",
  ].map((extension) =>
    refuse(
      "9112 7.1.1",
      `chunk extension ${extension}`,
      CHUNKED + `1${extension}\r\na\r\n0\r\n\r\n`,
      "chunk-extension-illegal",
      400,
      ["POST / HTTP/1.1||?"],
    ),
  ),
  refuse("9112 7.1.1", "a LF in a quoted extension", CHUNKED + '1;a="\n"\r\na\r\n', "bare-lf", 400, [
    "POST / HTTP/1.1||?",
  ]),
  refuse("9112 7.1.1", "extensions without end", CHUNKED + "1;" + "a".repeat(16385), "chunk-extension-too-long", 400, [
    "POST / HTTP/1.1||?",
  ]),
  refuse(
    "9112 7.1.1",
    "small extensions on too many chunks",
    CHUNKED + `1;${"a".repeat(1022)}\r\na\r\n`.repeat(17),
    "chunk-extension-too-long",
    400,
    [`POST / HTTP/1.1|${"a".repeat(16)}|?`],
  ),
  accept("9112 7.1.2", "trailers", CHUNKED + "0\r\nX-Sum: 1\r\nY:2\r\n\r\n", "POST / HTTP/1.1||X-Sum: 1\r\nY:2\r\n"),
  accept(
    "9110 6.5.1",
    "trailers that may not stand there",
    CHUNKED + "0\r\nVary: *\r\nX: 1\r\nContent-Type: a\r\nCookie: b\r\n\r\n",
    "POST / HTTP/1.1||X: 1\r\n",
  ),
  ...["Content-Length: 1", "transfer-encoding: chunked", "Host: b", "Connection: close"].map((line) =>
    refuse("9110 6.5.1", `trailer ${line}`, CHUNKED + `0\r\n${line}\r\n\r\n`, "trailer-forbidden", 400, [
      "POST / HTTP/1.1||?",
    ]),
  ),
  refuse("9112 7.1.2", "a folded trailer", CHUNKED + "0\r\nX: a\r\n b\r\n\r\n", "line-folded", 400, [
    "POST / HTTP/1.1||?",
  ]),
  refuse("9112 7.1.2", "a trailer without colon", CHUNKED + "0\r\nX\r\n\r\n", "colon-missing", 400, [
    "POST / HTTP/1.1||?",
  ]),
  refuse("9112 7.1.2", "a trailer with a control", CHUNKED + "0\r\nX: \x01\r\n\r\n", "value-illegal", 400, [
    "POST / HTTP/1.1||?",
  ]),
  refuse("9112 7.1.2", "101 trailers", CHUNKED + "0\r\n" + "X: a\r\n".repeat(101) + "\r\n", "fields-too-many", 431, [
    "POST / HTTP/1.1||?",
  ]),
  refuse(
    "9112 7.1.2",
    "trailers of more than 16 KiB",
    CHUNKED + `0\r\nX: ${"a".repeat(16384)}\r\n\r\n`,
    "head-too-large",
    431,
    ["POST / HTTP/1.1||?"],
  ),
];

const connections: Case[] = [
  accept(
    "9112 9.3",
    "two requests one behind the other",
    get(HOST) + post("Content-Length: 1\r\n", "a") + get(HOST, "/c"),
    "GET / HTTP/1.1||",
    "POST / HTTP/1.1|a|",
    "GET /c HTTP/1.1||",
  ),
  accept(
    "9112 2.2",
    "an empty line between requests",
    post("Content-Length: 1\r\n", "a\r\n") + get(HOST),
    "POST / HTTP/1.1|a|",
    "GET / HTTP/1.1||",
  ),
  accept(
    "9112 9.3",
    "HTTP/1.0 that asks to be kept",
    get("Connection: Keep-Alive\r\n", "/", "HTTP/1.0") + get(HOST),
    "GET / HTTP/1.0||",
    "GET / HTTP/1.1||",
  ),
  refuse(
    "9112 9.6",
    "data behind Connection: close",
    get(HOST + "Connection: close\r\n") + get(HOST),
    "data-after-close",
    400,
    ["GET / HTTP/1.1||"],
  ),
  refuse("9112 9.3", "data behind HTTP/1.0", get("", "/", "HTTP/1.0") + get(HOST), "data-after-close", 400, [
    "GET / HTTP/1.0||",
  ]),
  accept(
    "9112 9.6",
    "an empty line behind Connection: close",
    get(HOST + "Connection: x, CLOSE\r\n") + "\r\n",
    "GET / HTTP/1.1||",
  ),
  refuse(
    "9110 7.6.1",
    "a Connection field with 102 options",
    get(HOST + `Connection: ${"a,".repeat(101)}b\r\n`),
    "connection-too-long",
  ),
  { ...refuse("9112 8", "a head cut off by the end", "GET / HT", "head-truncated"), finish: true },
  {
    ...refuse("9112 8", "a body cut off by the end", post("Content-Length: 2\r\n", "a"), "body-truncated", 400, [
      "POST / HTTP/1.1|a|?",
    ]),
    finish: true,
  },
  {
    ...refuse("9112 8", "chunks cut off by the end", CHUNKED + "1\r\na\r\n", "body-truncated", 400, [
      "POST / HTTP/1.1|a|?",
    ]),
    finish: true,
  },
  {
    ...refuse("9112 8", "trailers cut off by the end", CHUNKED + "0\r\n", "body-truncated", 400, [
      "POST / HTTP/1.1||?",
    ]),
    finish: true,
  },
  { ...refuse("9112 2.2", "half an empty line at the end", "\r", "head-truncated"), finish: true },
];

const answers: Case[] = [
  answer("9112 4", "a plain answer", OK + "Content-Length: 2\r\n\r\nab", {}, "HTTP/1.1 200 OK|ab|"),
  answer("9112 4", "no reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", {}, "HTTP/1.1 200 ||"),
  answer("9112 4", "no reason and no space", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", {}, "HTTP/1.1 200||"),
  answer(
    "9112 4",
    "a reason with spaces and bytes above 0x80",
    "HTTP/1.1 404 n\xe3o \t\r\nContent-Length: 0\r\n\r\n",
    {},
    "HTTP/1.1 404 n\xe3o \t||",
  ),
  answer("9112 6.3", "a body until close", OK + "\r\nabc", { finish: true }, "HTTP/1.1 200 OK|abc|"),
  answer("9112 6.3", "an empty body until close", OK + "\r\n", { finish: true }, "HTTP/1.1 200 OK||"),
  answer("9112 6.3", "an answer to HEAD", OK + "Content-Length: 5\r\n\r\n", { methods: ["HEAD"] }, "HTTP/1.1 200 OK||"),
  answer(
    "9112 6.3",
    "a chunked answer to HEAD",
    OK + "Transfer-Encoding: chunked\r\n\r\n",
    { methods: ["HEAD"] },
    "HTTP/1.1 200 OK||",
  ),
  answer("9112 6.3", "304 with a length", "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", {}, "HTTP/1.1 304 x||"),
  answer(
    "9112 6.3",
    "204",
    "HTTP/1.1 204 x\r\n\r\n" + OK + "Content-Length: 1\r\n\r\na",
    {},
    "HTTP/1.1 204 x||",
    "HTTP/1.1 200 OK|a|",
  ),
  answer(
    "9110 8.6",
    "204 with Content-Length 0",
    "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n",
    {},
    "HTTP/1.1 204 x||",
  ),
  refuseAnswer(
    "9110 8.6",
    "204 with Content-Length 1",
    "HTTP/1.1 204 x\r\nContent-Length: 1\r\n\r\na",
    "content-length-forbidden",
  ),
  refuseAnswer(
    "9112 6.1",
    "204 with Transfer-Encoding",
    "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n",
    "transfer-encoding-forbidden",
  ),
  answer(
    "9110 15.2",
    "100 and 103 before the answer",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK + "Content-Length: 1\r\n\r\na",
    {},
    "HTTP/1.1 100 Continue||",
    "HTTP/1.1 103 Early Hints||",
    "HTTP/1.1 200 OK|a|",
  ),
  answer(
    "9110 15.2",
    "103 before the answer to HEAD",
    "HTTP/1.1 103 x\r\n\r\n" + OK + "Content-Length: 9\r\n\r\n",
    { methods: ["HEAD"] },
    "HTTP/1.1 103 x||",
    "HTTP/1.1 200 OK||",
  ),
  answer(
    "9110 7.8",
    "101 and what follows",
    "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n\0\n\x81raw",
    { upgradeOffered: true, finish: true },
    "HTTP/1.1 101 x|\0\n\x81raw|",
  ),
  refuseAnswer("9110 7.8", "101 nobody asked for", "HTTP/1.1 101 x\r\n\r\n", "upgrade-unasked"),
  answer(
    "9110 9.3.6",
    "200 to CONNECT",
    OK + "Content-Length: 5\r\n\r\nraw",
    { methods: ["CONNECT"], finish: true },
    "HTTP/1.1 200 OK|raw|",
  ),
  answer(
    "9112 7.1",
    "a chunked answer with trailers",
    OK + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
    {},
    "HTTP/1.1 200 OK|abc|X: y\r\n",
  ),
  answer(
    "9112 9.3",
    "HTTP/1.0 with a length",
    "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
    {},
    "HTTP/1.0 200 OK|a|",
  ),
  answer(
    "9110 7.2",
    "a Host in an answer, which means nothing",
    OK + "Host: a b\r\nHost: c\r\nContent-Length: 0\r\n\r\n",
    {},
    "HTTP/1.1 200 OK||",
  ),
  refuseAnswer("9112 2.2", "an empty line before the status line", "\r\n" + OK, "status-line-illegal"),
  refuseAnswer("9112 4", "no version", "200 OK\r\n\r\n", "version-illegal"),
  refuseAnswer("9112 4", "two spaces before the status", "HTTP/1.1  200 OK\r\n\r\n", "status-line-illegal"),
  refuseAnswer("9112 4", "status 099", "HTTP/1.1 099 x\r\n\r\n", "status-line-illegal"),
  refuseAnswer("9112 4", "a status of two digits", "HTTP/1.1 20 x\r\n\r\n", "status-line-illegal"),
  refuseAnswer("9112 4", "a status of four digits", "HTTP/1.1 2000 x\r\n\r\n", "status-line-illegal"),
  refuseAnswer("9112 4", "a control in the reason", "HTTP/1.1 200 a\x01\r\n\r\n", "status-line-illegal"),
  refuseAnswer("9112 2.2", "a status line that ends with LF", "HTTP/1.1 200 OK\n\r\n", "bare-lf"),
  refuseAnswer("9112 2.3", "HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", "version-unsupported"),
  refuseAnswer(
    "9112 6.3",
    "both framings",
    OK + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "content-length-with-transfer-encoding",
  ),
  refuseAnswer(
    "9112 6.1",
    "gzip, chunked",
    OK + "Transfer-Encoding: gzip, chunked\r\n\r\n",
    "transfer-encoding-unknown",
  ),
  refuseAnswer(
    "9112 6.1",
    "Transfer-Encoding in HTTP/1.0",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "transfer-encoding-old",
  ),
  refuseAnswer(
    "9112 6.3",
    "two lengths",
    OK + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "content-length-repeated",
  ),
  refuseAnswer("9112 5.2", "a folded field", OK + "X: a\r\n b\r\n\r\n", "line-folded"),
  refuseAnswer("9112 8", "a body cut off by the end", OK + "Content-Length: 3\r\n\r\nab", "body-truncated", {
    finish: true,
    messages: ["HTTP/1.1 200 OK|ab|?"],
  }),
  refuseAnswer(
    "9112 8",
    "chunks cut off by the end",
    OK + "Transfer-Encoding: chunked\r\n\r\n3\r\nab",
    "body-truncated",
    { finish: true, messages: ["HTTP/1.1 200 OK|ab|?"] },
  ),
  refuseAnswer(
    "9112 9.6",
    "an answer behind an interim one that closes",
    "HTTP/1.1 100 x\r\nConnection: close\r\n\r\n" + OK,
    "data-after-close",
    { messages: ["HTTP/1.1 100 x||"] },
  ),
  refuseAnswer(
    "9112 9.6",
    "data behind an answer that closes",
    OK + "Connection: close\r\nContent-Length: 0\r\n\r\nX",
    "data-after-close",
    { messages: ["HTTP/1.1 200 OK||"] },
  ),
];

export const cases: readonly Case[] = [
  ...startLines,
  ...fieldLines,
  ...hosts,
  ...framing,
  ...chunks,
  ...connections,
  ...answers,
];
