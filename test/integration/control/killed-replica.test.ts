/**
 * One of three replicas, a process of its own, is killed with SIGKILL under load and comes back:
 * no idempotent request fails, the ejection shows within a second, and one probe after its return it takes traffic again.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "../../free-port.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import type { EndpointView } from "../../../src/contract/services.ts";

const PROBE = 500;
const CONNECTIONS = 16;

const backend = `
require("node:http").createServer((request, response) => {
  request.resume();
  setTimeout(() => response.end("from " + process.argv[1]), 2);
}).listen(Number(process.argv[1]), "127.0.0.1");
process.stdin.resume().on("end", () => process.exit());
`;

async function replica(port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", backend, String(port)], { stdio: ["pipe", "inherit", "inherit"] });
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const open = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return child;
    if (child.exitCode !== null) throw new Error(`the replica on ${port} ended with ${child.exitCode}`);
    await wait(20);
  }
}

describe("a replica killed under load", function () {
  this.timeout(300_000);
  let children: ChildProcess[];
  let ports: number[];
  let gateway: Gateway;
  let url: string;

  before(async () => {
    ports = [await freePort(), await freePort(), await freePort()];
    children = await Promise.all(ports.map(replica));
    gateway = new Gateway({ file: "killed.switchyard.yaml" });
    await gateway.start(`version: 1
listeners: [{ name: edge, port: 0, address: 127.0.0.1 }]
services:
  orders:
    endpoints: [${ports.map((port) => `{ url: "http://127.0.0.1:${port}" }`).join(", ")}]
    loadBalancer: { type: LeastRequest }
    healthCheck: { active: { path: /, interval: ${PROBE}ms, timeout: 400ms, healthyThreshold: 1, unhealthyThreshold: 2 } }
routes: [{ name: orders, backendRefs: [{ service: orders }] }]
`);
    url = status().listeners[0].url;
  });

  after(async () => {
    await gateway.stop(500);
    for (const child of children) child.kill("SIGKILL");
  });

  const stamp = { generation: "", seq: 0 };
  const status = () => gateway.statusView(stamp);
  const endpoint = (index: number): EndpointView => gateway.servicesView(stamp).services[0].endpoints[index];

  /** Asks in turn until told to stop; gives how many were answered, and what went wrong. */
  async function load(going: () => boolean): Promise<{ answered: number; failures: string[]; by: Set<string> }> {
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const failures: string[] = [];
    const by = new Set<string>();
    let answered = 0;
    const ask = (method: string) =>
      new Promise<void>((resolve) => {
        const outgoing = request(url, { agent, method }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
          response.once("error", (error) => (failures.push(error.message), resolve()));
          response.once("end", () => {
            if (response.statusCode === 200) answered++;
            else failures.push(`${response.statusCode} ${text}`);
            by.add(text);
            resolve();
          });
        });
        outgoing.once("error", (error) => (failures.push(error.message), resolve()));
        outgoing.end();
      });
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async (_, worker) => {
        for (let turn = 0; going() && turn < 50_000; turn++) await ask((turn + worker) % 3 ? "GET" : "DELETE");
      }),
    );
    agent.destroy();
    return { answered, failures, by };
  }

  /** Waits for a state that the gateway shows, and gives how long it took. */
  async function shows(index: number, wanted: (view: EndpointView) => boolean): Promise<number> {
    const begun = performance.now();
    while (!wanted(endpoint(index))) {
      assert.ok(performance.now() - begun < 20_000, `still ${endpoint(index).sentence}`);
      await wait(5);
    }
    return performance.now() - begun;
  }

  it("loses no idempotent request, shows the ejection, and uses the replica again when it is back", async () => {
    let going = true;
    const loaded = load(() => going);
    await shows(1, ({ inFlight }) => inFlight > 0);
    children[1].kill("SIGKILL");
    const ejected = await shows(1, ({ health }) => health === "ejected" || health === "down");
    assert.ok(endpoint(1).sentence.length > 0);
    await wait(600);
    children[1] = await replica(ports[1]);
    const back = await shows(1, ({ health, inFlight }) => health === "up" && inFlight > 0);
    await wait(200);
    going = false;
    const { answered, failures, by } = await loaded;
    assert.deepEqual(failures.slice(0, 5), []);
    assert.ok(answered > 20);
    assert.equal(by.size, 3);
    console.log(
      `      ${answered} requests, 0 failed; ejection shown after ${ejected.toFixed(0)} ms (bar 1000), ` +
        `in use again ${back.toFixed(0)} ms after it listened (one probe is ${PROBE} ms)`,
    );
  });
});
