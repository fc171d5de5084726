/**
 * Pinning, sorting, clearing and archives as a watcher asks for them: over a channel, through its guard, of a gateway that
 * real requests pass. Must leave no listener behind.
 */
import assert from "node:assert/strict";
import { createBirpc } from "birpc";
import type { GatewayFunctions, WatcherFunctions } from "../../../src/contract/calls.ts";
import { packFrame, unpackFrame, type Frame } from "../../../src/contract/frames.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { freePort } from "../../free-port.ts";
import { backend, policy, policyFile, rowsEnded, stopAll } from "./helpers.ts";

describe("the lists of requests over a channel", () => {
  let gateway: Gateway;
  let port: number;

  beforeEach(async () => {
    port = await freePort();
    const text = policy(port, await backend());
    gateway = new Gateway({ file: policyFile(text) });
    await gateway.start(text);
  });
  afterEach(async () => {
    await gateway.stop(100);
    await stopAll();
  });

  function watcher() {
    let deliver: (frame: unknown) => void = () => {};
    const session = gateway.connect({ send: (frame: Frame) => deliver(JSON.parse(JSON.stringify(frame))) });
    return createBirpc<GatewayFunctions, WatcherFunctions>({} as WatcherFunctions, {
      post: (frame: Frame) => session.receive(JSON.parse(JSON.stringify(frame))),
      on: (receive) => (deliver = receive),
      serialize: packFrame,
      deserialize: unpackFrame,
    });
  }

  it("sorts, pins, exports and imports again, and clears what a filter shows", async () => {
    const remote = watcher();
    for (const path of ["/open/b", "/open/a", "/open/c", "/closed"]) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      await answer.text();
    }
    await rowsEnded(gateway, 4);
    const sort = { by: "path", descending: false, run: 1 } as const;
    const sorted = await remote.rows({ filter: "", from: 0, count: 10, sort });
    assert.deepEqual(
      sorted.rows.map(({ path }) => path),
      ["/closed", "/open/a", "/open/b", "/open/c"],
    );
    assert.match(sorted.rows[1]?.traceId ?? "", /^[\da-f]{32}$/);
    const traced = await remote.rows({ filter: `trace:${sorted.rows[1]?.traceId}`, from: 0, count: 10 });
    assert.deepEqual([traced.matched, traced.rows[0]?.path], [1, "/open/a"]);
    const { id } = sorted.rows[1]!;
    assert.equal((await remote.pin(id, true)).kind, "pinned");
    const { text } = await remote.exportHar("is:rejected");
    const { entries } = (JSON.parse(text) as { log: { entries: unknown[] } }).log;
    assert.deepEqual(await remote.importRequests("own.har", 0, entries), { imported: 1, skipped: 0, problems: [] });
    const imported = await remote.rows({ filter: "is:imported is:rejected", from: 0, count: 10 });
    assert.deepEqual([imported.total, imported.rows[0]?.path, imported.rows[0]?.archive], [5, "/closed", "own.har"]);
    const detail = await remote.detail(imported.rows[0]!.id, true);
    assert.deepEqual([detail?.imported?.decided, detail?.revealed], [true, false]);
    assert.deepEqual(await remote.clearFiltered("path:/open"), { cleared: 2, pinned: 1, pending: 0 });
    const left = await remote.rows({ filter: "", from: 0, count: 10 });
    assert.deepEqual(
      left.rows.map(({ path, tags }) => [path, tags.join()]),
      [
        ["/closed", "imported"],
        ["/open/a", "pinned"],
        ["/closed", ""],
      ],
    );
    await assert.rejects(async () =>
      remote.rows({ filter: "", from: 0, count: 1, sort: { ...sort, by: "why" as "path" } }),
    );
  });
});
