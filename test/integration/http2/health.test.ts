/** Active checks of every type: gRPC's own health call against @grpc/grpc-js, bare TCP, and PROXY headers before both. */
import assert from "node:assert/strict";
import * as grpc from "@grpc/grpc-js";
import { createServer, type Socket } from "node:net";
import { freePort } from "../../free-port.ts";
import { all, atEnd, echo, server, start, stopEverything, type Running } from "../layer4/harness.ts";

const bytes = (value: Buffer): Buffer => value;
const definition = {
  check: {
    path: "/grpc.health.v1.Health/Check",
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
} satisfies grpc.ServiceDefinition;

/** 1 = SERVING, 2 = NOT_SERVING; a service that is not in the map is NOT_FOUND, as the protocol wants it. */
async function healthServer(statuses: Map<string, number>): Promise<number> {
  const made = new grpc.Server();
  made.addService(definition, {
    check(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      const status = statuses.get(call.request.subarray(2).toString("utf8"));
      if (status === undefined) return done({ code: grpc.status.NOT_FOUND, details: "unknown service" });
      done(null, Buffer.from([0x08, status]));
    },
  });
  atEnd(() => made.forceShutdown());
  return new Promise((resolve, reject) =>
    made.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
}

const policy = (url: string, active: string, more = "", listener = "protocol: TCP, backendRefs: [{ service: s }]") => `
listeners: [{ name: edge, port: 0, ${listener} }]
services: { s: { endpoints: [{ url: "${url}" }], healthCheck: { active: { interval: 50ms, unhealthyThreshold: 1, ${active} } }${more} } }
`;
const HTTP = "protocol: HTTP";
const routes = "\nroutes: [{ name: r, backendRefs: [{ service: s }] }]";

const healthOf = ({ gateway }: Running): string =>
  gateway.servicesView({ generation: "", seq: 0 }).services[0].endpoints[0].health;

async function becomes(running: Running, wanted: string): Promise<void> {
  while (healthOf(running) !== wanted) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("health checks of every type", () => {
  afterEach(stopEverything);

  it("believe a gRPC server that says SERVING, and follow it when it changes its mind", async () => {
    const statuses = new Map([["", 1]]);
    const port = await healthServer(statuses);
    const running = await start(policy(`http://localhost:${port}`, "type: GRPC", "", HTTP) + routes);
    await becomes(running, "up");
    statuses.set("", 2);
    await becomes(running, "down");
    statuses.set("", 1);
    await becomes(running, "up");
  });

  it("ask about one service by name; one that is not known is down", async () => {
    const port = await healthServer(new Map([["shop.Orders", 1]]));
    const known = await start(
      policy(`http://localhost:${port}`, "type: GRPC, service: shop.Orders", "", HTTP) + routes,
    );
    await becomes(known, "up");
    const unknown = await start(
      policy(`http://localhost:${port}`, "type: GRPC, service: shop.Carts", "", HTTP) + routes,
    );
    await becomes(unknown, "down");
  });

  it("take a server that does not speak gRPC for down", async () => {
    const port = await echo("hello");
    await becomes(await start(policy(`http://localhost:${port}`, "type: GRPC", "", HTTP) + routes), "down");
  });

  it("only connect where bytes have no meaning here: the default for tcp://", async () => {
    const heard: Promise<Buffer>[] = [];
    const port = await server((socket) => void heard.push(all(socket)));
    const running = await start(policy(`tcp://localhost:${port}`, ""));
    await becomes(running, "up");
    assert.equal((await heard[0]).length, 0);
    await becomes(await start(policy(`tcp://localhost:${await freePort()}`, "")), "down");
  });

  it("begin with a PROXY header where connections do, so that the server need not guess", async () => {
    const heard: Promise<Buffer>[] = [];
    const port = await server((socket) => void heard.push(all(socket)));
    await becomes(await start(policy(`tcp://localhost:${port}`, "", ", proxyProtocol: v1")), "up");
    assert.equal((await heard[0]).toString("latin1"), "PROXY UNKNOWN\r\n");
    const asked = new Promise<string>((resolve) => {
      const made = createServer((socket: Socket) => {
        socket.on("error", () => {});
        socket.once("data", (piece: Buffer) => {
          resolve(piece.toString("latin1"));
          socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        });
      });
      atEnd(() => void made.close());
      made.listen(0, "127.0.0.1", () => {
        const { port: own } = made.address() as { port: number };
        void start(policy(`tcp://127.0.0.1:${own}`, "path: /healthz", ", proxyProtocol: v1"));
      });
    });
    assert.match(await asked, /^PROXY UNKNOWN\r\n(?:GET \/healthz HTTP\/1\.1\r\n|$)/);
  });

  it("leave no row at a listener that waits for PROXY headers", async () => {
    const inner = await start(`
listeners: [{ name: inner, port: 0, proxyProtocol: { accept: true, trusted: [127.0.0.0/8, "::1"] } }]
services: { x: { endpoints: [{ url: "http://localhost:${await freePort()}" }] } }
routes: [{ name: r, backendRefs: [{ service: x }] }]`);
    const outer = await start(policy(`tcp://127.0.0.1:${inner.port("inner")}`, "", ", proxyProtocol: v2"));
    await becomes(outer, "up");
    assert.equal(inner.gateway.recorder.total, 0);
  });

  it("say Drain and Maintenance apart from what the probe says", async () => {
    const port = await echo();
    const running = await start(policy(`tcp://localhost:${port}`, ""));
    await becomes(running, "up");
    const url = `tcp://localhost:${port}`;
    for (const [admin, health] of [
      ["Drain", "drain"],
      ["Maintenance", "maintenance"],
      ["Up", "up"],
    ] as const) {
      running.gateway.setAdmin("s", url, admin);
      assert.equal(healthOf(running), health);
    }
  });
});
