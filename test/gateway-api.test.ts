/**
 * Cases of the Kubernetes Gateway API conformance suite (test/cases/gateway-api.json, Apache-2.0): an adapter turns
 * each test's routes into a policy file, the reader reads it, and the core decides each request.
 * Held at decision level: the backend, the path and header fields that it would see, the status, the timeout.
 * None of them is beyond what a policy file can say: a GRPCRoute is a route by path (service and method make it) to
 * services of `protocol: HTTP2`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { answerOf } from "../src/decide/answers.ts";
import { decide } from "../src/decide/decide.ts";
import { enter } from "../src/decide/enter.ts";
import { normalisePath } from "../src/decide/path.ts";
import { settle } from "../src/decide/settle.ts";
import type { Passage } from "../src/model/arrival.ts";
import { BuiltIn, Decision } from "../src/model/decision.ts";
import { freshState } from "../src/model/fresh.ts";
import type { Plan } from "../src/model/plan.ts";
import type { RequestEdit, Shape } from "../src/model/policy.ts";
import type { State } from "../src/model/state.ts";
import { read } from "../src/policyfile/read.ts";
import { policyLines } from "../src/gateway/forward/shapes.ts";
import { grpcRefusal, grpcStatusIn, isGrpc } from "../src/gateway/http2/grpc.ts";
import { requestProblem } from "../src/gateway/refuse/problems.ts";

/** Cases that a decision alone cannot show: gateway-api-sending.test.ts has them, over sockets. */
const SENT: readonly string[] = ["HTTPRouteRequestMirror", "HTTPRouteRetry"];

interface NameValue {
  readonly name: string;
  readonly value: string;
}

interface Modifier {
  readonly set?: readonly NameValue[];
  readonly add?: readonly NameValue[];
  readonly remove?: readonly string[];
}

interface PathModifier {
  readonly replacePrefixMatch?: string;
  readonly replaceFullPath?: string;
}

interface Redirect {
  readonly scheme?: string;
  readonly hostname?: string;
  readonly port?: number;
  readonly path?: PathModifier;
  readonly statusCode?: number;
}

interface Cors {
  readonly allowOrigins?: readonly string[];
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly allowCredentials?: boolean;
  /** Seconds. */
  readonly maxAge?: number;
}

interface Filter {
  readonly type: string;
  readonly requestHeaderModifier?: Modifier;
  readonly responseHeaderModifier?: Modifier;
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: PathModifier };
  readonly requestRedirect?: Redirect;
  readonly requestMirror?: { readonly backendRef: { readonly name: string } };
  readonly cors?: Cors;
}

interface Match {
  readonly path?: { readonly type?: string; readonly value: string };
  readonly method?: string | { readonly service: string; readonly method: string };
  readonly headers?: readonly NameValue[];
  readonly queryParams?: readonly NameValue[];
}

interface Rule {
  readonly matches?: readonly Match[];
  readonly filters?: readonly Filter[];
  readonly backendRefs?: readonly { readonly name: string; readonly weight?: number }[];
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
  readonly retry?: { readonly attempts?: number; readonly codes?: readonly number[] };
}

interface Case {
  readonly id: string;
  readonly request: {
    readonly Path: string;
    readonly Method?: string;
    readonly Headers?: Readonly<Record<string, string>>;
  };
  readonly expect: {
    readonly backend?: string;
    readonly status: readonly number[];
    readonly upstreamRequest?: { readonly Path?: string; readonly Headers?: Readonly<Record<string, string>> };
    readonly upstreamAbsentHeaders?: readonly string[];
    readonly redirect?: {
      readonly Scheme?: string;
      readonly Host?: string;
      readonly Port?: string;
      readonly Path?: string;
    };
    readonly responseHeaders?: Readonly<Record<string, string>>;
    readonly validHeaderValues?: Readonly<Record<string, readonly string[]>>;
    readonly responseAbsentHeaders?: readonly string[];
  };
}

/** As the extract has it: of a gRPC case the field that is set tells the method. */
interface WrittenCase extends Omit<Case, "request"> {
  readonly request: Partial<Case["request"]>;
}

interface Suite {
  readonly tests: readonly {
    readonly name: string;
    readonly routes: readonly {
      readonly kind: string;
      readonly name: string;
      readonly spec: { readonly hostnames?: readonly string[]; readonly rules: readonly Rule[] };
    }[];
    readonly cases: readonly WrittenCase[];
    readonly expectedWeights?: Readonly<Record<string, number>>;
  }[];
}

type Test = Suite["tests"][number];

const suite: Suite = JSON.parse(readFileSync(new URL("./cases/gateway-api.json", import.meta.url), "utf8"));

// ---- The adapter: Gateway API resources -> the text of a policy file ----------------------------------------------

function policyText({ routes }: Test): string {
  const backends = routes.flatMap(({ kind, spec }) =>
    spec.rules.flatMap(({ backendRefs = [], filters = [] }) => [
      ...backendRefs.map(({ name }) => ({ name, kind })),
      ...filters.flatMap(({ requestMirror }) => (requestMirror ? [{ name: requestMirror.backendRef.name, kind }] : [])),
    ]),
  );
  const services = new Map<string, object>();
  for (const { name, kind } of backends) {
    const protocol = kind === "GRPCRoute" ? { protocol: "HTTP2" } : {};
    if (!services.has(name))
      services.set(name, { endpoints: [{ url: `http://127.0.0.1:${4001 + services.size}` }], ...protocol });
  }
  return JSON.stringify({
    version: 1,
    listeners: [{ name: "http", port: 8080 }],
    services: Object.fromEntries(services),
    routes: routes.flatMap(({ name, spec }) =>
      spec.rules.map((rule, i) => ({
        name: `${name}-${i}`,
        ...(spec.hostnames && { hostnames: spec.hostnames }),
        ...(rule.matches && { matches: rule.matches.map(matchOf) }),
        policies: (rule.filters ?? []).map(policyOf),
        ...(rule.timeouts && { timeouts: rule.timeouts }),
        ...(rule.retry && { retry: rule.retry }),
        backendRefs: (rule.backendRefs ?? []).map(({ name: service, weight }) => ({ service, weight: weight ?? 1 })),
      })),
    ),
  });
}

const PATH_KIND: Readonly<Record<string, string>> = {
  Exact: "exact",
  PathPrefix: "prefix",
  RegularExpression: "regex",
};

function matchOf({ path, method, headers, queryParams }: Match): object {
  const grpc = typeof method === "object" ? { path: { exact: `/${method.service}/${method.method}` } } : {};
  return {
    ...grpc,
    ...(path && { path: { [PATH_KIND[path.type ?? "PathPrefix"]]: path.value } }),
    ...(typeof method === "string" && { methods: [method] }),
    ...(headers && { headers: fieldsOf(headers) }),
    ...(queryParams && { query: fieldsOf(queryParams) }),
  };
}

function fieldsOf(list: readonly NameValue[]): Record<string, string> {
  return Object.fromEntries(list.map(({ name, value }) => [name, value]));
}

function modifierOf({ set, add, remove }: Modifier): object {
  return { ...(set && { set: fieldsOf(set) }), ...(add && { add: fieldsOf(add) }), ...(remove && { remove }) };
}

function redirectOf({ scheme, hostname, port, path, statusCode }: Redirect): object {
  return {
    ...(scheme && { scheme }),
    ...(hostname && { hostname }),
    ...(port !== undefined && { port }),
    ...(path?.replacePrefixMatch !== undefined && { prefix: path.replacePrefixMatch }),
    ...(path?.replaceFullPath !== undefined && { path: path.replaceFullPath }),
    ...(statusCode !== undefined && { status: statusCode }),
  };
}

function corsOf(cors: Cors): object {
  return {
    origins: cors.allowOrigins ?? [],
    ...(cors.allowMethods && { methods: cors.allowMethods }),
    ...(cors.allowHeaders && { headers: cors.allowHeaders }),
    ...(cors.exposeHeaders && { exposeHeaders: cors.exposeHeaders }),
    ...(cors.allowCredentials && { credentials: true }),
    ...(cors.maxAge !== undefined && { maxAge: `${cors.maxAge}s` }),
  };
}

function policyOf(filter: Filter): object {
  switch (filter.type) {
    case "RequestHeaderModifier":
      return { requestHeaders: modifierOf(filter.requestHeaderModifier ?? {}) };
    case "ResponseHeaderModifier":
      return { responseHeaders: modifierOf(filter.responseHeaderModifier ?? {}) };
    case "URLRewrite": {
      const { hostname, path } = filter.urlRewrite ?? {};
      return {
        urlRewrite: {
          ...(hostname && { hostname }),
          ...(path?.replacePrefixMatch !== undefined && { prefix: path.replacePrefixMatch }),
          ...(path?.replaceFullPath !== undefined && { path: path.replaceFullPath }),
        },
      };
    }
    case "RequestRedirect":
      return { redirect: redirectOf(filter.requestRedirect ?? {}) };
    case "RequestMirror":
      return { mirror: { service: filter.requestMirror?.backendRef.name } };
    case "CORS":
      return { cors: corsOf(filter.cors ?? {}) };
    default:
      throw new Error(`The adapter knows no filter ${filter.type}: teach it, or list the test.`);
  }
}

function readText(text: string) {
  return read(text, "gateway-api.yaml", { env: () => undefined, file: () => undefined });
}

const GRPC_SERVICE = "gateway_api_conformance.echo_basic.grpcecho.GrpcEcho";

function caseOf({ request, ...rest }: WrittenCase): Case {
  const call = Object.keys(rest).find((key) => /^Echo\w*Request$/.test(key));
  if (call === undefined) return { ...rest, request: request as Case["request"] };
  const Path = `/${GRPC_SERVICE}/${call.replace(/Request$/, "")}`;
  return { ...rest, request: { Path, Method: "POST", Headers: { "content-type": "application/grpc" } } };
}

// ---- One request, decided and shaped ------------------------------------------------------------------------------

/** Header fields as a list, as they would stand on the wire; names are compared in lower case. */
class Upstream implements RequestEdit {
  path: string;
  query: string | undefined;
  authority = "conformance.test";
  fields: NameValue[];

  constructor(path: string, query: string | undefined, headers: Readonly<Record<string, string>>) {
    this.path = path;
    this.query = query;
    this.fields = Object.entries(headers).map(([name, value]) => ({ name: name.toLowerCase(), value }));
  }

  get(name: string): string | undefined {
    const values = this.fields.filter((field) => field.name === name.toLowerCase()).map(({ value }) => value);
    return values.length === 0 ? undefined : values.join(",");
  }

  all(name: string): readonly string[] {
    return this.fields.filter((field) => field.name === name.toLowerCase()).map(({ value }) => value);
  }

  set(name: string, value: string): void {
    this.remove(name);
    this.add(name, value);
  }

  add(name: string, value: string): void {
    this.fields.push({ name: name.toLowerCase(), value });
  }

  remove(name: string): void {
    this.fields = this.fields.filter((field) => field.name !== name.toLowerCase());
  }
}

interface Judged {
  readonly decision: Decision;
  readonly backend: string | undefined;
  readonly upstream: Upstream;
  /** Status of a policy's own answer. */
  readonly answered: number | undefined;
  /** Fields that the gateway adds to the answer, names in lower case. */
  readonly reply: ReadonlyMap<string, string>;
}

function judge(plan: Plan, state: State, { request }: Case, seed: number): Judged {
  const [target, query] = request.Path.split("?", 2);
  const path = normalisePath(target);
  assert.ok(path !== undefined, `${target} has a normal form`);
  const upstream = new Upstream(path, query, request.Headers ?? {});
  const x: Passage = {
    arrival: {
      layer: 7,
      listener: 0,
      clientIp: "127.0.0.1",
      clientPort: 50_000,
      method: request.Method ?? "GET",
      host: "conformance.test",
      path,
      query,
      header: (name) => upstream.get(name),
    },
    facts: {},
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
    seed,
    tried: 0,
    wallClock: 1_790_000_000_000,
    requestId: () => "case",
  };
  const decision = new Decision();
  enter(x, plan, state, 1000.5, decision);
  if (!decision.over) decide(x, plan, state, 1000.5, decision);
  const answer = decision.answer < 0 ? undefined : answerOf(plan, decision.answer, decision, x);
  const reply = new Map(answer?.fields.map(([name, value]) => [name.toLowerCase(), value]));
  for (const line of policyLines(x, plan, decision)
    .split("\r\n")
    .filter((one) => one !== "")) {
    const [name, value] = line.split(/: (.*)/s, 2);
    reply.set(name.toLowerCase(), value);
  }
  if (!decision.over) {
    const route = plan.routes[decision.route];
    for (const index of route.shapes) {
      (plan.steps[index].act as Shape).request?.(x, upstream, route.matches[decision.match].path);
    }
  }
  settle(x, decision, plan, state, { status: 200, failure: 0, firstByte: 1 }, 1001);
  return { decision, backend: plan.services[decision.service]?.name, upstream, answered: answer?.status, reply };
}

/** The status that the client would get: the backend answers 200 after the delay that the query asks of it. */
function statusOf(plan: Plan, { decision, upstream, answered }: Judged): number {
  if (answered !== undefined) return answered;
  if (decision.step >= 0) return Object.values(plan.steps[decision.step].policy.reasons)[decision.reason - 1].status;
  if (decision.builtIn === BuiltIn.NoRoute) {
    if (!isGrpc(upstream.get("content-type"))) return 404;
    // What the suite's client is told is UNIMPLEMENTED; over HTTP that is a 200 like every answer of gRPC.
    const problem = requestProblem(404, "no-route", "no route");
    const head = grpcRefusal(problem, "gateway");
    assert.equal(grpcStatusIn(head), 12);
    return Number(head.split(" ", 2)[1]);
  }
  if (decision.refused) return 500;
  const delay = /(?:^|&)delay=(\d+)s(?:&|$)/.exec(upstream.query ?? "");
  const { request } = plan.routes[decision.route].timeouts;
  return delay !== null && request > 0 && Number(delay[1]) * 1000 > request ? 504 : 200;
}

/** The suite compares lists without regard to blanks. */
function assertReply({ reply }: Judged, { request, expect }: Case): void {
  const { Scheme, Host, Port, Path } = expect.redirect ?? {};
  if (expect.redirect !== undefined) {
    const location = new URL(reply.get("location") ?? "", `http://conformance.test${request.Path}`);
    if (Scheme) assert.equal(location.protocol, `${Scheme}:`);
    if (Host) assert.equal(location.hostname, Host);
    if (Port) assert.equal(location.port, Port);
    if (Path) assert.equal(location.pathname, Path.replace(/^(?=[^/])/, "/"));
  }
  const tight = (value: string | undefined) => value?.replaceAll(" ", "");
  for (const [name, value] of Object.entries(expect.responseHeaders ?? {}))
    assert.equal(tight(reply.get(name.toLowerCase())), tight(value), name);
  for (const [name, values] of Object.entries(expect.validHeaderValues ?? {}))
    assert.ok(values.map(tight).includes(tight(reply.get(name.toLowerCase()))), `${name}: ${reply.get(name)}`);
  for (const name of expect.responseAbsentHeaders ?? []) assert.equal(reply.get(name.toLowerCase()), undefined, name);
}

function assertCase(plan: Plan, one: Case): void {
  const judged = judge(plan, freshState(plan), one, 977);
  const { expect } = one;
  assert.ok(expect.status.includes(statusOf(plan, judged)), `status is one of ${expect.status.join(", ")}`);
  if (expect.backend !== undefined) assert.equal(judged.backend, expect.backend);
  assertReply(judged, one);
  if (judged.answered !== undefined || judged.decision.refused) return;
  const { Path, Headers } = expect.upstreamRequest ?? {};
  const target =
    judged.upstream.query === undefined ? judged.upstream.path : `${judged.upstream.path}?${judged.upstream.query}`;
  if (Path) assert.equal(target, Path);
  for (const [name, value] of Object.entries(Headers ?? {})) assert.equal(judged.upstream.get(name), value, name);
  for (const name of expect.upstreamAbsentHeaders ?? []) assert.equal(judged.upstream.get(name), undefined, name);
}

describe("Gateway API conformance cases", () => {
  for (const test of suite.tests.filter(({ name }) => !SENT.includes(name))) {
    describe(test.name, () => {
      for (const one of test.cases.map(caseOf)) {
        const { Method = "GET", Path, Headers } = one.request;
        it(`${one.id}: ${Method} ${Path}${Headers ? ` ${JSON.stringify(Headers)}` : ""}`, () => {
          const { plan, diagnostics } = readText(policyText(test));
          assert.ok(plan, diagnostics.map(({ message }) => message).join("\n"));
          assertCase(plan, one);
        });
      }
      const weights = test.expectedWeights;
      if (weights !== undefined) {
        it("shares by weight, to within the suite's own 5 percentage points", () => {
          const { plan } = readText(policyText(test));
          assert.ok(plan);
          const state = freshState(plan);
          const counts: Record<string, number> = {};
          for (let seed = 0; seed < 5000; seed++) {
            const { backend = "none" } = judge(plan, state, caseOf(test.cases[0]), seed * 2654435761);
            counts[backend] = (counts[backend] ?? 0) + 1;
          }
          for (const [backend, share] of Object.entries(weights)) {
            assert.ok(Math.abs((counts[backend] ?? 0) / 5000 - share) <= 0.05, JSON.stringify(counts));
            if (share === 0) assert.equal(counts[backend], undefined);
          }
        });
      }
    });
  }

  it("are 105 in 17 tests, none of them left out of all", () => {
    assert.equal(suite.tests.length, 17);
    assert.equal(
      suite.tests.reduce((sum, { cases }) => sum + cases.length, 0),
      105,
    );
    for (const name of SENT)
      assert.ok(
        suite.tests.some((test) => test.name === name),
        name,
      );
  });
});
