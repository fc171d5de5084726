/**
 * The page's end of the contract: one birpc over whichever road leads to the gateway, and the life of that road.
 * Calls are answered, fail as an Error, or time out; events go to the listeners of their kind.
 * Must not know what is drawn. Whatever arrives is taken for a message only if it looks like one.
 */
import { createBirpc, type BirpcReturn } from "birpc";
import { FRAMING } from "../../src/contract/frames.ts";
import { CONTRACT_VERSION, type GatewayFunctions, type WatcherFunctions } from "../../src/contract/calls.ts";
import {
  HOST_EVENTS,
  type HostFunctions,
  type HostQueries,
  type HostState,
  type PageFunctions,
} from "../../src/contract/page.ts";
import type { Hello } from "../../src/contract/status.ts";
import { looksLike } from "./guard.ts";

/** Milliseconds between a question to the window that failed and the next. */
const ASK_AGAIN = 1000;

/** Somewhere that frames can be posted to and come from. */
export interface Road {
  post(frame: unknown): void;
  /** Called once; `onOpen` and `onClosed` alternate for as long as the page lives. */
  open(handlers: { onFrame(frame: unknown): void; onOpen(): void; onClosed(why: string): void }): void;
  /** Tries again at once, when the road waits before its next attempt. */
  retry(): void;
}

/** "lost": it was there and is gone. What is shown keeps, greyed, with the time it was true. */
export type ConnectionState = "connecting" | "stopped" | "starting" | "ready" | "lost" | "mismatch";

export type Gateway = BirpcReturn<GatewayFunctions & HostFunctions & HostQueries, WatcherFunctions & PageFunctions>;

type Events = WatcherFunctions & PageFunctions;
type Listener<Name extends keyof Events> = (payload: Parameters<Events[Name]>[0]) => void;

export class Connection {
  readonly gateway: Gateway;
  state: ConnectionState = "connecting";
  /** Why it is not ready, for people. */
  message = "";
  trusted = true;
  hello: Hello | undefined;
  readonly #road: Road;
  readonly #inWindow: boolean;
  readonly #listeners = new Map<string, Set<(payload: never) => void>>();
  readonly #changed = new Set<() => void>();
  #receive: (frame: unknown) => void = () => {};
  #attempt = 0;

  /** `inWindow`: an extension stands between; it tells when the gateway comes and goes. */
  constructor(road: Road, inWindow: boolean) {
    this.#road = road;
    this.#inWindow = inWindow;
    this.gateway = createBirpc<GatewayFunctions & HostFunctions & HostQueries, Events>(this.#localFunctions(), {
      post: (frame: unknown) => road.post(frame),
      on: (receive) => {
        this.#receive = receive;
      },
      ...FRAMING,
      eventNames: [...HOST_EVENTS],
      // An answer that cannot be sent ends here. Without a name it is a call of the page that failed: its caller must
      // learn that, or nothing would stand for an answer.
      onGeneralError: (_error, name) => name !== undefined,
      onFunctionError: () => true,
    });
  }

  start(): void {
    this.#road.open({
      onFrame: (frame) => this.#receive(frame),
      onOpen: () => void (this.#inWindow ? this.#askWindow() : this.#greet()),
      onClosed: (why) => this.#close(why),
    });
  }

  /** The person asked: now rather than at the next attempt. */
  retry(): void {
    this.#road.retry();
  }

  on<Name extends keyof Events>(name: Name, listener: Listener<Name>): void {
    const set = this.#listeners.get(name) ?? new Set();
    set.add(listener as (payload: never) => void);
    this.#listeners.set(name, set);
  }

  onChanged(listener: () => void): void {
    this.#changed.add(listener);
  }

  #localFunctions(): Events {
    const emit =
      <Name extends keyof Events>(name: Name) =>
      (payload: unknown): void => {
        if (!looksLike(name, payload)) return;
        for (const listener of this.#listeners.get(name) ?? []) (listener as (value: unknown) => void)(payload);
      };
    return {
      traffic: emit("traffic"),
      servicesChanged: emit("servicesChanged"),
      limitsChanged: emit("limitsChanged"),
      statusChanged: emit("statusChanged"),
      whatIfChanged: emit("whatIfChanged"),
      intent: emit("intent"),
      hostState: (state) => {
        if (looksLike("hostState", state)) this.#followWindow(state);
      },
    };
  }

  async #askWindow(): Promise<void> {
    const attempt = (this.#attempt += 1);
    try {
      this.#followWindow(await this.gateway.ready());
    } catch {
      if (attempt !== this.#attempt) return;
      // Of the gateway nothing is known: it may well run.
      this.#become(
        this.hello === undefined ? "connecting" : "lost",
        "VS Code is busy: its extensions do not answer yet.",
      );
      this.#askLater();
    }
  }

  #followWindow(host: HostState): void {
    this.#attempt += 1;
    this.trusted = host.trusted !== false;
    if (host.gateway === "running") void this.#greet();
    else if (host.gateway === "lost") this.#close(host.message ?? "");
    else this.#become(host.gateway, host.message ?? "");
  }

  /** Says hello; only one greeting counts when the gateway restarts meanwhile. */
  async #greet(): Promise<void> {
    const attempt = (this.#attempt += 1);
    if (this.state !== "ready") this.#become(this.state === "lost" ? "lost" : "starting", this.message);
    try {
      const hello = await this.gateway.hello(CONTRACT_VERSION);
      if (attempt !== this.#attempt) return;
      this.hello = hello;
      if (hello.version === CONTRACT_VERSION) this.#become("ready", "");
      else this.#become("mismatch", `This page speaks version ${CONTRACT_VERSION}, the gateway ${hello.version}.`);
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#close(String((error as Error).message));
      if (this.#inWindow) this.#askLater();
    }
  }

  /** A busy gateway may be late with its greeting; unlike a socket, the window has no road that would open again. */
  #askLater(): void {
    const attempt = this.#attempt;
    setTimeout(() => {
      if (attempt === this.#attempt) void this.#askWindow();
    }, ASK_AGAIN);
  }

  #close(why: string): void {
    this.#attempt += 1;
    this.gateway.$rejectPendingCalls();
    this.#become(this.hello === undefined && !this.#inWindow ? "connecting" : "lost", why);
  }

  #become(state: ConnectionState, message: string): void {
    this.state = state;
    this.message = message;
    for (const listener of this.#changed) listener();
  }
}
