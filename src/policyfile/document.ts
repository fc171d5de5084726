/**
 * The shape of a policy file: one declaration per field, with its words. Reader, JSON Schema, completion, hover and
 * docs all come from here; what stands below a policy's kind or a balancer's type comes from their own lists.
 * Must not check what needs more than one field: that is compile's work.
 */
import * as z from "zod/mini";
import { described, duration, fieldValue, headerName, name, percentage, secret } from "../model/scalars.ts";
import { activeCheck } from "./health-fields.ts";
import { sendingFields } from "./sending-fields.ts";
import { listenerTls, serviceTls } from "./secure-fields.ts";
import { CLIENT_KINDS } from "./user-agent.ts";
import { addressRange, endpointUrl, hostname, listenAddress, method, pathRegex, plainPath } from "./written.ts";

// No code generation: it probes `new Function`, which a strict content security policy reports.
z.config({ jitless: true });

/** What a placeholder in the declaration stands for; the derived schema puts the real thing there. */
export type Placeholder = "policy" | "policies" | "loadBalancer";

/** One policy in a list: a name from `policies`, or a map with one key, its kind. Read by policy-entry.ts. */
const policyList = (where: string) =>
  z.optional(
    described(z.array(z.unknown(), { error: "must be a list of policies" }), where, {
      placeholder: "policies" satisfies Placeholder,
    }),
  );

const weight = (most: number) => z.prefault(z.int().check(z.minimum(0), z.maximum(most)), 1);

const backendRef = z.strictObject({
  service: described(z.string(), "Name of one of `services`."),
  weight: described(weight(1_000_000), "Share of the requests, relative to the other backends; 0 = none."),
});

const backendRefs = z.array(backendRef, { error: "must be a list of backends: [{ service: name }]" });

const acceptProxy = z.strictObject({
  accept: described(z.boolean(), "Every connection must begin with a PROXY header (version 1 or 2)."),
  trusted: described(
    z
      .array(addressRange(), { error: "must be a list of CIDR blocks: [127.0.0.0/8]" })
      .check(z.minLength(1, { error: "needs at least one range: nobody else may say who the client is" })),
    "Addresses that may connect and are believed; others are refused, with the reason in their row.",
    { examples: [["127.0.0.0/8", "::1"]] },
  ),
});

export const listener = z.strictObject({
  name: described(name(), "The name that routes and the trace use."),
  port: described(
    z.int().check(z.minimum(0), z.maximum(65535)),
    "Port to listen on, 1 to 65535; 0 takes any free port and says which.",
    { examples: [8080] },
  ),
  address: z.optional(
    described(
      listenAddress(),
      "IP address to listen on. By default both loopback addresses, 127.0.0.1 and ::1; 0.0.0.0 or :: opens the port to the network.",
      { examples: ["127.0.0.1", "0.0.0.0"] },
    ),
  ),
  protocol: described(
    z.prefault(z.enum(["HTTP", "HTTPS", "TCP", "TLS", "UDP"]), "HTTP"),
    "What is spoken on the port. `HTTPS` ends TLS here. `TCP`, `TLS` (passed through, routed by server name) and `UDP` work at layer 4: they see addresses and bytes, never HTTP.",
  ),
  proxyProtocol: z.optional(
    described(
      acceptProxy,
      "A proxy in front says who the client is, with the PROXY protocol. At `UDP` its header (version 2) stands before the payload in the first datagram of a flow, or in each.",
    ),
  ),
  trusted: described(
    z.prefault(z.boolean(), false),
    "true: for internal calls. What comes through it is neither identified, authorized nor limited; the decision of each request shows what was bypassed, and `is:bypassed` finds them.",
  ),
  maxConnections: z.optional(
    described(
      z.int().check(z.minimum(1), z.maximum(1_000_000)),
      "Connections at a time (at `UDP`: sessions); more are refused. Default: no limit; at layer 4 10000.",
      { examples: [1000] },
    ),
  ),
  timeouts: z.optional(
    described(
      z.strictObject({
        connect: described(
          z.optional(duration()),
          "Until a connection to the endpoint stands; then another endpoint is asked. 0s = no limit. Not at `UDP`. Default: 3s.",
          { examples: ["3s"] },
        ),
        idle: described(
          z.optional(duration()),
          "Silence in both directions that ends a connection or `UDP` session. 0s = no limit. Default: 5m; at `UDP` 1m.",
          { examples: ["5m"] },
        ),
      }),
      "Layer 4 only: time limits of the connections that `backendRefs` here takes.",
    ),
  ),
  backendRefs: z.optional(
    described(
      backendRefs,
      "Layer 4 only: the services that get the connections, by weight. At `TLS`, those that no route's `hostnames` name.",
    ),
  ),
  tls: z.optional(described(listenerTls, "How TLS is ended here, for `HTTPS`. Default: `{ certificate: auto }`.")),
  policies: policyList("Policies that run before a route is chosen: address and brute-force limits."),
});

export const consumer = z.strictObject({
  name: described(name(), "The name that the trace, CEL (`consumer.name`) and limits by `consumer` use."),
  apiKey: z.optional(
    described(
      secret(),
      "The key by which the `apiKey` policy recognises this consumer: a string, `{ env: NAME }` or `{ file: ./path }`.",
    ),
  ),
  groups: described(
    z.prefault(z.array(name().check(z.meta({ names: "group" }))), []),
    "Groups that policies may ask for (`consumer.groups`).",
    { examples: [["partner"]] },
  ),
});

const endpoint = z.strictObject({
  url: described(
    endpointUrl(),
    "Where the replica listens: `http://host:port`. `localhost` is tried over IPv6 and IPv4.",
    { examples: ["http://localhost:4001"] },
  ),
  weight: described(weight(10_000), "Share of the service's requests, relative to its other endpoints; 0 = none."),
  zone: z.optional(
    described(name(), "Where it stands, for `locality`: a region, a rack, a laptop.", { examples: ["eu"] }),
  ),
  priority: described(
    z.prefault(z.int().check(z.minimum(0), z.maximum(100)), 0),
    "For `Failover`: the lowest priority that has anybody left gets the requests.",
    { examples: [1] },
  ),
  admin: described(
    z.prefault(z.enum(["Up", "Drain", "Maintenance"]), "Up"),
    "What you decided about this replica. `Drain`: no new requests, those on their way end. `Maintenance`: out of service.",
  ),
});

const passiveCheck = z.strictObject({
  consecutive5xx: described(
    z.prefault(z.int().check(z.minimum(0), z.maximum(1000)), 5),
    "5xx answers, refused connections and resets in a row that eject an endpoint; 0 = never. Of gRPC calls the status counts that stands for a 5xx: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.",
  ),
  baseEjectionTime: described(
    z.prefault(duration({ least: 1 }), "30s"),
    "How long an endpoint stays out the first time; doubles with each ejection in a row.",
  ),
  maxEjectionPercent: described(
    z.prefault(z.int().check(z.minimum(0), z.maximum(100)), 50),
    "At most this share of the endpoints is ejected at once, 0 to 100.",
  ),
});

const healthCheck = z.strictObject({
  active: z.optional(described(activeCheck, "Probes: ask every endpoint regularly.")),
  passive: described(z.prefault(passiveCheck, {}), "Outlier ejection: learn from the answers to real requests."),
});

/** A circuit breaker, sessions, and what every `loadBalancer.type` takes beside its own fields. */
const circuitBreaker = z.strictObject({
  errorRate: described(
    z.prefault(z.number().check(z.gt(0, { error: "must be above 0" }), z.lte(1, { error: "must be at most 1" })), 0.5),
    "Share of attempts that fail (5xx or a gRPC status that stands for one, no connection, no answer in time) from which on the circuit opens, up to 1.",
    { examples: [0.5] },
  ),
  minimumRequests: described(
    z.prefault(z.int().check(z.minimum(1), z.maximum(1_000_000)), 20),
    "Fewer attempts than this within `window` say nothing.",
  ),
  window: described(z.prefault(duration({ least: 10 }), "10s"), "How far back attempts are counted."),
  openFor: described(
    z.prefault(duration({ least: 1 }), "15s"),
    "How long nothing is sent once it is open. Then three requests are let through: it closes if all go well, and opens again if one fails.",
  ),
});

const sessionPersistence = z
  .strictObject({
    type: described(
      z.enum(["Cookie", "Header", "SourceAddress"], { error: "must be Cookie, Header or SourceAddress" }),
      "How a request says where it went before. `Cookie`: the gateway sets one. `Header`: the answer carries a field that the client sends again. `SourceAddress`: the gateway remembers the client's address. None of them identifies anybody: they name the replica.",
    ),
    name: z.optional(
      described(headerName(), "Of the cookie (default: `sy_` and the service's name) or of the header field.", {
        examples: ["sy_orders"],
      }),
    ),
    ttl: described(
      z.prefault(duration({ least: 1000 }), "1h"),
      "How long a session lasts, from its first request. Then an endpoint is chosen anew.",
    ),
  })
  .check(
    z.refine((one) => one.type !== "Header" || one.name !== undefined, {
      error: "needs `name`: the header field that carries the session",
    }),
    z.refine((one) => one.type !== "SourceAddress" || one.name === undefined, {
      error: "takes no `name` with SourceAddress: nothing is sent",
    }),
  );

const locality = z.strictObject({
  zone: described(
    z.string({ error: "must be a zone, or `header <name>`" }).check(
      z.regex(/^(?:header\s+[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}|[A-Za-z0-9][A-Za-z0-9._-]{0,62})$/, {
        error: "must be the name of a zone, or `header <name>` for the field in which a request says its zone",
      }),
    ),
    "Where a request is from: a zone by name (the gateway's own), or `header <name>` when requests say it themselves.",
    { examples: ["header x-zone", "eu"] },
  ),
  spillover: described(
    z.prefault(percentage(), "70%"),
    "While at least this share of a zone (by weight) is healthy, it keeps all its requests. Below, the rest goes to the next nearest.",
  ),
  distances: described(
    z.prefault(z.record(name(), z.record(name(), duration())), {}),
    "How far zones are from each other: `eu: { us: 90ms }` counts both ways. It orders the zones and delays nothing. Zones without a distance are the furthest.",
    { examples: [{ eu: { us: "90ms", asia: "160ms" } }] },
  ),
});

/** What every `loadBalancer.type` takes beside its own fields. */
export const balancingFields = z.strictObject({
  slowStart: z.optional(
    described(
      duration(),
      "An endpoint that is new, or well again, comes to its full weight over this time, starting at a tenth.",
      { examples: ["10s"] },
    ),
  ),
  locality: z.optional(described(locality, "Prefer the nearest zone. Endpoints say theirs with `zone`.")),
});

/** `run`: how the gateway starts the replicas itself. */
const run = z.strictObject({
  command: described(
    z.string().check(z.regex(/^[^\0]*\S[^\0]*$/, { error: "must be a command line" })),
    "Command line that starts one replica, as in a terminal. It runs only in a trusted workspace, or when you start the gateway yourself.",
    { examples: ["node reviews.js"] },
  ),
  cwd: described(
    z.prefault(z.string().check(z.minLength(1, { error: "must be a folder" })), "."),
    "Folder it runs in, relative to the policy file.",
    { examples: ["./services"] },
  ),
  replicas: described(
    z.prefault(z.int().check(z.minimum(1), z.maximum(32)), 1),
    "How many are started, 1 to 32. Scaling changes it while the gateway runs, without touching the file.",
    { examples: [3] },
  ),
  port: described(
    z.strictObject({
      env: described(
        z.prefault(
          z.string().check(
            z.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
              error: "must be the name of an environment variable",
            }),
          ),
          "PORT",
        ),
        "Environment variable that tells a replica its port.",
      ),
      from: described(
        z.int().check(z.minimum(1), z.maximum(65535)),
        "The first replica gets this port or the next free one after it, the others those that follow.",
        { examples: [4101] },
      ),
    }),
    "Each replica listens on a port of its own.",
    { examples: [{ env: "PORT", from: 4101 }] },
  ),
  env: described(
    z.prefault(z.record(z.string().check(z.regex(/^[^=\0]+$/, { error: "must be a name" })), z.string()), {}),
    "More environment variables for the command.",
  ),
});

export const service = z
  .strictObject({
    endpoints: z.optional(
      described(
        z
          .array(endpoint, { error: "must be a list of endpoints" })
          .check(
            z.minLength(1, { error: "a service needs at least one endpoint" }),
            z.maxLength(32, { error: "a service may have at most 32 endpoints" }),
          ),
        "The replicas, 1 to 32; or let Switchyard start them with `run`.",
      ),
    ),
    run: z.optional(
      described(run, "Switchyard starts these replicas itself, watches them, starts them again, and scales them."),
    ),
    drain: described(
      z.prefault(duration(), "30s"),
      "How long requests on their way to a replica may go on once it leaves: removed from the file, or scaled down. Then they are cut off.",
    ),
    loadBalancer: z.optional(
      described(z.unknown(), "How an endpoint is chosen. Default: `{ type: RoundRobin }`.", {
        placeholder: "loadBalancer" satisfies Placeholder,
      }),
    ),
    proxyProtocol: z.optional(
      described(
        z.enum(["v1", "v2"]),
        "Layer 4 only: each connection to an endpoint, at `UDP` the first datagram of each flow, begins with a PROXY header of this version that names the client. `UDP` needs `v2`.",
      ),
    ),
    healthCheck: described(z.prefault(healthCheck, {}), "How the gateway learns which endpoints work."),
    protocol: described(
      z.prefault(z.enum(["HTTP", "HTTP2"]), "HTTP"),
      "What the endpoints speak. `HTTP`: HTTP/1.1. `HTTP2`: with http:// urls by prior knowledge, with https:// urls if they agree (ALPN), else HTTP/1.1. gRPC always goes out as HTTP/2.",
    ),
    tls: z.optional(described(serviceTls, "How `https://` endpoints are verified. They are by default.")),
    panicThreshold: described(
      z.prefault(percentage(), "50%"),
      "When fewer than this share of the endpoints are healthy, all of them are used, and the trace says so.",
    ),
    sessionPersistence: z.optional(
      described(
        sessionPersistence,
        "Sticky sessions: a client's next requests go to the same replica, as long as that one can take them.",
      ),
    ),
    circuitBreaker: z.optional(
      described(
        circuitBreaker,
        "When too many attempts fail, nothing is sent for a while: 503 at once, with Retry-After.",
      ),
    ),
    maxParallelRequests: z.optional(
      described(
        z.int().check(z.minimum(1), z.maximum(1_000_000)),
        "Most requests on their way to this service at once; more are refused with 503. Bounds load; it is not a circuit breaker.",
        { examples: [64] },
      ),
    ),
    policies: policyList("Policies for every request that goes to this service, whichever route sent it."),
  })
  .check(
    z.refine((one) => one.endpoints !== undefined || one.run !== undefined, {
      error: "needs `endpoints` (where its replicas listen) or `run` (how to start them)",
    }),
    z.refine((one) => one.endpoints === undefined || one.run === undefined, {
      error: "has both `endpoints` and `run`: keep one",
    }),
  );

const pathMatch = z
  .strictObject({
    prefix: z.optional(
      described(
        plainPath(),
        "Whole segments from the start: `/orders` matches /orders and /orders/7, never /orders2.",
        {
          examples: ["/orders"],
        },
      ),
    ),
    exact: z.optional(described(plainPath(), "This very path.", { examples: ["/orders"] })),
    regex: z.optional(
      described(pathRegex(), "RE2 expression that must match the whole path (not a part of it).", {
        examples: ["/orders/[0-9]+"],
      }),
    ),
  })
  .check(
    z.refine((path) => [path.prefix, path.exact, path.regex].filter((one) => one !== undefined).length === 1, {
      error: "needs exactly one of `prefix`, `exact` and `regex`",
    }),
  );

const match = z.strictObject({
  path: z.optional(described(pathMatch, "One of `prefix`, `exact` and `regex`. Default: any path.")),
  methods: z.optional(
    described(
      z
        .array(method(), {
          error: "must be a list of methods: [GET, POST]",
        })
        .check(z.minLength(1, { error: "needs at least one method; remove `methods` to match any" })),
      "Methods, in upper case; any of them. Default: all.",
      { examples: [["GET"], ["GET", "POST"]] },
    ),
  ),
  headers: z.optional(
    described(z.record(headerName(), fieldValue()), "Header fields that must all be there with exactly these values."),
  ),
  userAgent: z.optional(
    described(
      z.array(z.enum(CLIENT_KINDS)).check(z.minLength(1)),
      "Kinds of client, by User-Agent; any of them. What a client says of itself chooses a route and grants nothing. Counts as one header.",
      { examples: [["mobile"], ["browser", "bot"]] },
    ),
  ),
  consumer: z.optional(
    described(
      name(),
      "Only requests that carry this consumer's API key where the route's own `apiKey` policy reads it from a header. The route is chosen before anybody is identified: the policy judges the key again. Counts as one header.",
      { examples: ["mobile"] },
    ),
  ),
  query: z.optional(
    described(
      z.record(z.string().check(z.minLength(1)), z.string()),
      "Query parameters that must all be there with exactly these values.",
    ),
  ),
});

const timeouts = z.strictObject({
  connect: described(
    z.prefault(duration(), "3s"),
    "Until a connection to the endpoint stands, TLS included; then another endpoint is asked. 0s = no limit.",
  ),
  request: described(
    z.prefault(duration(), "0s"),
    "The whole exchange, from the request's head to the last byte of the answer. 0s = no limit.",
  ),
  backendRequest: described(
    z.prefault(duration(), "30s"),
    "One attempt, from its start to the head of the answer. 0s = no limit.",
  ),
  idle: described(
    z.prefault(duration(), "5m"),
    "Silence in both directions while a body, an event stream or a WebSocket flows. 0s = no limit.",
  ),
});

export const route = z.strictObject({
  name: described(name(), "The name that the trace shows and that state is kept by."),
  listeners: z.optional(
    described(
      z.array(z.string()).check(z.minLength(1, { error: "needs at least one listener; remove `listeners` for all" })),
      "Names of listeners: HTTP ones, or `TLS` ones (then `hostnames` are compared with the server name, SNI). Default: all HTTP listeners.",
    ),
  ),
  hostnames: z.optional(
    described(
      z.array(hostname()).check(z.minLength(1, { error: "needs at least one host name; remove `hostnames` for any" })),
      'Host names, without port; `"*.shop.localhost"` matches one or more labels before it. Default: any.',
      { examples: [["*.shop.localhost"]] },
    ),
  ),
  matches: z.optional(
    described(
      z
        .array(match, { error: "must be a list of matches" })
        .check(z.minLength(1, { error: "needs at least one match; remove `matches` to match every path" })),
      "Any of these; within one, all conditions. Default: every path.",
    ),
  ),
  policies: policyList("Policies for this route, by name or in place. They run in the order of their phases."),
  timeouts: described(z.prefault(timeouts, {}), "Time limits."),
  ...sendingFields,
  backendRefs: described(z.prefault(backendRefs, []), "The services that get the requests, by weight."),
});

export const policyFile = z.strictObject({
  version: described(z.literal(1, { error: "must be 1" }), "Version of this format: 1."),
  listeners: described(
    z
      .array(listener, { error: "must be a list of listeners" })
      .check(z.minLength(1, { error: "needs at least one listener" })),
    "Where the gateway listens.",
  ),
  consumers: described(
    z.prefault(z.array(consumer, { error: "must be a list of consumers" }), []),
    "Who may call, by API key.",
  ),
  services: described(
    z.prefault(z.record(name(), service), {}),
    "Where requests can go: services by name, each with its endpoints.",
  ),
  policies: described(
    z.prefault(z.record(name(), z.unknown().check(z.meta({ placeholder: "policy" satisfies Placeholder }))), {}),
    "Policies declared once and used by name in listeners, services and routes.",
  ),
  routes: described(
    z.prefault(z.array(route, { error: "must be a list of routes" }), []),
    "Which request goes where. The most specific match wins, not the first: exact path, longer prefix, regex; then a method, more headers, more query parameters, the order of the file. A host name counts before all of these.",
  ),
});

export type ListenerConfig = z.output<typeof listener>;
export type ConsumerConfig = z.output<typeof consumer>;
export type ServiceConfig = z.output<typeof service>;
export type BalancingConfig = z.output<typeof balancingFields>;
export type RouteConfig = z.output<typeof route>;
export type MatchConfig = z.output<typeof match>;
