/** Made-up machines: what belongs to the folder, what is a replica of what, and what is written about it. */
import assert from "node:assert/strict";
import { read } from "../../policyfile/read.ts";
import type { Sources } from "../../policyfile/secrets.ts";
import type { PortHint } from "./hints.ts";
import type { Listening } from "../../machine/listening.ts";
import { pathThrough, policyText } from "./policy-text.ts";
import { candidates, services, type Answer, type Candidate, type Package } from "./services.ts";

/** A policy that was written from what was found needs no secret and no file. */
const nothing: Sources = { env: () => undefined, file: () => undefined };

const FOLDER = "/home/me/shop";

function node(port: number, commandLine: string, folder: string | undefined = FOLDER, name = "node"): Listening {
  return { port, ipv4: true, process: { processId: 4000 + port, name, commandLine, folder } };
}

const PACKAGES: readonly Package[] = [
  { folder: `${FOLDER}/orders`, name: "@shop/orders" },
  { folder: FOLDER, name: "shop" },
];
const packageOf = (path: string): Package | undefined => PACKAGES.find(({ folder }) => path.startsWith(folder));
const own = (found: readonly Listening[], hints: readonly PortHint[] = []): Candidate[] =>
  candidates(found, hints, [FOLDER], packageOf);
const answered = (found: readonly Candidate[], answer: Answer = { path: "/healthz", status: 200 }) =>
  services(found.map((one) => [one, answer] as const));
const portsOf = (found: readonly Candidate[]): number[] => found.map(({ listening }) => listening.port);

describe("detected services", () => {
  it("takes what runs inside the folder, and nothing that only looks like it", () => {
    const found = [
      node(3001, "node server.js", `${FOLDER}/orders`),
      node(3002, "node server.js", "/home/me/shop-other"),
      node(3003, "node server.js", "/home/me"),
      { port: 3004, ipv4: true },
    ];
    assert.deepEqual(portsOf(own(found)), [3001]);
  });

  it("never takes databases, brokers, debuggers, or Switchyard itself", () => {
    const found = [
      node(5432, "postgres -D data", FOLDER, "postgres"),
      node(15_432, "postgres -D data", FOLDER, "postgres"),
      node(6379, "node fake-redis.js"),
      node(9229, "node --inspect server.js"),
      node(8080, "node /home/me/.vscode/extensions/switchyard.switchyard-0.1.0/dist/gateway.js switchyard.yaml"),
    ];
    assert.deepEqual(own(found, [{ port: 5432, name: "db", origin: "compose.yaml publishes it for db" }]), []);
  });

  it("takes a port that a file of the folder names, though its process cannot be seen", () => {
    const hint = { port: 3004, name: "web", origin: "compose.yaml publishes it for web" };
    const [web] = answered(own([{ port: 3004, ipv4: true }], [hint]));
    assert.equal(web.name, "web");
    assert.match(web.origin, /compose\.yaml publishes it for web/);
  });

  it("takes on Windows, which tells no folder, what names the folder in its command line", () => {
    const found = candidates(
      [
        {
          port: 3001,
          ipv4: true,
          process: { processId: 1, name: "node.exe", commandLine: "node C:\\shop\\server.js" },
        },
        {
          port: 3002,
          ipv4: true,
          process: { processId: 2, name: "node.exe", commandLine: "node C:\\other\\server.js" },
        },
      ],
      [],
      ["C:\\shop"],
      () => undefined,
    );
    assert.deepEqual(portsOf(found), [3001]);
  });

  it("counts processes of one package and command as replicas, whatever their ports", () => {
    const found = own([
      node(3001, "node server.js --port 3001", `${FOLDER}/orders`),
      node(3002, "node server.js --port 3002", `${FOLDER}/orders`),
      node(3003, "node server.js --port=3003", `${FOLDER}/orders`),
    ]);
    const [orders, ...rest] = answered(found);
    assert.deepEqual(rest, []);
    assert.equal(orders.name, "orders");
    assert.deepEqual(
      orders.replicas.map(({ url }) => url),
      ["http://127.0.0.1:3001", "http://127.0.0.1:3002", "http://127.0.0.1:3003"],
    );
    assert.match(orders.origin, /3 processes of it are replicas/);
  });

  it("keeps different programs of one package apart and names them by their files", () => {
    const found = own([
      node(3001, "node services/orders.mjs"),
      node(3002, "node services/cart.mjs"),
      node(3003, "node services/cart.mjs"),
    ]);
    assert.deepEqual(
      answered(found).map(({ name, replicas }) => [name, replicas.length]),
      [
        ["orders", 1],
        ["cart", 2],
      ],
    );
  });

  it("gives each service a name of its own that the policy file takes", () => {
    const found = [
      { listening: node(3001, "node Über_Cart.js", "/w/a") },
      { listening: node(3002, "node Über_Cart.js", "/w/b") },
      { listening: node(3003, "python3 -m 中", "/w/中", "python3") },
    ];
    assert.deepEqual(
      answered(found).map(({ name }) => name),
      ["ber-cart", "ber-cart-2", "service"],
    );
  });

  it("promises a health check only when every replica answered it well", () => {
    const pair = own([node(3001, "node s.js"), node(3002, "node s.js")]);
    const answers: readonly Answer[] = [
      { path: "/healthz", status: 200 },
      { path: "/healthz", status: 404 },
    ];
    assert.equal(services(pair.map((one, at) => [one, answers[at]] as const))[0].health, undefined);
    assert.equal(answered(pair)[0].health, "/healthz");
  });

  it("writes a policy without any error, each endpoint with the process behind it", () => {
    const nasty = node(3003, "node evil.js\r\n- { hack: 1 } # \u2028x", `${FOLDER}/evil\nfolder`);
    const found = answered([
      ...own([node(3001, "node server.js", `${FOLDER}/orders`), node(3002, "node server.js", `${FOLDER}/orders`)]),
      { listening: nasty },
      { listening: { ...node(3004, "node v6.js"), ipv4: false } },
    ]);
    const text = policyText(found, 8081);
    const { diagnostics } = read(text, "switchyard.yaml", nothing);
    assert.deepEqual(
      diagnostics.filter(({ severity }) => severity === "error"),
      [],
      text,
    );
    assert.match(text, /http:\/\/127\.0\.0\.1:3001" } # process 7001: node server\.js; GET \/healthz answered 200/);
    assert.match(text, /http:\/\/\[::1\]:3004/);
    assert.match(text, /port: 8081 } # the next free port after 8080/);
    assert.equal(pathThrough(found[0], "/healthz", found.length), "/orders/healthz");
  });

  it("gives an only service every path, and a silent one no health check", () => {
    const [only] = answered(own([node(3001, "node server.js")]), { path: "/healthz", status: 404 });
    const text = policyText([only], 8080);
    assert.doesNotMatch(text, /matches|urlRewrite|healthCheck/);
    assert.equal(pathThrough(only, "/healthz", 1), "/healthz");
    assert.deepEqual(
      read(text, "switchyard.yaml", nothing).diagnostics.filter(({ severity }) => severity === "error"),
      [],
    );
  });
});
