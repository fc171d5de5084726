/**
 * The two ways in which counts leave the process, both only when a person asked for them on the command line: a loopback
 * page for Prometheus to read, and OTLP sent to an address that was given.
 * Must not listen beyond loopback nor send anywhere else; a collector that is away costs one line, not one each time.
 */
import { createServer, type Server } from "node:http";

const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i;
/** OTLP is sent so often, in milliseconds. */
const EVERY = 10_000;
const ANSWER_LIMIT = 5_000;

/** @param text asked for with each request. Rejects when the port cannot be had. */
export function serveMetrics(
  port: number,
  text: () => string,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server: Server = createServer((request, response) => {
    // A page of the web may be made to ask loopback by name (DNS rebinding); it cannot choose this Host.
    const local = LOCAL_HOST.test(request.headers.host ?? "");
    const found = local && request.method === "GET" && request.url?.split("?", 1)[0] === "/metrics";
    const body = found ? text() : local ? "Only GET /metrics is here.\n" : "Ask by localhost or 127.0.0.1.\n";
    const type = found ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain; charset=utf-8";
    response.writeHead(found ? 200 : local ? 404 : 403, {
      "Content-Type": type,
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    });
    response.end(body);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      server.on("error", () => {});
      const bound = (server.address() as { port: number }).port;
      const close = (): Promise<void> =>
        new Promise((done) => {
          server.close(() => done());
          server.closeAllConnections();
        });
      resolve({ port: bound, close });
    });
  });
}

/** @returns the address that metrics are posted to. @throws Error in words. */
export function otlpAddress(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error(`"${text}" is no address: write http://127.0.0.1:4318`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") throw new Error(`"${text}" is neither http nor https`);
  if (!url.pathname.endsWith("/v1/metrics")) url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/metrics`;
  return url;
}

/** @param say told when sending begins to fail, and when it works again. @returns sends once more and stops. */
export function sendMetrics(
  to: URL,
  metrics: () => object,
  say: (words: string) => void,
  every = EVERY,
): () => Promise<void> {
  let failing = false;
  const send = async (): Promise<void> => {
    try {
      const answer = await fetch(to, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(metrics()),
        redirect: "error",
        signal: AbortSignal.timeout(ANSWER_LIMIT),
      });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`it answered ${answer.status}`);
      if (failing) say(`Metrics are taken again at ${to.href}.`);
      failing = false;
    } catch (error) {
      if (!failing) say(`Metrics could not be sent to ${to.href}: ${wordsOf(error)}. Trying on.`);
      failing = true;
    }
  };
  const timer = setInterval(() => void send(), every).unref();
  return async () => {
    clearInterval(timer);
    await send();
  };
}

function wordsOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string }; message: string };
  return cause?.code ?? message;
}
