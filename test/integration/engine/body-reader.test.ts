/** Bodies that are judged in a thread of their own: the same verdicts, and every way in which the thread can fail. */
import assert from "node:assert/strict";
import type { Passage } from "../../../src/model/arrival.ts";
import { BodyState, type CollectedBody } from "../../../src/model/body.ts";
import { workOnAnswer } from "../../../src/gateway/facts/answer-work.ts";
import { BodyReader, type BodyNeed } from "../../../src/gateway/facts/body-reader.ts";
import { collectedOf, type Collected } from "../../../src/gateway/facts/collected.ts";
import { read } from "../../../src/policyfile/read.ts";

const TEXT = (schema: string) => `
version: 1
listeners: [{ name: edge, port: 8080 }]
services: { shop: { endpoints: [{ url: "http://127.0.0.1:1" }] } }
routes: [{ name: shop, policies: [{ requestSchema: { schema: ${schema} } }], backendRefs: [{ service: shop }] }]
`;

const passage: Passage = {
  arrival: {
    layer: 7,
    listener: 0,
    clientIp: "127.0.0.1",
    clientPort: 1,
    method: "POST",
    path: "/",
    header: () => undefined,
  },
  facts: {},
  caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
  seed: 1,
  tried: 0,
  wallClock: 0,
  requestId: () => "",
};

const json = (text: string): Collected => collectedOf(Buffer.from(text), "application/json", "", 2_000_000);

const readers: BodyReader[] = [];

function reader(schema: string): { bodies: BodyReader; need: BodyNeed } {
  const text = TEXT(schema);
  const { plan } = read(text, "x.yaml", { env: () => undefined, file: () => undefined });
  assert.ok(plan);
  const need = plan.routes[0].needs.find((one): one is BodyNeed => one.kind === "body");
  assert.ok(need);
  const bodies = new BodyReader();
  readers.push(bodies);
  bodies.planned(plan, { revision: 1, text, file: "x.yaml", sources: { env: {}, files: {} }, ports: {} });
  return { bodies, need };
}

describe("bodies in a thread of their own", function () {
  // The thread starts from its sources here.
  this.timeout(240_000);

  afterEach(() => {
    for (const one of readers.splice(0)) one.close();
  });

  it("answers small ones at once, and large ones as it would have answered them at once", async () => {
    const { bodies, need } = reader("{ items: { type: integer } }");
    const small = bodies.fact(need, passage, json('["a"]'));
    assert.ok(!(small instanceof Promise));
    const large = json(`[${"1,".repeat(50_000)}"x"]`);
    const told = bodies.fact(need, passage, large);
    assert.ok(told instanceof Promise);
    const fact = await told;
    assert.deepEqual(fact, need.source.read(large, passage));
    assert.deepEqual((fact as { violations: unknown }).violations, [
      { at: "/50000", say: "must be an integer, not a string" },
    ]);
  });

  it("hands a small one over once it turns out to cost much", async () => {
    const { bodies, need } = reader(
      "{ $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }, { $ref: '#/$defs/b' }] }, b: { anyOf: [{ items: { $ref: '#/$defs/a' }, type: array }, { type: string }] } }, $ref: '#/$defs/a' }",
    );
    const told = bodies.fact(need, passage, json(`${"[".repeat(8)}${"1,".repeat(40)}1${"]".repeat(8)}`));
    assert.ok(told instanceof Promise);
    assert.ok(((await told) as { reason: number }).reason > 0);
  });

  it("rewrites and judges large answers as it would have at once, and says when nobody could", async () => {
    const text = `
version: 1
listeners: [{ name: edge, port: 8080 }]
services: { shop: { endpoints: [{ url: "http://127.0.0.1:1" }] } }
routes:
  - name: shop
    policies:
      - responseBody: { remove: [/items/*/cost], set: { /by: "\${header.x-name}", /who: "\${request.id}" } }
      - responseBody: { keep: [/items, /by, /who] }
    backendRefs: [{ service: shop }]
`;
    const { plan } = read(text, "x.yaml", { env: () => undefined, file: () => undefined });
    assert.ok(plan);
    const bodies = new BodyReader();
    readers.push(bodies);
    bodies.planned(plan, { revision: 1, text, file: "x.yaml", sources: { env: {}, files: {} }, ports: {} });
    const steps = plan.routes[0].bodies ?? [];
    assert.equal(steps.length, 2);
    const asking: Passage = {
      ...passage,
      arrival: { ...passage.arrival, header: (name) => (name === "x-name" ? "Ann" : undefined) },
      requestId: () => "r1",
    };
    const large = () => json(`{"secret":1,"items":[${'{"id":1,"cost":2},'.repeat(9000)}{"id":2}]}`);
    const told = bodies.work(plan, steps, asking, 200, large());
    assert.ok(told instanceof Promise);
    const there = await told;
    const here = workOnAnswer(plan, steps, asking, 200, large());
    assert.deepEqual(there.found, []);
    assert.equal(Buffer.from(there.bytes ?? []).toString(), Buffer.from(here.bytes ?? []).toString());
    assert.match(Buffer.from(there.bytes ?? []).toString(), /\{"id":2\}\],"by":"Ann","who":"r1"\}$/);
    assert.ok(!(bodies.work(plan, steps, asking, 200, json('{"items":[]}')) instanceof Promise));
    assert.equal(
      (await bodies.work(plan, steps, asking, 200, json(`{${" ".repeat(40_000)}`))).found[0].verdict.reason,
      2,
    );
    bodies.close();
    const closed = bodies.work(plan, steps, asking, 200, large());
    assert.deepEqual(closed, {
      found: [{ step: steps[0], verdict: { reason: 3, x: large().length, y: BodyState.Busy } }],
      bytes: undefined,
    });
  });

  it("gives up one that breaks the thread, and judges the next in another", async () => {
    const { bodies, need } = reader("{ items: { type: integer } }");
    const states: number[] = [];
    const seen = (body: CollectedBody): number => (states.push(body.state), body.state);
    const stranger: BodyNeed = { name: "unknown there", kind: "body", source: { most: 1e6, read: seen } };
    const recipe = { revision: 1, text: TEXT("{}"), file: "x.yaml", sources: { env: {}, files: {} }, ports: {} };
    const { plan } = read(TEXT("{}"), "x.yaml", { env: () => undefined, file: () => undefined });
    assert.ok(plan);
    bodies.planned({ ...plan, routes: [{ ...plan.routes[0], needs: [stranger] }] }, { ...recipe, revision: 2 });
    assert.equal(await bodies.fact(stranger, passage, json(`[${"1,".repeat(9000)}1]`)), BodyState.TooMuch);
    const next = bodies.fact(need, passage, json(`[${"1,".repeat(9000)}1]`));
    assert.equal(((await next) as { reason: number }).reason, 0);
  });

  it("says busy when too much waits, and to all that wait when it ends", async () => {
    const { bodies, need } = reader("{ items: { type: integer } }");
    const large = (): Collected => collectedOf(Buffer.from(`[${"1,".repeat(500_000)}1]`), "application/json", "", 2e6);
    const told = Array.from({ length: 40 }, () => bodies.fact(need, passage, large()));
    const refusedAtOnce = told.filter((one) => !(one instanceof Promise)) as { reason: number }[];
    assert.ok(refusedAtOnce.length >= 5, String(refusedAtOnce.length));
    assert.ok(refusedAtOnce.every(({ reason }) => reason === 5));
    bodies.close();
    const rest = (await Promise.all(told.slice(1, 4))) as { reason: number }[];
    assert.deepEqual(
      rest.map(({ reason }) => reason),
      [5, 5, 5],
    );
  });
});
