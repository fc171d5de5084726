/**
 * A gRPC call that fails is a 200 of HTTP: what its status says against the replica, in trailers and in trailers-only
 * answers, ejects it and opens the circuit as a 5xx would, and is told in the row and in the replica's state.
 */
import assert from "node:assert/strict";
import * as grpc from "@grpc/grpc-js";
import { atEnd, start, stopEverything, type Running } from "../layer4/harness.ts";

const bytes = (value: Buffer): Buffer => value;
const method = (path: string, responseStream: boolean) => ({
  path: `/shop.Orders/${path}`,
  requestStream: false,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});
const definition = { unary: method("Unary", false), list: method("List", true) };

/** Fails with `code`, at once or after one message. */
async function orders(code: number): Promise<number> {
  const server = new grpc.Server();
  server.addService(definition, {
    unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
      code === 0 ? done(null, call.request) : done({ code, details: "as asked" }),
    list(call: grpc.ServerWritableStream<Buffer, Buffer>) {
      call.write(call.request);
      if (code === 0) call.end();
      else call.emit("error", { code, details: "as asked" });
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  atEnd(() => server.forceShutdown());
  return port;
}

async function gateway(ports: readonly number[], service: string) {
  const running = await start(`
listeners: [{ name: edge, port: 0, address: 127.0.0.1 }]
services: { s: { endpoints: [${ports.map((port) => `{ url: "http://127.0.0.1:${port}" }`).join(", ")}], ${service} } }
routes: [{ name: r, backendRefs: [{ service: s }] }]`);
  const Client = grpc.makeGenericClientConstructor(definition, "Orders");
  const client = new Client(`127.0.0.1:${running.port("edge")}`, grpc.credentials.createInsecure());
  atEnd(() => client.close());
  const unary = (): Promise<number> =>
    new Promise((resolve) =>
      client.makeUnaryRequest("/shop.Orders/Unary", bytes, bytes, Buffer.from("x"), (error) =>
        resolve(error?.code ?? 0),
      ),
    );
  const list = (): Promise<number> =>
    new Promise((resolve) => {
      const call = client.makeServerStreamRequest("/shop.Orders/List", bytes, bytes, Buffer.from("x"));
      call.on("data", () => {});
      call.on("error", () => {});
      call.on("status", ({ code }) => resolve(code));
    });
  return { running, unary, list };
}

const view = (running: Running) => running.gateway.servicesView({ generation: "", seq: 0 }).services[0];

describe("gRPC statuses against a replica", () => {
  afterEach(stopEverything);

  for (const kind of ["unary", "list"] as const) {
    it(`eject it like a 5xx (${kind === "unary" ? "trailers-only" : "trailers after a message"})`, async () => {
      const ports = [await orders(grpc.status.UNAVAILABLE), await orders(0)];
      const made = await gateway(ports, "healthCheck: { passive: { consecutive5xx: 2, maxEjectionPercent: 50 } }");
      const codes: number[] = [];
      for (let i = 0; i < 8; i++) codes.push(await made[kind]());
      assert.equal(codes.filter((code) => code === grpc.status.UNAVAILABLE).length, 2, String(codes));
      const rows = await made.running.rows(8);
      const bad = rows.find(({ grpcStatus }) => grpcStatus === 14);
      assert.match(bad?.why ?? "", /^gRPC status 14 UNAVAILABLE \(counts as a 503 of its replica\)/);
      const [endpoint] = view(made.running).endpoints;
      assert.match(
        endpoint.sentence,
        /^ejected, back in .* after 2 failures \(the last one gRPC status 14 UNAVAILABLE\)$/,
      );
      assert.equal(endpoint.history?.at(-1), 1);
    });
  }

  it("say nothing against it where the caller is at fault", async () => {
    const made = await gateway(
      [await orders(grpc.status.NOT_FOUND)],
      "healthCheck: { passive: { consecutive5xx: 2 } }",
    );
    for (let i = 0; i < 4; i++) assert.equal(await made.unary(), grpc.status.NOT_FOUND);
    const [row] = await made.running.rows(4);
    assert.match(row.why, /^gRPC status 5 NOT_FOUND(?:;|$)/);
    const [endpoint] = view(made.running).endpoints;
    assert.deepEqual([endpoint.health, endpoint.sentence, endpoint.history?.at(-1)], ["up", "up", 0]);
  });

  it("open the circuit", async () => {
    const circuit = "circuitBreaker: { errorRate: 0.5, minimumRequests: 3, openFor: 10s }";
    const passive = "healthCheck: { passive: { consecutive5xx: 0 } }";
    const made = await gateway([await orders(grpc.status.INTERNAL)], `${circuit}, ${passive}`);
    for (let i = 0; i < 3; i++) assert.equal(await made.unary(), grpc.status.INTERNAL);
    assert.equal(await made.unary(), grpc.status.UNAVAILABLE, "the gateway's own refusal");
    assert.match(JSON.stringify(view(made.running)), /circuit breaker open: 3 of 3 attempts failed/);
  });
});
