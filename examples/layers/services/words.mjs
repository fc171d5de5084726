// A server that does not speak HTTP: one line in, the same line in capitals out. No balancer for requests can carry it.
import { createServer } from "node:net";

const port = Number(process.env.PORT);
const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.write(`words ${port}: say something\n`);
  socket.on("data", (bytes) => socket.write(bytes.toString("utf8").toUpperCase()));
});
server.listen(port, "127.0.0.1", () => console.log(`words listens on ${port}`));

if (process.env.UNTIL_STDIN_ENDS === "1") process.stdin.on("end", () => process.exit(0)).resume();
