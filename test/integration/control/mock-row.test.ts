/** A row that a mock of the policy answered is told from one that a service answered: in the table and by the filter. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as ask } from "node:http";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { freePort } from "../../free-port.ts";
import { until } from "../../until.ts";
import { backend, policy, policyFile, stopAll } from "./helpers.ts";

const MOCK = `routes:
  - name: mock
    matches: [{ path: { exact: /open/7 } }]
    policies: [{ directResponse: { body: mocked } }]
  - name: moved
    matches: [{ path: { exact: /open/8 } }]
    policies: [{ redirect: { path: /open/9 } }]
`;

describe("a request that a mock answered", () => {
  it("is marked, and found by is:mock", async () => {
    const port = await freePort();
    const text = policy(port, await backend()).replace("routes:\n", MOCK);
    const gateway = new Gateway({ file: policyFile(text) });
    await gateway.start(text);
    try {
      const ids: number[] = [];
      for (const path of ["/open/7", "/open/8", "/open/9"]) {
        const sent = ask({ host: "127.0.0.1", port, path, agent: false });
        sent.end();
        const [response] = await once(sent, "response");
        response.resume();
        await once(response, "end");
        ids.push(gateway.recorder.next - 1);
      }
      await until(() => ids.every((id) => gateway.row(id)?.state !== "pending"));
      assert.deepEqual(
        ids.map((id) => gateway.row(id)?.tags.includes("mock")),
        [true, false, false],
      );
      const view = gateway.openView("is:mock");
      view.catchUp();
      assert.deepEqual(view.idsBetween(view.first, view.first + view.matched), [ids[0]]);
      view.close();
    } finally {
      await gateway.stop(100);
      await stopAll();
    }
  });
});
