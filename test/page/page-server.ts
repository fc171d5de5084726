/**
 * Serves the built page over a fake gateway, with the strict policy that the real hosts send.
 * Run by itself it is the page's development server:  npx tsx test/page/page-server.ts [rows] [port]
 * Must listen on the loopback only.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { createBirpc } from "birpc";
import * as esbuild from "esbuild";
import { WebSocketServer, type WebSocket } from "ws";
import { bundles } from "../../scripts/bundles.mjs";
import { WATCHER_EVENTS } from "../../src/contract/calls.ts";
import { packFrame, unpackFrame } from "../../src/contract/frames.ts";
import type { WatcherFunctions } from "../../src/contract/calls.ts";
import { FakeGateway } from "./fake-gateway.ts";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'";

export interface PageFiles {
  readonly script: string;
  readonly style: string;
}

/** The page's bundle as the build makes it, in memory. */
export async function bundlePage(): Promise<PageFiles> {
  const { page } = bundles({ development: process.env["PAGE_READABLE"] !== undefined });
  const { outputFiles = [] } = await esbuild.build({ ...page, metafile: false, write: false });
  const text = (end: string): string => outputFiles.find((file) => file.path.endsWith(end))?.text ?? "";
  return { script: text(".js"), style: text(".css") };
}

export interface PageServer {
  readonly url: string;
  /** Sends this text to every connected page as it is: malformed messages. */
  sendRaw(text: string): void;
  /** Breaks every connection and refuses new ones, as when the gateway dies. */
  down(): void;
  up(): void;
  close(): Promise<void>;
}

export async function servePage(gateway: FakeGateway, files: PageFiles, port = 0): Promise<PageServer> {
  const server: Server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const place = /^\/(sidebar|panel)$/u.exec(path)?.[1];
    if (path === "/page.js") return void response.setHeader("content-type", "text/javascript").end(files.script);
    if (path === "/page.css") return void response.setHeader("content-type", "text/css").end(files.style);
    if (path !== "/" && place === undefined) return void response.writeHead(404).end();
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.setHeader("content-security-policy", POLICY);
    response.end(pageHtml(place));
  });
  const sockets = new Set<WebSocket>();
  const channel = new WebSocketServer({ noServer: true });
  let refusing = false;
  server.on("upgrade", (request, socket, head) => {
    if (refusing) return void socket.destroy();
    channel.handleUpgrade(request, socket, head, (opened) => {
      sockets.add(opened);
      opened.on("close", () => sockets.delete(opened));
      connect(opened, gateway);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sendRaw: (text) => sockets.forEach((socket) => socket.send(text)),
    down() {
      refusing = true;
      sockets.forEach((socket) => socket.terminate());
    },
    up() {
      refusing = false;
    },
    close() {
      sockets.forEach((socket) => socket.terminate());
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function pageHtml(place: string | undefined): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Switchyard</title><link rel="stylesheet" href="/page.css"></head>
<body${place === undefined ? "" : ` data-place="${place}"`}><script src="/page.js"></script></body>
</html>`;
}

function connect(socket: WebSocket, gateway: FakeGateway): void {
  const remote = createBirpc<WatcherFunctions, FakeGateway>(gateway, {
    post: (frame) => socket.send(JSON.stringify(frame)),
    on: (receive) => socket.on("message", (data) => receive(JSON.parse(String(data)))),
    serialize: packFrame,
    deserialize: unpackFrame,
    eventNames: [...WATCHER_EVENTS],
    bind: "functions",
  });
  gateway.tell = {
    traffic: (delta) => void remote.traffic(delta),
    limitsChanged: (view) => void remote.limitsChanged(view),
    servicesChanged: (view) => void remote.servicesChanged(view),
    statusChanged: (status) => void remote.statusChanged(status),
    whatIfChanged: (view) => void remote.whatIfChanged(view),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const gateway = new FakeGateway(Number(process.argv[2] ?? 1000));
  const { url } = await servePage(gateway, await bundlePage(), Number(process.argv[3] ?? 0));
  console.log(`${url}  (also ${url}/panel and ${url}/sidebar). Ctrl-C stops.`);
  setInterval(() => gateway.add(3), 250);
}
