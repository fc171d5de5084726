/**
 * Sends requests to one port at a steady rate over a few kept connections, a slice every ten milliseconds.
 * In a process of its own, so that sending does not wait for whoever measures. Must not read answers beyond counting them.
 */
import { connect } from "node:net";

const SLICE = 10;
const CONNECTIONS = 4;
const port = Number(process.argv[2]);
const sockets = [];
let perSecond = 0;
let left = Infinity;
let sent = 0;
let answered = 0;
let due = 0;

function open() {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.on("close", () => sockets.splice(sockets.indexOf(socket), 1));
  socket.on("data", (bytes) => {
    const text = bytes.toString("latin1");
    for (let at = text.indexOf("HTTP/1.1 "); at !== -1; at = text.indexOf("HTTP/1.1 ", at + 1)) answered++;
  });
  sockets.push(socket);
}

setInterval(() => {
  // What is not answered is not sent on top of: the rate falls rather than a queue growing.
  if (sent - answered > perSecond) return;
  due = Math.min(due + (perSecond * SLICE) / 1000, perSecond / 5);
  if (due >= 1) for (let k = sockets.length; k < CONNECTIONS; k++) open();
  const count = Math.min(Math.floor(due), left);
  const batches = sockets.map(() => "");
  for (let k = 0; k < count; k++)
    batches[k % sockets.length] += `GET /cart/${sent++} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n`;
  sockets.forEach((socket, k) => batches[k] !== "" && socket.write(batches[k], "latin1"));
  due -= count;
  left -= count;
  if (left === 0) {
    left = Infinity;
    perSecond = 0;
    process.send?.("sent");
  }
}, SLICE);

process.on("message", (order) => {
  perSecond = order.perSecond;
  left = order.count ?? Infinity;
  due = 0;
  if (order.count === undefined) process.send?.("begun");
});
process.on("disconnect", () => process.exit());
