/**
 * Stands in for VS Code around a page: answers what the page asks of its window, and relays the rest to a fake gateway.
 * So what only a window offers can be seen without one. Must be put in place before the page is loaded.
 */
import { createBirpc, type BirpcReturn } from "birpc";
import type { Page } from "playwright-core";
import { WATCHER_EVENTS, type WatcherFunctions } from "../../src/contract/calls.ts";
import { packFrame, unpackFrame, type Frame } from "../../src/contract/frames.ts";
import { HOST_EVENTS, PAGE_EVENTS, type HostState, type PageFunctions } from "../../src/contract/page.ts";
import type { FakeGateway } from "./fake-gateway.ts";

export class WindowStandIn {
  state: HostState;
  /** What the page wished of its window, as "name argument argument". */
  readonly wishes: string[] = [];
  readonly #gateway: FakeGateway;
  #page: BirpcReturn<PageFunctions & WatcherFunctions, object> | undefined;

  constructor(gateway: FakeGateway, state: HostState = { gateway: "running", trusted: true }) {
    this.#gateway = gateway;
    this.state = state;
  }

  async around(page: Page): Promise<void> {
    let receive: (frame: unknown) => void = () => {};
    await page.exposeFunction("toWindow", (frame: string) => receive(JSON.parse(frame)));
    await page.addInitScript(
      `window.acquireVsCodeApi = () => ({
        postMessage: (frame) => void window.toWindow(JSON.stringify(frame)), getState() {}, setState() {} })`,
    );
    const post = (frame: Frame): void =>
      void page.evaluate(`window.postMessage(${JSON.stringify(frame)}, "*")`).catch(() => {});
    this.#page = createBirpc<PageFunctions & WatcherFunctions, object>(
      {},
      {
        post,
        on: (listener) => {
          receive = listener;
        },
        serialize: packFrame,
        deserialize: unpackFrame,
        eventNames: [...WATCHER_EVENTS, ...PAGE_EVENTS],
        resolver: (name) => this.#answer(name),
      },
    );
    const remote = this.#page;
    this.#gateway.tell = {
      traffic: (delta) => void remote.traffic(delta),
      statusChanged: (status) => void remote.statusChanged(status),
      whatIfChanged: (view) => void remote.whatIfChanged(view),
    };
  }

  /** The gateway came or went, or the folder was trusted. */
  becomes(state: HostState): void {
    this.state = state;
    void this.#page?.hostState(state);
  }

  #answer(name: string): ((...given: never[]) => unknown) | undefined {
    if (name === "ready") return () => this.state;
    if ((HOST_EVENTS as readonly string[]).includes(name))
      return (...given: unknown[]) => void this.wishes.push([name, ...given].map(String).join(" "));
    const answer = this.#gateway[name as keyof FakeGateway];
    return typeof answer === "function" ? (answer.bind(this.#gateway) as never) : undefined;
  }
}
