/**
 * The page's connection inside a window, over a road of this file's own: what it says of a gateway that it cannot reach.
 */
import assert from "node:assert/strict";
import { packFrame } from "../../src/contract/frames.ts";
import type { HostState } from "../../src/contract/page.ts";
import { Connection, type ConnectionState } from "./connection.ts";

type Call = { readonly t: string; readonly i: string; readonly m: string };

/** A window that answers each call by `answer`; an Error is answered as a failure. */
function windowThat(answer: (name: string) => unknown): Connection {
  let receive: (frame: unknown) => void = () => {};
  const connection = new Connection(
    {
      post: (frame) => {
        const { t, i, m } = frame as Call;
        if (t !== "q") return;
        const value = answer(m);
        const reply = value instanceof Error ? { t: "s", i, e: value } : { t: "s", i, r: value };
        queueMicrotask(() => receive(packFrame(reply)));
      },
      open: ({ onFrame, onOpen }) => {
        receive = onFrame;
        onOpen();
      },
      retry: () => {},
    },
    true,
  );
  connection.start();
  return connection;
}

function reached(connection: Connection, wanted: ConnectionState): Promise<void> {
  return new Promise((resolve) => {
    connection.onChanged(() => {
      if (connection.state === wanted) resolve();
    });
  });
}

const running: HostState = { gateway: "running", trusted: true };
const hello = { version: 1, generation: "g", status: {} };

describe("the page's connection in a window", () => {
  it("does not call the gateway stopped when the window is late, and asks again", async () => {
    let asked = 0;
    const connection = windowThat((name) => {
      if (name === "hello") return hello;
      return (asked += 1) === 1 ? new Error("no answer within 10 s") : running;
    });
    await reached(connection, "connecting");
    assert.match(connection.message, /VS Code is busy/);
    await reached(connection, "ready");
    assert.equal(asked, 2);
  });

  it("says that the gateway is stopped when the window says so, with its words", async () => {
    const connection = windowThat(() => ({ gateway: "stopped", trusted: true, message: "It ended with code 1." }));
    await reached(connection, "stopped");
    assert.equal(connection.message, "It ended with code 1.");
  });

  it("greets again when the gateway is late with its greeting", async () => {
    let greeted = 0;
    const connection = windowThat((name) => {
      if (name === "ready") return running;
      return (greeted += 1) === 1 ? new Error("no answer within 10 s") : hello;
    });
    await reached(connection, "lost");
    await reached(connection, "ready");
    assert.equal(greeted, 2);
  });
});
