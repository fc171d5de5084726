/**
 * What the tests of control share: a policy on free ports, a backend behind it, a folder for its file.
 * Must leave nothing behind: every start is undone in `afterEach` through `stopAll`.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Gateway } from "../../../src/gateway/gateway.ts";
import { until } from "../../until.ts";

const children = new Set<ChildProcess>();
const servers = new Set<Server>();
const folders = new Set<string>();

/** A process that `stopAll` ends if the test has not. */
export function endLater(child: ChildProcess): void {
  children.add(child);
  child.once("exit", () => children.delete(child));
}

export async function stopAll(): Promise<void> {
  // Folders go last: whoever is not gone yet may still write.
  await Promise.all(
    [...children].map((child) => {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      return ended;
    }),
  );
  await Promise.all(
    [...servers].map((server) => {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      return closed;
    }),
  );
  servers.clear();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}

/** Settles once there are `count` rows, none of which is of a request on its way: an answer may be there before its row has ended. */
export function rowsEnded(gateway: Gateway, count: number): Promise<void> {
  const { recorder } = gateway;
  const ids = () => Array.from({ length: recorder.next - recorder.first }, (_, i) => recorder.first + i);
  return until(
    () => ids().length >= count && ids().every((id) => gateway.row(id)?.state !== "pending"),
    () =>
      ids()
        .map((id) => gateway.row(id)?.state)
        .join(),
  );
}

export async function backend(): Promise<number> {
  const server = createServer((request, response) => {
    request.resume();
    response.end(`hello from ${request.url}`);
  });
  servers.add(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return (server.address() as AddressInfo).port;
}

export function policy(port: number, target: number, requests = 1000): string {
  return `version: 1
listeners:
  - { name: edge, port: ${port}, address: 127.0.0.1 }
consumers:
  - { name: alice, apiKey: alices-own-key-4711 }
services:
  shop:
    endpoints: [{ url: "http://127.0.0.1:${target}" }]
routes:
  - name: open
    matches: [{ path: { prefix: /open } }]
    backendRefs: [{ service: shop }]
  - name: keyed
    matches: [{ path: { prefix: /keyed } }]
    policies:
      - apiKey: { header: x-api-key }
      - rateLimit: { key: consumer, requests: ${requests}, per: 1m }
    backendRefs: [{ service: shop }]
`;
}

export function policyFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-test-"));
  folders.add(folder);
  const file = join(folder, "switchyard.yaml");
  writeFileSync(file, text);
  return file;
}
