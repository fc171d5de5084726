// A replica: says who it is. /slow takes two seconds, /die ends the process. On SIGTERM it ends what it has begun.
import { createServer } from "node:http";

const port = Number(process.env.PORT);
const server = createServer((request, response) => {
  if (request.url === "/die") process.exit(1);
  const answer = () => response.end(`${JSON.stringify({ port, process: process.pid })}\n`);
  if (request.url === "/slow") setTimeout(answer, 2000);
  else answer();
});
server.listen(port, "127.0.0.1", () => console.log(`reviews listens on ${port}`));
process.on("SIGTERM", () => {
  console.log("ending");
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
