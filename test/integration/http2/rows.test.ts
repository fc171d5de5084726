/** What rows of HTTP/2 say: a gRPC call is judged by its own status, and filters know what was spoken. */
import assert from "node:assert/strict";
import * as grpc from "@grpc/grpc-js";
import { compileFilter } from "../../../src/gateway/record/filter/compile.ts";
import { parseFilter } from "../../../src/gateway/record/filter/syntax.ts";
import { atEnd, start, stopEverything, type Running } from "../layer4/harness.ts";

const bytes = (value: Buffer): Buffer => value;
const definition = {
  unary: {
    path: "/shop.Orders/Unary",
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
} satisfies grpc.ServiceDefinition;

/** Answers with the status that its request names. */
async function orders(): Promise<number> {
  const made = new grpc.Server();
  made.addService(definition, {
    unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      const code = Number(call.request.toString());
      if (code === 0) done(null, Buffer.from("fine"));
      else done({ code, details: "as asked" });
    },
  });
  atEnd(() => made.forceShutdown());
  return new Promise((resolve, reject) =>
    made.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
}

/** @returns ids of the rows that a filter lets through. */
function found({ gateway: { recorder } }: Running, text: string): number[] {
  const parsed = parseFilter(text);
  assert.ok("filter" in parsed, text);
  const { test } = compileFilter(parsed.filter, { recorder, wallClock: () => 0, savedAt: () => 0 });
  const ids: number[] = [];
  for (let id = recorder.first; id < recorder.next; id++) {
    const { chunk, index } = recorder.place(id)!;
    if (test(chunk, index)) ids.push(id - recorder.first);
  }
  return ids;
}

describe("rows of HTTP/2", () => {
  afterEach(stopEverything);

  it("show how a gRPC call went, whose HTTP status is always 200, and can be filtered by it", async () => {
    const running = await start(`
listeners: [{ name: edge, port: 0 }]
services: { s: { endpoints: [{ url: "http://127.0.0.1:${await orders()}" }] } }
routes: [{ name: r, matches: [{ path: { prefix: /shop.Orders } }], backendRefs: [{ service: s }] }]`);
    const port = running.port("edge");
    const client = new (grpc.makeGenericClientConstructor(definition, "Orders"))(
      `127.0.0.1:${port}`,
      grpc.credentials.createInsecure(),
    );
    atEnd(() => client.close());
    const call = (path: string, code: number): Promise<number> =>
      new Promise((resolve) =>
        client.makeUnaryRequest(path, bytes, bytes, Buffer.from(String(code)), (error) => resolve(error?.code ?? 0)),
      );
    const { NOT_FOUND, UNAVAILABLE, UNIMPLEMENTED } = grpc.status;
    for (const code of [0, NOT_FOUND, UNAVAILABLE]) assert.equal(await call("/shop.Orders/Unary", code), code);
    // No route: the gateway's own answer.
    assert.equal(await call("/shop.Carts/Get", 0), UNIMPLEMENTED);
    await (await fetch(`http://127.0.0.1:${port}/shop.Orders`)).text();
    const rows = await running.rows(5);
    assert.deepEqual(
      rows.map(({ protocol, state, grpcStatus }) => [protocol, state, grpcStatus]),
      [
        ["grpc", "ok", 0],
        ["grpc", "clientError", NOT_FOUND],
        ["grpc", "upstreamError", UNAVAILABLE],
        ["grpc", "rejected", UNIMPLEMENTED],
        ["http/1.1", rows[4].state, undefined],
      ],
    );
    assert.match(rows[2].why, /^gRPC status 14 UNAVAILABLE/);
    assert.deepEqual(found(running, "is:grpc"), [0, 1, 2, 3]);
    assert.deepEqual(found(running, "grpc>0"), [1, 2, 3]);
    assert.deepEqual(found(running, "grpc:14"), [2]);
    assert.deepEqual(found(running, "proto:grpc"), [0, 1, 2, 3]);
    assert.deepEqual(found(running, "proto:h2"), [0, 1, 2, 3]);
    assert.deepEqual(found(running, "proto:http/1.1"), [4]);
    assert.deepEqual(found(running, "-proto:h2"), [4]);
    assert.deepEqual(found(running, "proto:tcp"), []);
    const unknown = parseFilter("proto:spdy");
    assert.ok("problem" in unknown && unknown.problem.message.includes("Known are http/1.1, h2"));
  });
});
