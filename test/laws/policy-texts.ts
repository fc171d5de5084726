/**
 * Generated policy files that `read` accepts: every policy kind and balancer in many settings, alone and together.
 * A law that holds over these holds over what people write. Must not build plans by hand: the reader is part of it.
 */
import * as fc from "fast-check";
import { parse } from "yaml";
import { balancers } from "../../src/balancers/index.ts";
import type { Plan } from "../../src/model/plan.ts";
import { policies } from "../../src/policies/index.ts";
import { canRefuse } from "../../src/policyfile/policy-entry.ts";
import { read, type Sources } from "../../src/policyfile/read.ts";
import { sessionToken } from "../../src/policyfile/resilience.ts";

const api = {
  openapi: "3.1.0",
  paths: {
    "/orders": { get: { parameters: [{ name: "debug", in: "query", schema: { type: "integer" } }] } },
    "/orders/{id}": { put: { requestBody: { content: { "application/json": { schema: { required: ["id"] } } } } } },
  },
};

/** One file for all: a key set and an API description in one. */
export const sources: Sources = {
  env: (name) => `value-of-${name}`,
  file: () => JSON.stringify({ keys: [], ...api }),
};

/** How many runs a law gets: its own number, times LAWS_RUNS. */
export function runs(count: number): number {
  return Math.max(1, Math.round(count * Number(process.env.LAWS_RUNS ?? 1)));
}

type Config = Readonly<Record<string, unknown>>;

const paths = ["/", "/orders", "/orders/7", "/cart", "/cart/items", "/admin"];
const hosts = ["localhost", "shop.localhost", "api.shop.localhost"];
export const keys = ["key-of-ada", "key-of-bob"];

const limitKey = fc.constantFrom<unknown>("client.ip", "consumer", "jwt.sub", "header.x-tenant", [
  "client.ip",
  "header.x-tenant",
]);
const algorithm = fc.constantFrom("tokenBucket", "slidingWindow", "fixedWindow");
const cost = fc.constantFrom(undefined, "2", "request.method == 'GET' ? 1 : 3", "int(request.headers['x-cost'])");

const rateLimit = fc.record({
  key: limitKey,
  requests: fc.integer({ min: 1, max: 6 }),
  per: fc.constantFrom("1s", "10s", "1m"),
  algorithm,
  cost,
  headers: fc.constantFrom("draft", "legacy", "off"),
});

const expression = fc.constantFrom(
  "true",
  "'orders:read' in jwt.scope",
  "request.method == 'GET'",
  "request.path.startsWith('/orders')",
  "consumer.name == 'ada'",
  "jwt.sub == 'carol' && client.ip != '10.0.0.1'",
  "request.headers['x-tenant'] == 'acme'",
);

const rules = fc
  .array(fc.tuple(fc.constantFrom("allow", "deny"), expression), { minLength: 1, maxLength: 3 })
  .map((list) => list.map(([verdict, text], i) => ({ name: `rule-${i}`, [verdict]: text })));

/** Kind to config, of those that may refuse. */
const judging: readonly fc.Arbitrary<Config>[] = [
  fc
    .record({
      allow: fc.subarray(["127.0.0.0/8", "10.0.0.0/8", "::1"], { minLength: 1 }),
      deny: fc.subarray(["10.0.0.1/32", "192.168.0.0/16"], { minLength: 1 }),
    })
    .map((ipFilter) => ({ ipFilter })),
  fc.constantFrom({ header: "x-api-key" }, { query: "key" }, { cookie: "key" }).map((apiKey) => ({ apiKey })),
  rateLimit.map((config) => ({ rateLimit: withoutUndefined({ ...config }) })),
  fc
    .record({
      origins: fc.constantFrom(["https://shop.example"], ["https://*.example"], ["*"]),
      methods: fc.constantFrom(["GET"], ["*"]),
      headers: fc.constantFrom([], ["x-tenant"], ["*"]),
      credentials: fc.boolean(),
    })
    .map((config) => ({ cors: config })),
  fc.constantFrom(["https://shop.example"], []).map((origins) => ({ csrf: { origins } })),
  fc
    .record({ key: fc.constantFrom("client.ip", "header.x-tenant"), max: fc.integer({ min: 1, max: 3 }) })
    .map((config) => ({ concurrency: config })),
  fc.constantFrom<Config>(
    { requireScopes: { all: ["orders:read"], any: ["orders:write", "admin"] } },
    { requireScopes: { any: ["orders:read"] } },
    { requireGroups: { any: ["staff"], claim: "groups" } },
    { requireGroups: { all: ["staff", "eu"] } },
  ),
  fc.constantFrom("client.ip", "header.x-tenant").map((key) => ({ quota: { key, requests: 3, per: "day" } })),
  fc.constantFrom<Config>({ maxBody: "10B" }, { maxBody: { size: "1KiB" } }),
  fc.record({ rules, default: fc.constantFrom("deny", "allow") }).map((authorization) => ({ authorization })),
];

/** Most reasons of a token hang on what stands in it: it comes twice as often as others. */
const jwt: fc.Arbitrary<Config> = fc
  .record({
    issuer: fc.constant("https://dev.local/"),
    audiences: fc.constant(["orders"]),
    jwks: fc.constant("./jwks.json"),
    forward: fc.constantFrom(undefined, { "x-user": "sub" }),
  })
  .map((config) => ({ jwt: withoutUndefined(config) }));

const routeOnly: readonly fc.Arbitrary<Config>[] = [
  jwt,
  jwt,
  fc.constantFrom<Config>(
    { basicAuth: { users: [{ name: "ada", password: "correct horse", groups: ["staff"] }] } },
    { anyOf: [{ apiKey: { header: "x-api-key" } }, { jwt: { jwks: "./jwks.json", claims: { sub: "carol" } } }] },
    {
      anyOf: [
        { apiKey: { query: "key", groups: ["staff"] } },
        { basicAuth: { users: [{ name: "ada", password: "p" }] } },
      ],
    },
    { clientCertificate: { allow: ["O=Shop"] } },
    { clientCertificate: { allow: ["CN=carol"] } },
    { externalAuth: { url: "http://127.0.0.1:9/", consumer: "x-user", headersToBackend: ["x-user"] } },
    { externalAuth: { url: "http://127.0.0.1:9/", failOpen: true } },
    {
      introspection: { url: "http://127.0.0.1:9/", clientId: "me", clientSecret: { env: "S" }, audiences: ["orders"] },
    },
    { anyOf: [{ clientCertificate: {} }, { externalAuth: { url: "http://127.0.0.1:9/" } }] },
  ),
  fc.constantFrom<Config>(
    { requestHeaders: { set: { "x-caller": "${jwt.sub}" }, remove: ["x-debug"] } },
    { responseHeaders: { set: { "x-served-by": "switchyard" } } },
    { urlRewrite: { prefix: "/v2" } },
    { urlRewrite: { hostname: "backend.internal" } },
  ),
  fc.constantFrom<Config>(
    { requestSchema: { schema: { type: "object", required: ["id"] }, shadow: true } },
    { requestSchema: { schema: { required: ["id"], properties: { id: { type: "integer" } } } } },
  ),
  fc.constantFrom<Config>(
    { graphqlLimit: { depth: 2, cost: 3, operations: ["query"] } },
    { graphqlLimit: { cost: 1, introspection: true, shadow: true } },
  ),
  fc.constantFrom<Config>(
    { openapi: { document: "./api.json", responses: "warn" } },
    { openapi: { document: "./api.json", shadow: true } },
  ),
  fc.constantFrom<Config>(
    { requestBody: { set: { "/by": "${jwt.sub}" }, remove: ["/role"] } },
    { responseBody: { remove: ["/internal"] } },
    { compression: { minSize: "0B" } },
    { cookies: {} },
  ),
  fc.constantFrom<Config>({
    apiVersion: {
      from: "header",
      name: "x-tenant",
      versions: { acme: { service: "one", sunset: "2027-01-01" }, globex: { service: "two" } },
      default: "acme",
    },
  }),
  fc.constantFrom<Config>({
    aggregate: { parts: { a: { service: "one", path: "/a" }, b: { service: "two", path: "/b", optional: true } } },
  }),
  fc.constant<Config>({ transcode: { reflection: true, service: "shop.v1.Orders" } }),
  fc.constantFrom<Config>({ cache: { ttl: "10s" } }, { cache: { ttl: "1m", staleIfError: "1m" } }),
  fc.constant<Config>({
    aggregate: {
      parts: {
        a: { service: "one", path: "/a" },
        b: { service: "two", path: "/b/${a.id}", after: ["a"], optional: true },
      },
    },
  }),
  // What a policy shows of itself in its docs must keep the laws too, with a service that there is.
  fc.constantFrom(
    ...policies.map((policy): Config => parse(policy.example.replaceAll("service: orders", "service: one"))),
  ),
];

function withoutUndefined(config: Config): Config {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

function entries(kinds: readonly fc.Arbitrary<Config>[], most: number): fc.Arbitrary<Config[]> {
  const guarded = fc
    .tuple(fc.oneof(...kinds), fc.boolean(), fc.constantFrom(undefined, undefined, "request.method != 'PUT'"))
    .map(([config, shadow, when]) => {
      const kind = Object.keys(config)[0];
      const mayRefuse = policies.some((one) => one.kind === kind && canRefuse(one));
      const fields = config[kind] as Config;
      // A policy whose config is a list has no place for the shared fields.
      if (Array.isArray(fields) || typeof fields !== "object") return config;
      return { [kind]: { ...fields, ...(shadow && mayRefuse ? { shadow } : {}), ...(when ? { when } : {}) } };
    });
  return fc.array(guarded, { maxLength: most });
}

const balancer = fc.constantFrom(
  { type: "LeastRequest", choices: "all" },
  { type: "ConsistentHash", on: "header.x-tenant", boundedLoad: 1.25 },
  { type: "ConsistentHash", algorithm: "maglev", on: "client.ip" },
  { type: "ConsistentHash", algorithm: "rendezvous", on: "client.ip", boundedLoad: 2 },
  ...balancers.map((kind): Config => parse(kind.example)),
);

const zones = [undefined, "eu", "us", "asia"] as const;

const endpoint = fc.record({
  weight: fc.integer({ min: 0, max: 4 }),
  zone: fc.constantFrom(...zones),
  priority: fc.nat(2),
});

const shared = fc.record({
  slowStart: fc.constantFrom(undefined, undefined, "10s"),
  locality: fc.constantFrom(
    undefined,
    undefined,
    { zone: "header x-zone", distances: { eu: { us: "90ms", asia: "160ms" } } },
    { zone: "us", spillover: "100%" },
  ),
});

const resilience = fc.record({
  sessionPersistence: fc.constantFrom(
    undefined,
    { type: "Cookie", name: "sy" },
    { type: "Header", name: "x-session" },
    { type: "SourceAddress", ttl: "20s" },
  ),
  circuitBreaker: fc.constantFrom(
    undefined,
    { errorRate: 0.5, minimumRequests: 2, window: "10s", openFor: "3s" },
    { errorRate: 0.1, minimumRequests: 1, window: "1m", openFor: "30s" },
  ),
  maxParallelRequests: fc.constantFrom(undefined, undefined, 1, 4),
});

const service = (port: number) =>
  fc
    .record({
      replicas: fc.array(endpoint, { minLength: 1, maxLength: 4 }),
      balancing: shared,
      resilience,
      loadBalancer: balancer,
      panicThreshold: fc.constantFrom("0%", "50%", "100%"),
      consecutive5xx: fc.constantFrom(0, 1, 2, 5),
      maxEjectionPercent: fc.constantFrom(0, 50, 100),
      drain: fc.constantFrom("0s", "5s", "1h"),
      policies: entries(judging, 1),
    })
    .map(({ consecutive5xx, maxEjectionPercent, policies: own, ...made }) => ({
      endpoints: made.replicas.map((one, i) => withoutUndefined({ url: `http://127.0.0.1:${port + i}`, ...one })),
      loadBalancer: withoutUndefined({ ...made.loadBalancer, ...made.balancing }),
      ...withoutUndefined(made.resilience),
      panicThreshold: made.panicThreshold,
      drain: made.drain,
      healthCheck: {
        active: { path: "/healthz", interval: "2s", timeout: "500ms" },
        passive: { consecutive5xx, baseEjectionTime: "5s", maxEjectionPercent },
      },
      policies: own,
    }));

const match = fc
  .record({
    path: fc.oneof(
      fc.constantFrom(...paths).map((prefix) => ({ prefix })),
      fc.constantFrom(...paths).map((exact) => ({ exact })),
      fc.constant({ regex: "/orders/[0-9]+" }),
    ),
    methods: fc.constantFrom(undefined, ["GET"], ["POST", "PUT"]),
    headers: fc.constantFrom(undefined, { "x-tenant": "acme" }),
    query: fc.constantFrom(undefined, { debug: "1" }),
  })
  .map(withoutUndefined);

const sending = fc.record({
  retry: fc.constantFrom(
    undefined,
    {},
    { attempts: 3, codes: [500, 503], budget: "50%", backoff: "0s" },
    { attempts: 1, perTry: "1s" },
    { budget: "0%" },
  ),
  hedge: fc.constantFrom(undefined, undefined, { after: "50ms" }, { after: "1ms", max: 3, budget: "100%" }),
  mirror: fc.constantFrom(undefined, undefined, { service: "two" }, { service: "one", percent: "30%" }),
});

const route = fc
  .record({
    sending,
    hostnames: fc.constantFrom(undefined, ["*.shop.localhost"], ["localhost", "*.localhost"]),
    matches: fc.array(match, { minLength: 1, maxLength: 2 }),
    policies: entries([...judging, ...routeOnly], 10),
    backendRefs: fc.array(
      fc.record({ service: fc.constantFrom("one", "two"), weight: fc.integer({ min: 0, max: 3 }) }),
      { minLength: 1, maxLength: 2 },
    ),
  })
  .map(({ sending: more, ...made }) => withoutUndefined({ ...made, ...more }));

/** JSON is YAML; the first test of total.test.ts holds that most of these are accepted. */
export const policyText: fc.Arbitrary<string> = fc
  .record({
    listener: entries(judging, 2),
    trusted: fc.constantFrom({}, {}, { trusted: true }),
    secured: fc.constantFrom({}, { protocol: "HTTPS" }, { protocol: "HTTPS", tls: { certificate: "auto" } }),
    spoken: fc.constantFrom({}, { protocol: "HTTP2" }, { protocol: "HTTP2", tls: { verify: false } }),
    one: service(4001),
    two: service(4101),
    routes: fc.array(route, { minLength: 1, maxLength: 4 }),
  })
  .map(({ listener, trusted, secured, spoken, one, two, routes }) =>
    JSON.stringify({
      version: 1,
      listeners: [{ name: "edge", port: 8080, ...trusted, ...secured, policies: listener }],
      consumers: [
        { name: "ada", apiKey: keys[0], groups: ["staff"] },
        { name: "bob", apiKey: keys[1] },
      ],
      services: { one: { ...one, ...spoken }, two },
      routes: routes.map((each, i) => ({ name: `route-${i}`, ...each })),
    }),
  );

/** Accepted plans alone. A counterexample shows the text that it was read from. */
export const plan: fc.Arbitrary<Plan> = policyText
  .map((text) => {
    const made = read(text, "law.yaml", sources).plan;
    return made && Object.assign(made, { [fc.toStringMethod]: () => text });
  })
  .filter((made) => made !== undefined);

/** Of endpoints that most plans have, of one that none has, and of nobody. */
const sessions = [...[4001, 4002, 9999].map((port) => sessionToken(`http://127.0.0.1:${port}`)), "forged", ""];

export const world = { paths, hosts, keys, sessions };
