/**
 * Serves the page and its channel to a browser on this machine: static files under a strict policy, and a WebSocket.
 * Any web page may try to reach a loopback port, so: a one-time token, a cookie that other sites do not send, and
 * Host and Origin must be ours (DNS rebinding). Must not answer anybody else with more than a refusal.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import type { Gateway } from "../gateway.ts";
import { MAX_TEXT } from "../../contract/guards.ts";
import { PAGE_HTML, pagePolicy, REFUSED_HTML } from "./page-html.ts";

export interface PageServerOptions {
  readonly gateway: Gateway;
  /** Folder with page.js and page.css. */
  readonly assets: string;
  /** 0 = any free one. */
  readonly port: number;
}

/** A policy file in JSON, where each character may take six bytes, and the frame around it. */
const MAX_MESSAGE = MAX_TEXT * 6 + 65_536;
const MAX_CONNECTIONS = 32;
/** Bytes that may wait for a slow browser before its session counts as congested. */
const MAX_BACKLOG = 1_048_576;
/** Bytes that may wait at all: who asks on and on and reads nothing is let go. */
const MOST_WAITING = 64 * 1_048_576;
/** A browser that stays silent this long after a ping is gone. Milliseconds. */
const PING = 30_000;

const ASSETS: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  "/page.js": { file: "page.js", type: "text/javascript; charset=utf-8" },
  "/page.css": { file: "page.css", type: "text/css; charset=utf-8" },
};

export class PageServer {
  private readonly options: PageServerOptions;
  private readonly server: Server;
  private readonly sockets: WebSocketServer;
  /** Unused tokens. */
  private readonly tokens = new Set<string>();
  private readonly secret = randomBytes(32).toString("base64url");
  private timer: NodeJS.Timeout | undefined;
  private port = 0;

  constructor(options: PageServerOptions) {
    this.options = options;
    this.sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, perMessageDeflate: false });
    this.server = createServer((request, response) => this.answer(request, response));
    this.server.headersTimeout = 5000;
    this.server.requestTimeout = 10_000;
    this.server.on("upgrade", (request, socket, head) => this.upgrade(request, socket, head));
    this.server.on("clientError", (_error, socket) => socket.destroy());
  }

  /** @throws the listen error (EADDRINUSE ...). */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(this.options.port, "127.0.0.1", () => {
        this.server.off("error", reject);
        resolve();
      });
    });
    this.server.on("error", () => {});
    this.port = (this.server.address() as AddressInfo).port;
    this.timer = setInterval(() => this.ping(), PING).unref();
  }

  /** An address that opens the page once; after that the browser is known by its cookie. */
  address(): string {
    const token = randomBytes(24).toString("base64url");
    this.tokens.add(token);
    // Addresses that nobody opened do not pile up.
    if (this.tokens.size > 100) for (const oldest of this.tokens) if (this.tokens.delete(oldest)) break;
    return `http://127.0.0.1:${this.port}/?token=${token}`;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    for (const socket of this.sockets.clients) socket.close(1001, "The gateway has stopped.");
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.sockets.clients) socket.terminate();
  }

  // ---- Page -----------------------------------------------------------------------------------------------------

  private answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    const url = this.urlOf(request);
    if (url === undefined) return refuse(response, 403, "This address is served to this machine only.");
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(response, 405, "Only GET is known here.");
    const asset = ASSETS[url.pathname];
    if (asset !== undefined) return this.sendAsset(request, response, asset);
    if (url.pathname === "/favicon.ico") return void response.writeHead(204).end();
    if (url.pathname !== "/") return refuse(response, 404, "There is nothing here.");
    this.sendPage(request, response, url);
  }

  private sendPage(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const known = this.hasCookie(request);
    const token = url.searchParams.get("token") ?? "";
    // A prefetching HEAD, or a browser that is known already, does not use the token up.
    if (!known && (request.method !== "GET" || !this.takeToken(token)))
      return send(response, 403, "text/html; charset=utf-8", REFUSED_HTML);
    const headers: Record<string, string> = { "Content-Security-Policy": pagePolicy(url.host) };
    if (!known) headers["Set-Cookie"] = `${this.cookieName}=${this.secret}; HttpOnly; SameSite=Strict; Path=/`;
    send(response, 200, "text/html; charset=utf-8", PAGE_HTML, headers);
  }

  private sendAsset(request: IncomingMessage, response: ServerResponse, asset: { file: string; type: string }): void {
    // The bundle is no secret; the check keeps other sites from finding out that a gateway runs here.
    if (!this.hasCookie(request)) return refuse(response, 403, "Open the address that Switchyard printed.");
    try {
      send(response, 200, asset.type, readFileSync(join(this.options.assets, asset.file)));
    } catch {
      refuse(response, 404, `${asset.file} is not there: run npm run build.`);
    }
  }

  // ---- Channel --------------------------------------------------------------------------------------------------

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const url = this.urlOf(request);
    if (url === undefined || !this.isOwnOrigin(request.headers.origin)) return refuseUpgrade(socket, 403);
    if (url.pathname !== "/channel") return refuseUpgrade(socket, 404);
    if (!this.hasCookie(request) && !this.takeToken(url.searchParams.get("token") ?? ""))
      return refuseUpgrade(socket, 401);
    if (this.sockets.clients.size >= MAX_CONNECTIONS) return refuseUpgrade(socket, 503);
    this.sockets.handleUpgrade(request, socket, head, (webSocket) => this.serve(webSocket));
  }

  private serve(socket: WebSocket): void {
    const session = this.options.gateway.connect({
      send: (frame) => {
        if (socket.readyState !== socket.OPEN) return;
        if (socket.bufferedAmount > MOST_WAITING) socket.terminate();
        else socket.send(JSON.stringify(frame));
      },
      congested: () => socket.bufferedAmount > MAX_BACKLOG,
      maskPolicyText: true,
    });
    alive.add(socket);
    socket.on("pong", () => alive.add(socket));
    socket.on("error", () => socket.terminate());
    socket.on("close", () => session.close());
    socket.on("message", (data, isBinary) => {
      const frame = isBinary ? undefined : parse(String(data as Buffer));
      if (frame === undefined) socket.close(1007, "Only JSON messages are understood here.");
      else session.receive(frame);
    });
  }

  private ping(): void {
    for (const socket of this.sockets.clients) {
      if (!alive.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }

  // ---- Who asks -------------------------------------------------------------------------------------------------

  /** undefined unless Host names this machine and our port: another name that leads here is a rebinding attack. */
  private urlOf(request: IncomingMessage): URL | undefined {
    const { host } = request.headers;
    if (host === undefined || !this.ownHosts().includes(host.toLowerCase())) return undefined;
    try {
      return new URL(request.url ?? "/", `http://${host}`);
    } catch {
      return undefined;
    }
  }

  /** A browser always sends Origin with a WebSocket; a program may leave it out, and has the token then. */
  private isOwnOrigin(origin: string | undefined): boolean {
    return origin === undefined || this.ownHosts().some((host) => origin.toLowerCase() === `http://${host}`);
  }

  private ownHosts(): string[] {
    return [`127.0.0.1:${this.port}`, `localhost:${this.port}`];
  }

  /** Cookies do not keep ports apart: two gateways must not overwrite each other's. */
  private get cookieName(): string {
    return `switchyard-${this.port}`;
  }

  private hasCookie(request: IncomingMessage): boolean {
    const pairs = (request.headers.cookie ?? "").split(";").map((pair) => pair.trim());
    return pairs.some(
      (pair) => pair.startsWith(`${this.cookieName}=`) && equal(pair.slice(this.cookieName.length + 1), this.secret),
    );
  }

  private takeToken(given: string): boolean {
    for (const token of this.tokens) if (equal(given, token)) return this.tokens.delete(token);
    return false;
  }
}

/** Sockets that answered the latest ping. */
const alive = new WeakSet<WebSocket>();

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    ...headers,
  });
  response.end(body);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  send(response, status, "text/plain; charset=utf-8", `${message}\n`);
}

function refuseUpgrade(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
