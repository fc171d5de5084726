/**
 * What the tests of retries, hedges and mirrors share: the whole gateway over a policy text, backends that answer as they
 * are told, and the rows and details that a person would see.
 * Must leave nothing running: every start is undone by `stopAll`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { request, type RequestOptions } from "node:http";
import type { AddressInfo } from "node:net";
import type { Detail } from "../../../src/contract/detail.ts";
import type { Row } from "../../../src/contract/traffic.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";

const gateways: Gateway[] = [];
const servers: Server[] = [];

export async function stopAll(): Promise<void> {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop(50)));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
}

export interface Told {
  readonly port: number;
  /** Every request that came, with its body. */
  readonly asked: { readonly method: string; readonly url: string; readonly body: string; readonly headers: object }[];
  /** Requests whose client went away before they were answered. */
  aborted: number;
}

/** @param answer called once the whole request is there. */
export async function backend(
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void,
): Promise<Told> {
  const told: Told = { port: 0, asked: [], aborted: 0 };
  const server = createServer((incoming, response) => {
    let body = "";
    incoming.setEncoding("latin1").on("data", (piece: string) => (body += piece));
    response.on("close", () => {
      if (!response.writableFinished) told.aborted++;
    });
    incoming.on("error", () => {});
    incoming.on("end", () => {
      const { method = "", url = "", headers } = incoming;
      told.asked.push({ method, url, body, headers });
      answer(incoming, response, told.asked.length);
    });
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return Object.assign(told, { port: (server.address() as AddressInfo).port });
}

export interface Started {
  readonly gateway: Gateway;
  readonly port: number;
  /** Oldest first, once `count` requests have ended. */
  rows(count: number): Promise<Row[]>;
  detail(row: Row): Detail;
}

/** Nobody is ejected, so that a test may fail as often as it likes. */
export const STEADY = "    healthCheck: { passive: { consecutive5xx: 0 } }\n";

/** @param places port or url of each endpoint. @param route fields of the route, in flow form. @param more services beside `orders`. */
export async function start(
  places: readonly (number | string)[],
  route: string,
  more = "",
  ofService = STEADY,
): Promise<Started> {
  const gateway = new Gateway({ file: "sending.switchyard.yaml" });
  gateways.push(gateway);
  await gateway.start(`version: 1
listeners: [{ name: edge, port: 0, address: 127.0.0.1 }]
services:
  orders:
    endpoints: [${places.map((place) => `{ url: "${typeof place === "number" ? `http://127.0.0.1:${place}` : place}" }`).join(", ")}]
${ofService}${more}
routes: [{ name: r, backendRefs: [{ service: orders }], ${route} }]
`);
  const { url } = gateway.statusView({ generation: "", seq: 0 }).listeners[0];
  const { recorder } = gateway;
  const seen = { ended: 0 };
  const waiting: (() => void)[] = [];
  const wake = () => waiting.splice(0).forEach((resolve) => resolve());
  const nothing = () => {};
  recorder.listen({ began: nothing, ended: () => void (seen.ended++, wake()), evicted: nothing, cleared: nothing });
  return {
    gateway,
    port: Number(new URL(url).port),
    rows: async (count) => {
      while (seen.ended < count) await new Promise<void>((resolve) => waiting.push(resolve));
      const { first, next } = recorder;
      return Array.from({ length: next - first }, (_, i) => gateway.row(first + i)!);
    },
    detail: (row) => gateway.detail(row.id, false)!,
  };
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export function ask(port: number, options: RequestOptions = {}, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, agent: false, ...options }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
