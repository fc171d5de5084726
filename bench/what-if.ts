/**
 * What "what if" costs: how long one question over 2,000 recorded requests takes, and whether those who send requests
 * meanwhile notice. A steady 500 requests a second go through one gateway in short rounds, in turn left alone and asked
 * about an edited policy again and again; the quotient of the two p99 of one run is the figure.
 * Must not compare with another run: a shared machine differs from minute to minute.
 */
import { once } from "node:events";
import { Agent, createServer, request as ask } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Gateway } from "../src/gateway/gateway.ts";
import { median, quantile, table, type Bench } from "./bench.ts";
import { freePort } from "./peers.ts";

const PER_SECOND = 500;
const RECORDED = 2048;
/** Milliseconds between two questions: as fast as somebody types, and never silent. */
const BETWEEN = 500;

const policy = (port: number, backend: number, requests: number) => `version: 1
listeners:
  - { name: edge, port: ${port}, address: 127.0.0.1 }
consumers:
  - { name: web, apiKey: demo-web-key, groups: [first-party] }
services:
  shop: { endpoints: [{ url: "http://127.0.0.1:${backend}" }], loadBalancer: { type: LeastRequest } }
routes:
  - name: all
    policies:
      - apiKey: { header: x-api-key }
      - authorization: { rules: [{ name: reads, allow: "request.method == 'GET' && 'first-party' in consumer.groups" }] }
      - rateLimit: { key: header.x-who, requests: ${requests}, per: 1h, algorithm: slidingWindow }
    backendRefs: [{ service: shop }]
`;

const LARGE = 100_000_000;
/** A limit under which some of the recorded requests would have been refused. */
const SMALL = 20;

/** Microseconds of each request of one round, in which nothing waits for an answer. */
async function round(port: number, agent: Agent, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const open: Promise<void>[] = [];
  const begun = performance.now();
  for (let sent = 0; sent < seconds * PER_SECOND; sent++) {
    const due = begun + (1000 * sent) / PER_SECOND;
    if (due > performance.now()) await delay(due - performance.now());
    open.push(one(port, agent, sent).then((micros) => void times.push(micros)));
  }
  await Promise.all(open);
  return times;
}

function one(port: number, agent: Agent, number: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const headers = { "x-api-key": "demo-web-key", "x-who": `who-${number % 50}` };
    ask({ port, host: "127.0.0.1", path: `/orders/${number}`, agent, headers }, (response) => {
      response.resume().once("end", () => resolve(1000 * (performance.now() - begun)));
    })
      .once("error", reject)
      .end();
  });
}

/** Asks about two texts in turn, so that none is answered from the one before, until it is told to stop. */
async function asking(gateway: Gateway, texts: readonly string[], going: () => boolean): Promise<number[]> {
  const took: number[] = [];
  for (let turn = 0; going(); turn++) {
    const begun = performance.now();
    const result = await gateway.whatIfs.whatIf(texts[turn % texts.length], false);
    if (result.kind !== "compared" || result.view.total < RECORDED / 2) throw new Error(`answered ${result.kind}`);
    took.push(performance.now() - begun);
    await delay(BETWEEN);
  }
  return took;
}

export const whatIf: Bench = async (smoke) => {
  const rounds = smoke ? 1 : 12;
  const seconds = smoke ? 1 : 3;
  const backend = createServer((_, response) => response.end("{}")).listen(0, "127.0.0.1");
  await once(backend, "listening");
  const backendPort = (backend.address() as AddressInfo).port;
  const port = await freePort();
  const gateway = new Gateway({ file: "bench.yaml" });
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const times: Record<"alone" | "asked", number[]> = { alone: [], asked: [] };
  const took: number[] = [];
  try {
    await gateway.start(policy(port, backendPort, LARGE));
    for (let recorded = 0; recorded < RECORDED; recorded += PER_SECOND) await round(port, agent, 1);
    gateway.whatIfs.prepare();
    const texts = [SMALL, SMALL + 1].map((requests) => policy(port, backendPort, requests));
    const begun = performance.now();
    await gateway.whatIfs.whatIf(texts[1], false);
    const first = performance.now() - begun;
    for (let turn = 0; turn < rounds; turn++) {
      times.alone.push(...(await round(port, agent, seconds)));
      let going = true;
      const answers = asking(gateway, texts, () => going);
      times.asked.push(...(await round(port, agent, seconds)));
      going = false;
      took.push(...(await answers));
    }
    return lines(times, took, first);
  } finally {
    agent.destroy();
    await gateway.stop(0);
    backend.close().closeAllConnections();
  }
};

function lines(times: Record<"alone" | "asked", number[]>, took: readonly number[], first: number): string[] {
  const at = (kind: "alone" | "asked", share: number) => {
    return quantile(
      times[kind].toSorted((a, b) => a - b),
      share,
    );
  };
  const row = (name: string, kind: "alone" | "asked") => [
    name,
    ...[0.5, 0.99].map((share) => `${Math.round(at(kind, share))} us`),
    String(times[kind].length),
  ];
  const sorted = took.toSorted((a, b) => a - b);
  return [
    ...table([
      [`${PER_SECOND} requests/s`, "p50", "p99", "requests"],
      row("nobody asks", "alone"),
      row(`a question every ${BETWEEN} ms`, "asked"),
    ]),
    `p99 asked / alone: ${(at("asked", 0.99) / at("alone", 0.99)).toFixed(2)} (p50: ${(at("asked", 0.5) / at("alone", 0.5)).toFixed(2)})`,
    `one question over ${RECORDED} and more requests: first ${first.toFixed(0)} ms, then median ${median(took).toFixed(0)} ms, worst ${sorted.at(-1)?.toFixed(0)} ms`,
  ];
}
