// What every service of the shop has in common: JSON answers, a health check, and an end when its parent goes.
// No dependencies. PORT says where to listen; 127.0.0.1 only.
import { createServer } from "node:http";

/**
 * @param {string} name
 * @param {(request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse, url: URL) => unknown} handle
 */
export function serve(name, handle) {
  const port = Number(process.env.PORT);
  if (!Number.isInteger(port) || port <= 0) {
    console.error(`${name}: set PORT to the port to listen on.`);
    process.exit(2);
  }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (url.pathname === "/healthz") return json(response, 200, { service: name, port, healthy: true });
    Promise.resolve(handle(request, response, url)).catch((error) => {
      if (!response.headersSent) json(response, 500, { error: String(error) });
      else response.destroy();
    });
  });
  server.on("error", (error) => {
    console.error(`${name} on port ${port}: ${error.message}`);
    process.exit(1);
  });
  server.listen(port, "127.0.0.1", () => console.log(`${name} listens on ${port}`));
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
  // Started by a script: when that goes, even by SIGKILL, its end of the pipe closes and this process ends too.
  if (process.env.UNTIL_STDIN_ENDS) process.stdin.on("end", () => process.exit(0)).resume();
}

export function json(response, status, value, headers = {}) {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

/** The request body as text, at most a mebibyte of it. */
export async function bodyOf(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > 1_048_576) throw new Error("the body is larger than 1 MiB");
  }
  return text;
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
