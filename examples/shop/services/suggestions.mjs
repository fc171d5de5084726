// Suggestions: what goes with a product, as a gRPC service (../suggestions.proto). It speaks HTTP/2 in the clear and has no
// dependencies, so it writes its two small messages itself: https://protobuf.dev/programming-guides/encoding/
// Must not be taken for a model of a gRPC server: yours has a library for that.
import { createServer } from "node:http2";

const names = ["lamp", "chair", "table", "rug", "clock", "vase"];
const OK = "0";
const INVALID_ARGUMENT = "3";
const NOT_FOUND = "5";
const UNIMPLEMENTED = "12";
const MOST = 1024;

const port = Number(process.env.PORT);
if (!Number.isInteger(port) || port <= 0) {
  console.error("suggestions: set PORT to the port to listen on.");
  process.exit(2);
}

/** ListRequest: one varint in field 1, or nothing for zero. */
function productOf(message) {
  if (message.length === 0) return 0;
  if (message[0] !== 0x08) return Number.NaN;
  return message.subarray(1).reduce((value, byte, i) => value + (byte & 0x7f) * 2 ** (7 * i), 0);
}

/** Suggestion: product in field 1, name in field 2; all of it is shorter than 128 bytes. */
function suggestion(product) {
  const name = Buffer.from(names[product - 1]);
  return Buffer.concat([Buffer.from([0x08, product, 0x12, name.length]), name]);
}

/** ListResponse: the other products of the same shelf. */
function listFor(product) {
  const others = [1, 2].map((step) => ((product - 1 + step) % names.length) + 1);
  return Buffer.concat(others.map(suggestion).flatMap((message) => [Buffer.from([0x0a, message.length]), message]));
}

/** Length-prefixed, not compressed: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
function framed(message) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function answer(stream, status, words, message) {
  if (stream.destroyed) return;
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status, "grpc-message": words }));
  stream.end(message === undefined ? undefined : framed(message));
}

const server = createServer();
server.on("stream", (stream, headers) => {
  const pieces = [];
  let length = 0;
  stream.on("error", () => {});
  stream.on("data", (piece) => {
    length += piece.length;
    if (length > MOST) stream.close();
    else pieces.push(piece);
  });
  stream.on("end", () => {
    if (headers[":path"] !== "/shop.v1.Suggestions/List") return answer(stream, UNIMPLEMENTED, "no such method");
    const product = productOf(Buffer.concat(pieces).subarray(5));
    if (Number.isNaN(product)) return answer(stream, INVALID_ARGUMENT, "no product");
    if (product < 1 || product > names.length) return answer(stream, NOT_FOUND, `no product ${product}`);
    answer(stream, OK, "", listFor(product));
  });
});
server.on("error", (error) => {
  console.error(`suggestions on port ${port}: ${error.message}`);
  process.exit(1);
});
server.listen(port, "127.0.0.1", () => console.log(`suggestions listens on ${port}`));
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
// Started by a script: when that goes, even by SIGKILL, its end of the pipe closes and this process ends too.
if (process.env.UNTIL_STDIN_ENDS) process.stdin.on("end", () => process.exit(0)).resume();
