/**
 * The law over a real gateway: every example under load, with refusals, retries, a dead replica and a save in between -
 * replayed from whichever snapshot its journal begins with, under the very text that serves, nothing differs; and what
 * is replayed is what the recorder saw.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, createServer, request as ask, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { freePort } from "../../free-port.ts";
import { stopAll } from "./helpers.ts";

const examples = join(dirname(fileURLToPath(import.meta.url)), "../../../examples");
const names = readdirSync(examples, { withFileTypes: true }).filter((entry) => entry.isDirectory());

const PATHS = ["/catalog/7", "/orders/42", "/orders", "/reviews/3", "/", "/nowhere", "/cart", "/api/x?y=1"];

async function backend(): Promise<Server> {
  let count = 0;
  const server = createServer((request, response) => {
    request.resume();
    count++;
    response.statusCode = count % 17 === 0 ? 503 : count % 5 === 0 ? 404 : 200;
    setTimeout(() => response.end("ok"), count % 3);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

describe("what if, over every example under load", function () {
  // The thread compiles TypeScript when it starts.
  this.timeout(300_000);
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) server.close().closeAllConnections();
    await stopAll();
  });

  for (const { name } of names) {
    it(`${name}: the text that serves changes nothing`, async () => {
      const ports = new Map<string, number>();
      const folder = join(examples, name);
      const written = readFileSync(join(folder, "switchyard.yaml"), "utf8");
      const listeners: number[] = [];
      let text = written;
      for (const [, port] of written.matchAll(/\bport: (\d+)/g)) {
        const free = await freePort();
        listeners.push(free);
        text = text.replace(`port: ${port}`, `port: ${free}`);
      }
      for (const [whole, host, port] of text.matchAll(/(https?:\/\/(?:localhost|127\.0\.0\.1)):(\d+)/g)) {
        if (listeners.includes(Number(port))) continue;
        if (!ports.has(port)) {
          const server = await backend();
          // One of them is dead, so that connections fail and are tried again.
          if (ports.size !== 1) servers.push(server);
          ports.set(port, (server.address() as AddressInfo).port);
          if (ports.size === 2) server.close();
        }
        text = text.replace(whole, `${host}:${ports.get(port)}`);
      }
      const gateway = new Gateway({ file: join(folder, "switchyard.yaml") });
      const agent = new Agent({ keepAlive: true, maxSockets: 16 });
      const send = (port: number, k: number) =>
        new Promise<void>((done) => {
          const headers = { "x-api-key": k % 3 === 0 ? "demo-web-key" : "no-key", "x-tenant": `t${k % 4}` };
          const path = PATHS[k % PATHS.length];
          const sent = ask({ port, host: "127.0.0.1", path, agent, headers, method: k % 6 === 0 ? "POST" : "GET" });
          sent.on("response", (response) => response.resume().on("end", done).on("error", done));
          sent.on("error", () => done());
          sent.end();
        });
      const load = async (count: number) => {
        const urls = gateway.statusView({ generation: "", seq: 0 }).listeners.map(({ url }) => new URL(url));
        const doors = urls.filter(({ protocol }) => protocol === "http:").map(({ port }) => Number(port));
        let next = 0;
        const worker = async () => {
          while (next < count) {
            const k = next++;
            await send(doors[k % doors.length], k);
          }
        };
        await Promise.all(Array.from({ length: 16 }, worker));
      };
      try {
        await gateway.start(text);
        await load(1500);
        // A save, and enough for another snapshot with requests in flight.
        const edited = `${text}\n# saved once more\n`;
        assert.equal((await gateway.propose(edited, -1)).kind, "accepted");
        await load(2600);
        const answer = await gateway.whatIfs.whatIf(edited, true);
        assert.ok(answer.kind === "compared", JSON.stringify(answer));
        assert.deepEqual(answer.shifts, []);
        const { total, same, unknown } = answer.view;
        // Not all of the layers example: some of its doors take nobody without a PROXY header.
        assert.ok(total >= 1000, `${total} requests were decided again`);
        assert.deepEqual([same, unknown], [total, 0]);
      } finally {
        agent.destroy();
        await gateway.stop(0);
      }
    });
  }
});
