import assert from "node:assert/strict";
import { countExtra, countRequest, spent } from "../decide/budget.ts";
import { freshState } from "../model/fresh.ts";
import { carry } from "./carry.ts";
import { complete } from "./complete.ts";
import { applyEdits } from "./edit.ts";
import { hover } from "./hover.ts";
import { definition } from "./names.ts";
import { read } from "./read.ts";

const sources = { env: () => "secret", file: () => undefined };

function fileWith(route: string): string {
  return `version: 1
listeners: [{ name: edge, port: 8080 }]
services:
  orders: { endpoints: [{ url: "http://localhost:4001" }] }
  shadow:
    endpoints: [{ url: "http://localhost:4002" }]
    policies: [{ rateLimit: { key: client.ip, requests: 9, per: 1s } }]
routes:
  - name: r
    policies: [{ requestHeaders: { set: { x-a: b } } }, { rateLimit: { key: client.ip, requests: 9, per: 1s } }]
    backendRefs: [{ service: orders }]
    ${route}
`;
}

function readAll(route: string) {
  const { plan, diagnostics } = read(fileWith(route), "sending.yaml", sources);
  return { plan, found: diagnostics.filter(({ code }) => code !== "SY213") };
}

function route(text: string) {
  const { plan, found } = readAll(text);
  assert.ok(plan, JSON.stringify(found));
  return plan.routes[0];
}

describe("retry, hedge and mirror of a policy file", () => {
  it("compile every field, and stand on their defaults", () => {
    const { source: _, ...retry } = route(
      "retry: { attempts: 3, codes: [429], budget: 5%, perTry: 1s, methods: [GET] }",
    ).retry!;
    assert.deepEqual(retry, {
      attempts: 3,
      codes: new Set([429]),
      budget: 5,
      perTry: 1000,
      backoff: 25,
      methods: new Set(["GET"]),
    });
    const { source: __, ...standard } = route("retry: {}").retry!;
    assert.deepEqual(standard, {
      attempts: 2,
      codes: new Set([502, 503, 504]),
      budget: 20,
      perTry: 0,
      backoff: 25,
      methods: undefined,
    });
    const { hedge } = route("hedge: { after: 50ms }");
    assert.deepEqual([hedge?.after, hedge?.max, hedge?.budget], [50, 1, 20]);
    assert.deepEqual(route("").retry, undefined);
  });

  it("send copies by a route of their own, that no listener leads to and no policy of the first judges", () => {
    const { plan } = readAll("mirror: { service: shadow, percent: 10% }");
    assert.ok(plan);
    const [first, copies] = plan.routes;
    assert.equal(first.mirror?.percent, 10);
    assert.equal(first.mirror?.route, copies.index);
    assert.deepEqual([copies.name, copies.listeners, copies.mirrors], ["mirror/r", [], 0]);
    const names = (steps: readonly number[]) => steps.map((step) => plan.steps[step].identity);
    assert.deepEqual(names(copies.steps), ["service/shadow/rateLimit/rateLimit"]);
    assert.deepEqual(names(copies.shapes), names(first.shapes));
    assert.deepEqual(plan.order, [[{ route: 0, match: 0, hostnames: [] }]]);
  });

  for (const [text, expected] of [
    ["retry: { codes: [200] }", "SY102 routes.0.retry.codes.0"],
    ["retry: { attempts: 11 }", "SY102 routes.0.retry.attempts"],
    ["retry: { perTry: 0s }", "SY102 routes.0.retry.perTry"],
    ["retry: { budget: 120% }", "SY102 routes.0.retry.budget"],
    ["retry: { tries: 2 }", "SY101"],
    ["hedge: {}", "SY103"],
    ["mirror: { service: nobody }", "SY202"],
  ]) {
    it(`refuse ${text}`, () => {
      const { found } = readAll(text);
      assert.equal(found.length, 1, JSON.stringify(found));
      assert.equal(found[0].code, expected.split(" ")[0]);
    });
  }

  it("warn of a method that must not be done twice, and take it out on request (SY205)", () => {
    for (const [written, mended] of [
      ["retry: { methods: [GET, POST] }", "retry: { methods: [GET] }"],
      ["retry: { attempts: 1, methods: [POST] }", "retry: { attempts: 1 }"],
    ]) {
      const text = fileWith(written);
      const { found } = readAll(written);
      assert.deepEqual(
        found.map(({ code, severity }) => [code, severity]),
        [["SY205", "warning"]],
      );
      const [{ message, range, fixes }] = found;
      assert.equal(text.slice(range.offset, range.endOffset), "POST");
      assert.match(message, /^`POST` is not idempotent \(RFC 9110 section 9\.2\.2\)/);
      assert.ok(applyEdits(text, fixes[0].edits).includes(mended), applyEdits(text, fixes[0].edits));
    }
    assert.deepEqual(readAll("retry: { methods: [GET, PUT, DELETE] }").found, []);
  });

  it("are completed, explained on hover, and lead to the service that is named", () => {
    const offered = (marked: string) =>
      complete(marked.replace("|", ""), marked.indexOf("|")).map(({ label }) => label);
    assert.ok(offered(fileWith("retry: { | }")).includes("perTry"));
    assert.deepEqual(offered(fileWith("mirror: { service: |")), ["orders", "shadow"]);
    const text = fileWith("mirror: { service: shadow }");
    assert.equal(definition(text, "sending.yaml", text.indexOf("service: shadow") + 10)?.name, "shadow");
    const timed = fileWith("timeouts: { connect: 1s }");
    assert.match(hover(timed, timed.indexOf("connect"))?.markdown ?? "", /default `3s`/);
  });

  it("keep what was sent over an edit: a storm is not let off by a save", () => {
    const before = readAll("retry: { budget: 20% }").plan;
    const after = readAll("retry: { budget: 5% }\n    timeouts: { idle: 1s }").plan;
    assert.ok(before && after);
    const state = freshState(before);
    const [sent] = state.sent;
    assert.ok(sent);
    countRequest(sent, 5000);
    countExtra(sent, "retries", 5000);
    const next = carry(state, before, after, 5001);
    assert.equal(next.sent[0], sent);
    assert.deepEqual(spent(sent, "retries", 5, 5002), { made: 1, requests: 1, allows: true });
  });

  it("need HTTP", () => {
    const text = `version: 1
listeners: [{ name: tls, port: 8443, protocol: TLS }]
services: { pg: { endpoints: [{ url: "tcp://localhost:5432" }] } }
routes: [{ name: a, listeners: [tls], hostnames: [a.test], retry: {}, backendRefs: [{ service: pg }] }]
`;
    const codes = read(text, "sending.yaml", sources).diagnostics.map(({ code }) => code);
    assert.deepEqual(codes, ["SY218"]);
  });
});
