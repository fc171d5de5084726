import assert from "node:assert/strict";
import { read } from "./read.ts";

const sources = { env: () => "secret", file: () => undefined };

interface Parts {
  readonly listener?: string;
  readonly services?: string;
  readonly routes?: string;
  readonly policies?: string;
}

/** One layer-4 listener over one service, and what is added to them. */
function problems({ listener = "", services = "", routes = "", policies = "" }: Parts): string[] {
  const text = `version: 1
listeners: [{ name: db, port: 5433, protocol: TCP, backendRefs: [{ service: pg }]${policies} }${listener}]
services: { pg: { endpoints: [{ url: "tcp://localhost:5432" }] }${services} }
routes: [${routes}]
`;
  return read(text, "layers.yaml", sources)
    .diagnostics.filter(({ severity }) => severity !== "hint")
    .map(({ code, message }) => `${code} ${message}`);
}

function only(parts: Parts): string {
  const found = problems(parts);
  assert.equal(found.length, 1, found.join("\n"));
  return found[0];
}

const web = `{ endpoints: [{ url: "http://localhost:4001" }] }`;

describe("layers of a policy file", () => {
  it("accept a TCP, a UDP and a TLS listener, a route by server name, and policies that need addresses alone", () => {
    const found = problems({
      listener: `,
  { name: dns, port: 5433, protocol: UDP, maxConnections: 9, timeouts: { idle: 2s }, backendRefs: [{ service: dns }] },
  { name: tls, port: 8443, protocol: TLS, proxyProtocol: { accept: true, trusted: [10.0.0.0/8] } }`,
      services: `, dns: { endpoints: [{ url: "udp://localhost:53" }] }`,
      routes: `{ name: a, listeners: [tls], hostnames: ["*.a.test"], policies: [{ ipFilter: { deny: [10.1.1.1] } }], timeouts: { idle: 9s }, backendRefs: [{ service: pg }] }`,
      policies: `, policies: [{ ipFilter: { allow: [127.0.0.0/8] } }, { rateLimit: { key: client.ip, requests: 9, per: 1s } }]`,
    });
    assert.deepEqual(found, []);
  });

  it("give each layer-4 listener a route of its own, behind those that name a server", () => {
    const text = `version: 1
listeners: [{ name: tls, port: 8443, protocol: TLS, backendRefs: [{ service: pg }] }, { name: web, port: 80 }]
services: { pg: { endpoints: [{ url: "tcp://localhost:5432" }], proxyProtocol: v2 }, web: ${web} }
routes:
  - { name: any, backendRefs: [{ service: web }] }
  - { name: a, listeners: [tls], hostnames: [a.test], backendRefs: [{ service: pg }] }
`;
    const { plan, diagnostics } = read(text, "layers.yaml", sources);
    assert.ok(plan, JSON.stringify(diagnostics));
    const names = plan.order.map((ranked) => ranked.map(({ route }) => plan.routes[route].name));
    assert.deepEqual(names, [["a", "listener/tls"], ["any"]]);
    assert.deepEqual(plan.routes[2].timeouts, { connect: 3000, request: 0, backendRequest: 0, idle: 300_000 });
    assert.equal(plan.listeners[0].maxConnections, 10_000);
    assert.equal(plan.services[0].proxyProtocol, 2);
  });

  it("refuse policies that need a request, wherever they reach layer 4 from", () => {
    const words = "works at layer 4, where there are only addresses.";
    assert.equal(
      only({ policies: ", policies: [{ apiKey: {} }]" }),
      `SY214 \`apiKey\` needs HTTP, and \`db\` ${words}`,
    );
    const limit = (more: string) => `, policies: [{ rateLimit: { requests: 1, per: 1s, ${more} } }]`;
    assert.equal(
      only({ policies: limit("key: header.x-tenant") }),
      `SY214 \`rateLimit\` reads \`header.x-tenant\` of the request, and \`db\` ${words}`,
    );
    assert.equal(
      only({ policies: limit(`key: client.ip, when: "request.method == 'GET'"`) }),
      `SY214 \`rateLimit\` reads \`when\`, which looks at the request, and \`db\` ${words}`,
    );
    assert.match(
      only({
        listener: ", { name: tls, port: 1, protocol: TLS, backendRefs: [{ service: keyed }] }",
        services: `, keyed: { endpoints: [{ url: "tcp://localhost:1" }], policies: [{ apiKey: {} }] }`,
      }),
      /^SY214 `apiKey` needs HTTP, and `tls`/,
    );
  });

  it("say what a listener cannot have", () => {
    const edge = (more: string) => `, { name: edge, port: 8080, ${more} }`;
    const routes = "{ name: r, backendRefs: [{ service: web }] }";
    const services = `, web: ${web}`;
    assert.match(
      only({ listener: edge("backendRefs: [{ service: web }]"), services, routes }),
      /^SY218 `HTTP` listeners/,
    );
    assert.match(only({ listener: edge("timeouts: { idle: 1s }"), services, routes }), /^SY218 Time limits of `HTTP`/);
    const udp = "protocol: UDP, timeouts: { connect: 1s }, backendRefs: [{ service: dns }]";
    const dns = `, dns: { endpoints: [{ url: "udp://localhost:53" }] }`;
    assert.match(only({ listener: edge(udp), services: dns }), /^SY218 `timeouts.connect` needs a connection/);
    assert.match(only({ listener: edge("protocol: UDP") }), /^SY216 The listener `edge` sends its connections nowhere/);
    assert.match(only({ listener: edge("protocol: TLS") }), /^SY216 The listener `edge` sends its connections nowhere/);
    assert.match(
      only({
        listener: edge("protocol: TLS, proxyProtocol: { accept: true, trusted: [] }, backendRefs: [{ service: pg }]"),
      }),
      /^SY102 .*nobody else may say who the client is/,
    );
    assert.match(
      only({ listener: edge("proxyProtocol: { accept: true, trusted: [10.0.0.1/8] }"), services, routes }),
      /^SY211 .*the block is 10\.0\.0\.0\/8/,
    );
  });

  it("say what a route of a TLS listener cannot have", () => {
    const listener = ", { name: tls, port: 8443, protocol: TLS }, { name: web, port: 80 }";
    const route = (more: string) => `{ name: r, hostnames: [a.test], backendRefs: [{ service: pg }], ${more} }`;
    const routed = (more: string) => only({ listener, routes: route(more) });
    assert.match(routed("listeners: [tls], matches: [{ methods: [GET] }]"), /^SY218 `matches` needs HTTP/);
    assert.match(routed("listeners: [tls], timeouts: { request: 1s }"), /^SY218 `timeouts.request` needs requests/);
    assert.match(routed("listeners: [tls, web]"), /^SY218 `web` is of another layer/);
    assert.match(routed("listeners: [tls, db]"), /^SY218 `db` is a TCP listener: it sees no name to route by/);
  });

  it("hold services to what their endpoints speak", () => {
    const listener =
      ", { name: dns, port: 53, protocol: UDP, backendRefs: [{ service: pg }] }, { name: web, port: 80 }";
    assert.match(only({ listener }), /^SY218 `pg` has an endpoint `tcp:`, which a UDP listener cannot send/);
    const edge = ", { name: web, port: 80 }";
    const routes = "{ name: r, backendRefs: [{ service: pg }] }";
    assert.match(only({ listener: edge, routes }), /^SY218 `pg` has an endpoint `tcp:`, which an HTTP route cannot/);
    const proxied = `, p: { endpoints: [{ url: "http://localhost:1" }], proxyProtocol: v1 }`;
    assert.match(
      only({ listener: edge, services: proxied, routes: "{ name: r, backendRefs: [{ service: p }] }" }),
      /^SY218 `p` wants PROXY headers .* shared by clients/,
    );
    const dns = `, p: { endpoints: [{ url: "udp://localhost:53" }], proxyProtocol: v1 }`;
    const flows = ", { name: dns, port: 53, protocol: UDP, backendRefs: [{ service: p }] }";
    assert.match(
      only({ listener: flows, services: dns }),
      /^SY218 `p` wants PROXY headers .* only version 2 can stand before a datagram/,
    );
  });

  it("warn of a route that no HTTP listener leads to", () => {
    const services = `, web: ${web}`;
    const found = only({ services, routes: "{ name: r, backendRefs: [{ service: web }] }" });
    assert.equal(found, "SY201 The route `r` never gets a request: the file has no HTTP listener.");
  });

  it("let TCP and UDP have the same port", () => {
    const dns = `, dns: { endpoints: [{ url: "udp://localhost:53" }] }`;
    const udp = ", { name: dns, port: 5433, protocol: UDP, backendRefs: [{ service: dns }] }";
    assert.deepEqual(problems({ listener: udp, services: dns }), []);
    assert.match(only({ listener: udp.replace("UDP", "TCP").replace("dns }] }", "pg }] }") }), /^SY210/);
  });
});
