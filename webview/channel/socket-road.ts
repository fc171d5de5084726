/**
 * The road of the browser page: JSON frames over a loopback WebSocket, opened again when it breaks.
 * The one-time token comes in the page's address and is taken out of the address bar, so that nobody shares it.
 */
import type { Road } from "./connection.ts";

const FIRST_PAUSE = 300;
const LONGEST_PAUSE = 5000;

/** ws://host/channel?token=…, next to the page. */
export function channelUrl(location: Location): string {
  const url = new URL("channel", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const token =
    new URLSearchParams(location.search).get("token") ?? new URLSearchParams(location.hash.slice(1)).get("token");
  url.search = "";
  url.hash = "";
  if (token !== null) url.searchParams.set("token", token);
  return url.href;
}

/** The token has served: it is in the channel's address now, and a copied address must not carry it. */
export function hideToken(location: Location, history: History): void {
  const url = new URL(location.href);
  if (!url.searchParams.has("token") && !url.hash.includes("token=")) return;
  url.searchParams.delete("token");
  url.hash = "";
  history.replaceState(null, "", url);
}

export function socketRoad(url: string): Road {
  return new SocketRoad(url);
}

class SocketRoad implements Road {
  readonly #url: string;
  #socket: WebSocket | undefined;
  #pause = FIRST_PAUSE;
  #timer = 0;
  #handlers: Parameters<Road["open"]>[0] | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  post(frame: unknown): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) throw new Error("The gateway is not connected.");
    this.#socket.send(JSON.stringify(frame));
  }

  open(handlers: Parameters<Road["open"]>[0]): void {
    this.#handlers = handlers;
    this.#connect();
  }

  retry(): void {
    if (this.#socket?.readyState === WebSocket.CLOSED) this.#connect();
  }

  #connect(): void {
    window.clearTimeout(this.#timer);
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#pause = FIRST_PAUSE;
      this.#handlers?.onOpen();
    });
    socket.addEventListener("message", (event: MessageEvent<unknown>) => {
      const frame = parse(event.data);
      if (frame !== undefined) this.#handlers?.onFrame(frame);
    });
    socket.addEventListener("close", (event) => {
      this.#handlers?.onClosed(event.reason);
      this.#timer = window.setTimeout(() => this.#connect(), this.#pause);
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    });
  }
}

function parse(data: unknown): unknown {
  if (typeof data !== "string") return undefined;
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
