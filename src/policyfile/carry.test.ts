/** What an edit of the policy file keeps of what lives. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { freshState } from "../model/fresh.ts";
import type { Plan } from "../model/plan.ts";
import { Admin, type State } from "../model/state.ts";
import { carry } from "./carry.ts";
import { sources } from "./policy-file.fixture.ts";
import { read } from "./read.ts";

const NOW = 98_765.4;

interface Shape {
  /** Service name to [port, weight] of its endpoints. */
  readonly services: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  readonly type?: string;
  /** Route name to requests per minute of its limits, by limit name. */
  readonly routes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly admin?: string;
}

function planOf(shape: Shape): Plan {
  const [firstService] = Object.keys(shape.services);
  const document = {
    version: 1,
    listeners: [{ name: "edge", port: 8080 }],
    services: Object.fromEntries(
      Object.entries(shape.services).map(([name, endpoints]) => [
        name,
        {
          endpoints: endpoints.map(([port, weight]) => ({
            url: `http://localhost:${port}`,
            weight,
            admin: shape.admin ?? "Up",
          })),
          loadBalancer: { type: shape.type ?? "RoundRobin" },
        },
      ]),
    ),
    policies: Object.fromEntries(
      Object.entries(shape.routes).flatMap(([route, limits]) =>
        Object.entries(limits).map(([name, requests]) => [
          `${route}-${name}`,
          { rateLimit: { key: "client.ip", requests, per: "1m" } },
        ]),
      ),
    ),
    routes: Object.entries(shape.routes).map(([name, limits]) => ({
      name,
      policies: Object.keys(limits).map((limit) => `${name}-${limit}`),
      backendRefs: [{ service: firstService }],
    })),
  };
  const { plan, diagnostics } = read(JSON.stringify(document), "x", sources);
  assert.ok(plan, JSON.stringify(diagnostics));
  return plan;
}

/** A state in which every endpoint and slot can be told from every other. */
function lived(plan: Plan): State {
  const state = freshState(plan);
  for (const service of plan.services) {
    for (const endpoint of service.endpoints) {
      Object.assign(state.services[service.index].endpoints[endpoint.index], {
        inFlight: endpoint.port,
        picks: service.index * 1000 + endpoint.port,
      });
    }
  }
  return state;
}

function edit(before: Shape, after: Shape) {
  const from = planOf(before);
  const to = planOf(after);
  const old = lived(from);
  return { from, to, old, next: carry(old, from, to, NOW) };
}

const base: Shape = {
  services: {
    orders: [
      [1, 1],
      [2, 1],
    ],
    cart: [[3, 1]],
  },
  routes: { a: { total: 10 }, b: { total: 20, own: 30 } },
};

describe("carrying state over an edit", () => {
  it("keeps every object when nothing that lives has changed", () => {
    const { old, next } = edit(base, base);
    assert.deepEqual(next, old);
    for (const [i, slot] of old.steps.entries()) assert.equal(next.steps[i], slot);
    assert.equal(next.services[0].endpoints[1], old.services[0].endpoints[1]);
  });

  it("shares the object of an endpoint that stays, so that both plans count on one in-flight number", () => {
    const { old, next } = edit(base, {
      ...base,
      services: {
        cart: [[3, 1]],
        orders: [
          [9, 1],
          [2, 7],
        ],
      },
    });
    assert.equal(next.services[1].endpoints[1], old.services[0].endpoints[1]);
    old.services[0].endpoints[1].inFlight--;
    assert.equal(next.services[1].endpoints[1].inFlight, 1);
    assert.equal(next.services[1].endpoints[0].inFlight, 0);
  });

  it("does not take an endpoint of one service for that of another with the same address", () => {
    const { next } = edit({ ...base, services: { orders: [[1, 1]] } }, { ...base, services: { cart: [[1, 1]] } });
    assert.equal(next.services[0].endpoints[0].inFlight, 0);
  });

  it("keeps a limit by route, kind and name, wherever it stands in the file", () => {
    const { from, to, old, next } = edit(base, { ...base, routes: { b: { own: 30, total: 20 }, a: { total: 10 } } });
    for (const step of to.steps) {
      const before = from.steps.find(({ identity }) => identity === step.identity);
      assert.ok(before);
      assert.equal(next.steps[step.index], old.steps[before.index]);
    }
  });

  it("drops what is gone and begins afresh what is new or was renamed", () => {
    const { to, next } = edit(base, { ...base, routes: { renamed: { total: 10 } } });
    assert.equal(next.steps.length, 1);
    assert.deepEqual(next, { ...freshState(to), services: next.services });
  });

  it("lets the policy itself carry what a changed limit has used", () => {
    const { old, next, from, to } = edit(base, { ...base, routes: { ...base.routes, a: { total: 99 } } });
    const at = to.steps.findIndex(({ identity }) => identity === "route/a/rateLimit/a-total");
    const before = from.steps.findIndex(({ identity }) => identity === "route/a/rateLimit/a-total");
    assert.deepEqual(
      next.steps[at],
      to.steps[at].policy.carry?.(old.steps[before], from.steps[before].config, to.steps[at].config, NOW),
    );
  });

  it("gives a changed balancer a state of its own", () => {
    const { next, to } = edit(base, { ...base, type: "Random" });
    assert.deepEqual(next.services[0].balancer, freshState(to).services[0].balancer);
  });

  it("lets the file drain an endpoint, and keeps a drain by hand over other edits", () => {
    const drained = edit(base, { ...base, admin: "Drain" });
    assert.equal(drained.next.services[0].endpoints[0].admin, Admin.Drain);
    const from = planOf(base);
    const old = lived(from);
    old.services[0].endpoints[0].admin = Admin.Maintenance;
    const to = planOf({ ...base, routes: {} });
    assert.equal(carry(old, from, to, NOW).services[0].endpoints[0].admin, Admin.Maintenance);
  });

  it("over any edit gives the state that the new plan wants, and keeps exactly what kept its identity", () => {
    const endpoints = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 3 })), {
      selector: ([port]) => port,
      minLength: 1,
      maxLength: 4,
    });
    const shapes = fc.record({
      services: fc.dictionary(fc.constantFrom("x", "y", "z"), endpoints, { minKeys: 1 }),
      type: fc.constantFrom("RoundRobin", "LeastRequest", "Random", "ConsistentHash"),
      routes: fc.dictionary(
        fc.constantFrom("a", "b", "c"),
        fc.dictionary(fc.constantFrom("total", "own"), fc.integer({ min: 1, max: 3 })),
      ),
    });
    fc.assert(
      fc.property(shapes, shapes, (before, after) => {
        const { from, to, old, next } = edit(before, after);
        const fresh = freshState(to);
        assert.equal(next.steps.length, to.steps.length);
        assert.equal(next.services.length, to.services.length);
        for (const service of to.services) {
          const earlier = from.services.find(({ name }) => name === service.name);
          for (const endpoint of service.endpoints) {
            const same = earlier?.endpoints.find(({ url }) => url === endpoint.url);
            const kept = next.services[service.index].endpoints[endpoint.index];
            if (earlier && same) assert.equal(kept, old.services[earlier.index].endpoints[same.index]);
            else {
              // A replica that joins a running service starts slowly, if it is to; a new service starts whole.
              const upSince = earlier ? NOW : 0;
              assert.deepEqual(kept, { ...fresh.services[service.index].endpoints[endpoint.index], upSince });
            }
          }
          // Whatever it kept, the balancer can pick with it.
          assert.equal(typeof next.services[service.index].balancer, typeof fresh.services[service.index].balancer);
        }
      }),
      { numRuns: 60 },
    );
  });
});
