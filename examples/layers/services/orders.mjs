// Orders: answers with what reached it, so that the work of every layer before it can be read from the outside.
// A path that ends in /slow/<ms> waits so long; an Upgrade to WebSocket gets an echo.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const port = Number(process.env.PORT);
let connections = 0;

const server = createServer((request, response) => {
  const { url = "/", headers, socket } = request;
  const wait = Number(/\/slow\/(\d{1,5})$/.exec(url)?.[1] ?? 0);
  const seen = {
    replica: port,
    path: url,
    // Which connection of this server carried the request: balancing connections is not balancing requests.
    connection: socket.number,
    client: `${socket.remoteAddress}:${socket.remotePort}`,
    host: headers.host,
    via: headers.via,
    forwardedFor: headers["x-forwarded-for"],
    caller: headers["x-caller"],
  };
  request.resume();
  setTimeout(() => {
    response.setHeader("content-type", "application/json");
    response.end(`${JSON.stringify(seen)}\n`);
  }, wait);
});
server.keepAliveTimeout = 30_000;
server.on("connection", (socket) => {
  socket.number = ++connections;
});
server.on("upgrade", (request, socket) => {
  const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash("sha1").update(key).digest("base64");
  socket.on("error", () => {});
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.pipe(socket);
});
server.listen(port, "127.0.0.1", () => console.log(`orders listens on ${port}`));

if (process.env.UNTIL_STDIN_ENDS === "1") process.stdin.on("end", () => process.exit(0)).resume();
