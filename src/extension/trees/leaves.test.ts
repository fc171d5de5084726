import assert from "node:assert/strict";
import type { LimitKeyView, LimitsView } from "../../contract/limits.ts";
import type { EndpointView, ServicesView } from "../../contract/services.ts";
import type { GatewayStatus } from "../../contract/status.ts";
import { statusText } from "../status-text.ts";
import { changes, plain } from "./leaf.ts";
import { limitLeaves, routeLeaves, serviceLeaves, stillFilling } from "./leaves.ts";

const stamp = { generation: "a", seq: 1 };

function endpoint(index: number, more: Partial<EndpointView> = {}): EndpointView {
  return {
    index,
    label: `:400${index}`,
    url: `http://localhost:400${index}`,
    health: "up",
    sentence: "up",
    inFlight: 2,
    weight: 1,
    latency: 41.4,
    perSecond: 4,
    share: 0.5,
    ...more,
  };
}

function services(endpoints: EndpointView[], perSecond = 12.4): ServicesView {
  const healthy = endpoints.filter(({ health }) => health === "up").length;
  const service = { name: "orders", algorithm: "LeastRequest", healthy, total: endpoints.length, perSecond, endpoints };
  const route = { name: "orders", summary: "GET /orders", perSecond: 12, rejectedShare: 0.021, total: 40 };
  return { stamp, at: 0, services: [service], routes: [route] };
}

function bucket(name: string, left: number, nextIn: number): LimitKeyView {
  return { key: name, left, capacity: 60, nextIn, fullIn: 60_000, rejected: nextIn > 0 ? 4 : 0 };
}

describe("the trees", () => {
  it("tell health by icon and word", () => {
    const [service] = serviceLeaves(
      services([endpoint(1), endpoint(2, { health: "ejected", sentence: "ejected, back in 18 s after 5 failures" })]),
    );
    assert.equal(service.description, "1/2 healthy · 12 rps");
    assert.equal(service.icon, "warning");
    assert.deepEqual(
      service.children.map(({ icon, description }) => [icon, description]),
      [
        ["pass-filled", "up · 2 in flight · 41 ms"],
        ["circle-slash", "ejected, back in 18 s after 5 failures"],
      ],
    );
  });

  it("say first of all that something is simulated, and offer what fits", () => {
    const [service] = serviceLeaves(
      services([
        endpoint(1, { simulation: "503 for 20% of requests" }),
        endpoint(2, { health: "drain", sentence: "draining: gets no new requests", admin: "Drain", managed: true }),
      ]),
    );
    assert.deepEqual(
      service.children.map(({ icon, description, context }) => [icon, description, context]),
      [
        ["beaker", "simulated: 503 for 20% of requests · up · 2 in flight · 41 ms", "switchyard.endpoint.up.simulated"],
        ["arrow-circle-down", "draining: gets no new requests", "switchyard.endpoint.drain.held.managed"],
      ],
    );
    assert.deepEqual(service.children[0].endpoint, { service: "orders", url: "http://localhost:4001" });
  });

  it("never lose sight of a simulation in the status bar", () => {
    const status: GatewayStatus = {
      stamp,
      state: "running",
      listeners: [{ name: "edge", url: "http://localhost:8080", port: 8080 }],
      policy: { file: "switchyard.yaml", revision: 1, acceptedAt: 0, invalid: false, diagnostics: [] },
      perSecond: 12,
      rejected: 3,
      unhealthy: ["orders 2/3"],
      simulations: [
        {
          service: "orders",
          url: "http://localhost:4001",
          label: ":4001",
          simulation: { kind: "down" },
          words: "down",
        },
      ],
      processId: 1,
    };
    const { text, tooltip } = statusText("running", status);
    assert.equal(text, "$(beaker) simulating 1");
    assert.match(tooltip, /simulated: orders :4001 down/);
  });

  it("report only the rows whose text changed", () => {
    const before = serviceLeaves(services([endpoint(1), endpoint(2)]));
    const after = serviceLeaves(services([endpoint(1), endpoint(2, { inFlight: 3 })]));
    assert.deepEqual(changes(before, after), { leaves: ["service/orders/http://localhost:4002/2"], parents: [] });
    assert.deepEqual(changes(after, after), { leaves: [], parents: [] });
  });

  it("report the parent whose children are others, and the root when the roots are", () => {
    const before = serviceLeaves(services([endpoint(1)]));
    const after = serviceLeaves(services([endpoint(1), endpoint(2)]));
    assert.deepEqual(changes(before, after).parents, ["service/orders"]);
    assert.deepEqual(changes([], after).parents, [undefined]);
  });

  it("show how much of a route is rejected", () => {
    assert.equal(routeLeaves(services([]))[0].description, "GET /orders · 12 rps · 2% rejected");
  });

  it("draw a bucket's gauge, empty when not one request is left", () => {
    const view: LimitsView = {
      stamp,
      at: 0,
      limits: [
        {
          identity: "route/orders/rateLimit/per-user",
          name: "per-user",
          owner: "route orders",
          algorithm: "tokenBucket",
          text: "60 per 1m by jwt.sub",
          capacity: 60,
          perSecond: 1,
          keys: [bucket("alice", 0.4, 1300), bucket("bob", 1, 0), bucket("ci", 60, 0)],
          keyCount: 41,
          emptyCount: 1,
        },
      ],
    };
    const [limit] = limitLeaves(view);
    assert.equal(limit.description, "1/41 keys empty · 60 per 1m by jwt.sub");
    assert.deepEqual(
      limit.children.map(({ description }) => description),
      ["░░░░░░░░ 0/60 next 1.3 s · 4 rejected", "█░░░░░░░ 1/60", "████████ 60/60", ""],
    );
    assert.equal(limit.children[3].label, "38 more");
  });

  it("let buckets fill between two messages", () => {
    const view: LimitsView = {
      stamp,
      at: 0,
      limits: [
        {
          identity: "a",
          name: "per-user",
          owner: "route orders",
          algorithm: "tokenBucket",
          text: "60 per 1m",
          capacity: 60,
          perSecond: 1,
          keys: [bucket("alice", 0.4, 600)],
          keyCount: 1,
          emptyCount: 1,
        },
      ],
    };
    const [later] = limitLeaves(view, 2700);
    assert.equal(later.description, "0/1 keys empty · 60 per 1m");
    assert.equal(later.children[0].description, "█░░░░░░░ 3/60 · 4 rejected");
    assert.equal(limitLeaves(view, 60_000)[0].children[0].description, "████████ 60/60 · 4 rejected");
    assert.deepEqual([stillFilling(view, 59_999), stillFilling(view, 60_000)], [true, false]);
  });

  it("take no name for markup", () => {
    assert.equal(plain("a*b_[x](y)"), String.raw`a\*b\_\[x\]\(y\)`);
  });
});
