/** What the gateway counts, as the page, Prometheus and a collector of OpenTelemetry get it. */
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { sendMetrics, serveMetrics } from "../../../src/gateway/analytics/export.ts";
import { ONE_IN } from "../../../src/gateway/analytics/costs.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { freePort } from "../../free-port.ts";
import { backend, rowsEnded, stopAll } from "./helpers.ts";

const STAMP = { generation: "g", seq: 1 };

describe("analytics", () => {
  let gateway: Gateway;
  let port: number;

  before(async () => {
    port = await freePort();
    gateway = new Gateway({ file: "/nowhere/switchyard.yaml" });
    await gateway.start(`version: 1
listeners: [{ name: edge, port: ${port}, address: 127.0.0.1 }]
consumers: [{ name: ada, apiKey: adas-own-key-4711 }]
services: { shop: { endpoints: [{ url: "http://127.0.0.1:${await backend()}" }] } }
routes:
  - name: keyed
    matches: [{ path: { prefix: / } }]
    policies:
      - apiKey: { header: x-api-key }
      - responseHeaders: { set: { x-by: switchyard } }
    backendRefs: [{ service: shop }]
`);
    for (let i = 0; i < 3 * ONE_IN; i++) {
      const headers: Record<string, string> = i % 4 === 0 ? {} : { "x-api-key": "adas-own-key-4711" };
      await (await fetch(`http://127.0.0.1:${port}/a`, { headers })).arrayBuffer();
    }
    await rowsEnded(gateway, 3 * ONE_IN);
  });
  after(async () => {
    await gateway.stop(0);
    await stopAll();
  });

  it("counts each request once, for everything that it belongs to", () => {
    const { series, policies } = gateway.analyticsView(STAMP, "1m");
    const of = (kind: string, name: string) => series.find((each) => each.kind === kind && each.name === name);
    const whole = of("gateway", "everything");
    assert.equal(whole?.requests, 192);
    assert.equal(whole.rejectedShare, 0.25);
    assert.equal(of("route", "keyed")?.requests, 192);
    assert.equal(of("service", "shop")?.requests, 144);
    assert.equal(of("consumer", "ada")?.requests, 144);
    assert.equal(of("consumer", "(nobody)")?.rejectedShare, 1);
    assert.equal(
      whole.history.reduce((sum, count) => sum + count, 0),
      192,
    );
    assert.ok(whole.p50 > 0 && whole.p50 <= whole.p95 && whole.p95 <= whole.p99);
    assert.equal(of("service", "shop")?.bytesOut, 144 * "hello from /a".length);
    const key = policies.find(({ kind }) => kind === "apiKey");
    assert.deepEqual([key?.judged, key?.refused], [192, 48]);
  });

  it("times the policies of one request in so many, shapes too", () => {
    const { policies } = gateway.analyticsView(STAMP, "all");
    const [key, shape] = ["apiKey", "responseHeaders"].map((kind) => policies.find((each) => each.kind === kind));
    assert.equal(key?.samples, 3);
    assert.ok(key.micros > 0 && key.micros < 50_000, String(key.micros));
    assert.ok(key.microsP95 > 0);
    assert.ok((shape?.samples ?? 0) >= 1 && (shape?.samples ?? 0) <= 3);
  });

  it("serves Prometheus on loopback, and nobody who asks by another name", async () => {
    const page = await serveMetrics(0, () => gateway.metricsText());
    const address = `http://127.0.0.1:${page.port}`;
    const answer = await fetch(`${address}/metrics`);
    const text = await answer.text();
    assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    assert.match(text, /^switchyard_route_requests_total\{route="keyed",outcome="rejected"\} 48$/m);
    assert.match(text, /^switchyard_consumer_requests_total\{consumer="ada",outcome="ok"\} 144$/m);
    assert.match(text, /^switchyard_route_request_duration_seconds_bucket\{route="keyed",le="\+Inf"\} 192$/m);
    assert.match(
      text,
      /^switchyard_policy_verdicts_total\{policy="route\/keyed\/apiKey\/apiKey",verdict="refused"\} 48$/m,
    );
    assert.doesNotMatch(text, /4711/);
    const buckets = [...text.matchAll(/bucket\{route="keyed",le="[^"]*"\} (\d+)/g)].map(([, count]) => Number(count));
    assert.deepEqual(
      buckets,
      buckets.toSorted((a, b) => a - b),
      "buckets are cumulative",
    );
    for (const line of text.trimEnd().split("\n"))
      assert.match(line, /^(?:# (?:HELP|TYPE) \S+ .+|[a-z_]+\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)*\} [\d.e+-]+)$/, line);
    assert.equal((await fetch(`${address}/`)).status, 404);
    const strange = request(`${address}/metrics`, { headers: { host: "evil.example" } });
    strange.end();
    const [refused] = (await once(strange, "response")) as [{ statusCode: number; resume(): void }];
    refused.resume();
    assert.equal(refused.statusCode, 403);
    await page.close();
  });

  it("sends OTLP only where it was told to, and says once that nobody takes it", async () => {
    const bodies: string[] = [];
    let status = 200;
    const collector = createServer(async (asked, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of asked) pieces.push(piece as Buffer);
      bodies.push(`${asked.method} ${asked.url} ${Buffer.concat(pieces).toString()}`);
      response.writeHead(status).end("{}");
    });
    collector.listen(0, "127.0.0.1");
    await once(collector, "listening");
    const said: string[] = [];
    const to = new URL(`http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/metrics`);
    const send = async (): Promise<void> =>
      sendMetrics(
        to,
        () => gateway.otlpMetrics(),
        (words) => said.push(words),
      )();
    await send();
    assert.match(bodies[0], /^POST \/v1\/metrics \{/);
    const { resourceMetrics } = JSON.parse(bodies[0].slice(bodies[0].indexOf("{"))) as {
      resourceMetrics: { scopeMetrics: { metrics: { name: string; sum?: { dataPoints: { asInt: string }[] } }[] }[] }[];
    };
    const { metrics } = resourceMetrics[0].scopeMetrics[0];
    assert.deepEqual(
      metrics.map(({ name }) => name),
      ["switchyard.requests", "switchyard.request.duration", "switchyard.policy.verdicts", "switchyard.policy.cost"],
    );
    assert.ok(metrics[0].sum?.dataPoints.some(({ asInt }) => asInt === "48"));
    assert.deepEqual(said, []);
    status = 500;
    await send();
    assert.match(said[0], /could not be sent to http:\/\/127\.0\.0\.1:\d+\/v1\/metrics: it answered 500/);
    collector.closeAllConnections();
    await new Promise((resolve) => collector.close(resolve));
  });
});
