import assert from "node:assert/strict";
import { carry } from "./carry.ts";
import { firstPorts, withReplicas } from "./replicas.ts";
import { read } from "./read.ts";
import { sources } from "./policy-file.fixture.ts";
import { freshState } from "../model/fresh.ts";
import { Life } from "../model/state.ts";

function fileWith(service: string): string {
  return `version: 1
listeners: [{ name: edge, port: 8080 }]
services:
  reviews:
${service}
routes: [{ name: all, backendRefs: [{ service: reviews }] }]
`;
}

const run = "    run: { command: node r.js, replicas: 3, port: { from: 4101 } }";

function planOf(service: string) {
  const { plan, diagnostics } = read(fileWith(service), "switchyard.yaml", sources);
  assert.ok(plan, diagnostics.map(({ message }) => message).join("\n"));
  return plan;
}

function complaints(service: string): string[] {
  return read(fileWith(service), "switchyard.yaml", sources).diagnostics.map(
    ({ code, message, range }) => `${code} ${range.line} ${message}`,
  );
}

describe("a service that the gateway runs", () => {
  it("has one endpoint per replica, on the ports counted from where the file says", () => {
    const [service] = planOf(run).services;
    assert.deepEqual(
      service.endpoints.map(({ url, label, managed }) => [url, label, managed]),
      [
        ["http://localhost:4101", ":4101", true],
        ["http://localhost:4102", ":4102", true],
        ["http://localhost:4103", ":4103", true],
      ],
    );
    assert.deepEqual([service.run?.cwd, service.run?.port.env, service.run?.env], [".", "PORT", {}]);
    assert.equal(service.drain, 30_000);
  });

  it("never counts beyond the last port", () => {
    assert.deepEqual(firstPorts({ replicas: 4, port: { env: "PORT", from: 65_534 } }), [65_534, 65_535]);
  });

  it("has either endpoints or run, a command, and a port to begin with", () => {
    assert.match(complaints("    drain: 5s")[0], /needs `endpoints` .* or `run`/);
    assert.match(
      complaints(`${run}\n    endpoints: [{ url: http://localhost:1 }]`)[0],
      /has both `endpoints` and `run`/,
    );
    assert.match(complaints("    run: { port: { from: 4101 } }")[0], /^SY103 5 .*command/);
    assert.match(complaints("    run: { command: a, port: {} }")[0], /from/);
    assert.match(complaints("    run: { command: a, replicas: 33, port: { from: 1 } }")[0], /32/);
    assert.match(complaints('    run: { command: " ", port: { from: 1 } }')[0], /must be a command line/);
  });

  it("starts without requests: each endpoint is starting until the gateway says otherwise", () => {
    const plan = planOf(run);
    assert.deepEqual(
      freshState(plan).services[0].endpoints.map(({ life }) => life),
      [Life.Starting, Life.Starting, Life.Starting],
    );
  });

  it("is scaled by an edit of the plan alone: the rest stays the very object, and state is carried by url", () => {
    const plan = planOf(run);
    const state = freshState(plan);
    state.services[0].endpoints[1].life = Life.Serving;
    state.services[0].endpoints[1].inFlight = 3;
    const scaled = withReplicas(plan, () => [4102, 4200]);
    assert.equal(scaled.routes, plan.routes);
    assert.equal(scaled.steps, plan.steps);
    const carried = carry(state, plan, scaled, 1000);
    assert.equal(carried.services[0].endpoints[0], state.services[0].endpoints[1]);
    assert.equal(carried.services[0].endpoints[1].life, Life.Starting);
    const [gone] = state.services[0].endpoints;
    assert.deepEqual([gone.life, gone.lifeUntil], [Life.Leaving, 31_000]);
    assert.equal(withReplicas(plan, () => undefined).services[0], plan.services[0]);
  });
});
