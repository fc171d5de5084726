/**
 * The road inside VS Code: frames as messages between webview and extension, which relays them to the gateway.
 * VS Code drops messages to a hidden webview, so the page asks for nothing while hidden and afresh when shown.
 */
import type { Road } from "./connection.ts";

export interface WebviewApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

export function windowRoad(api: WebviewApi): Road {
  return {
    // VS Code's own function: it takes no origin.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    post: (frame) => api.postMessage(frame),
    open({ onFrame, onOpen }) {
      window.addEventListener("message", (event: MessageEvent<unknown>) => onFrame(event.data));
      onOpen();
    },
    retry() {},
  };
}
