/** gRPC through the gateway is gRPC without it: every kind of call, status, metadata, cancellation and deadline. */
import assert from "node:assert/strict";
import * as grpc from "@grpc/grpc-js";
import { stopEverything } from "../engine/harness.ts";
import { policy, serve, type Serving } from "../tls/running.ts";

const bytes = (value: Buffer): Buffer => value;
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/shop.Orders/${path}`,
  requestStream,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});
const definition = {
  unary: method("Unary", false, false),
  collect: method("Collect", true, false),
  list: method("List", false, true),
  chat: method("Chat", true, true),
} satisfies grpc.ServiceDefinition;

/** What one call has told. */
interface Told {
  messages: string[];
  code: number;
  details: string;
  metadata: Record<string, unknown>;
  trailers: Record<string, unknown>;
}

/** Only what a service sends: what a proxy adds is its own. */
const own = (metadata: grpc.Metadata | undefined): Record<string, unknown> =>
  Object.fromEntries(Object.entries(metadata?.getMap() ?? {}).filter(([name]) => name.startsWith("x-")));

describe("gRPC", () => {
  let server: grpc.Server;
  let target = 0;
  let cancelled: Promise<void>;
  const clients: grpc.Client[] = [];

  before(async () => {
    let told: () => void = () => {};
    cancelled = new Promise((resolve) => (told = resolve));
    server = new grpc.Server();
    const trailers = (call: { metadata: grpc.Metadata }): grpc.Metadata => {
      const found = new grpc.Metadata();
      found.set("x-trailer", "end");
      found.set("x-echo", String(call.metadata.get("x-caller")[0] ?? ""));
      return found;
    };
    const greet = (call: { sendMetadata(metadata: grpc.Metadata): void }): void => {
      const found = new grpc.Metadata();
      found.set("x-leading", "begin");
      found.set("x-binary-bin", Buffer.from([0, 255, 7]));
      call.sendMetadata(found);
    };
    server.addService(definition, {
      unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
        const word = call.request.toString();
        if (word === "wait") return;
        if (word === "fail") {
          return done({ code: grpc.status.FAILED_PRECONDITION, details: "not today: ä%", metadata: trailers(call) });
        }
        greet(call);
        done(null, Buffer.from(word.toUpperCase()), trailers(call));
      },
      collect(call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
        const words: string[] = [];
        call.on("data", (word: Buffer) => words.push(word.toString()));
        call.on("end", () => done(null, Buffer.from(words.join("+")), trailers(call)));
      },
      list(call: grpc.ServerWritableStream<Buffer, Buffer>) {
        greet(call);
        const count = Number(call.request.toString());
        for (let i = 0; i < count; i++) call.write(Buffer.from(`item ${i}`));
        call.end(trailers(call));
      },
      chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
        greet(call);
        call.on("cancelled", told);
        call.on("data", (word: Buffer) => call.write(Buffer.from(`<${word.toString()}>`)));
        call.on("end", () => call.end(trailers(call)));
      },
    });
    target = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
  });
  after(() => server.forceShutdown());
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await stopEverything();
  });

  const Client = grpc.makeGenericClientConstructor(definition, "Orders");
  type Calls = grpc.Client &
    Record<keyof typeof definition, (...words: unknown[]) => grpc.ClientDuplexStream<Buffer, Buffer>>;

  function client(port: number): Calls {
    const made = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure()) as unknown as Calls;
    clients.push(made);
    return made;
  }

  const gateway = (more: object = {}): Promise<Serving> =>
    serve(policy({ url: `http://127.0.0.1:${target}`, service: "protocol: HTTP2", ...more }), process.cwd());

  const metadata = (): grpc.Metadata => {
    const sent = new grpc.Metadata();
    sent.set("x-caller", "alice");
    return sent;
  };

  function call(
    port: number,
    kind: keyof typeof definition,
    words: readonly string[],
    options: grpc.CallOptions = {},
  ): Promise<Told> {
    const told: Told = { messages: [], code: -1, details: "", metadata: {}, trailers: {} };
    return new Promise((resolve) => {
      const { requestStream, responseStream } = definition[kind];
      const answer = (_: unknown, message?: Buffer): void => {
        if (message !== undefined) told.messages.push(message.toString());
      };
      const sent = requestStream ? [] : [Buffer.from(words[0])];
      const made = client(port)[kind](...sent, metadata(), options, ...(responseStream ? [] : [answer]));
      made.on("metadata", (found) => (told.metadata = own(found)));
      if (responseStream) {
        made.on("data", (message: Buffer) => told.messages.push(message.toString()));
        made.on("error", () => {});
      }
      made.on("status", ({ code, details, metadata: found }) => {
        Object.assign(told, { code, details, trailers: own(found) });
        setImmediate(() => resolve(told));
      });
      if (requestStream) {
        for (const word of words) made.write(Buffer.from(word));
        made.end();
      }
    });
  }

  const cases: readonly (readonly [string, keyof typeof definition, readonly string[], number])[] = [
    ["a unary call", "unary", ["hello"], grpc.status.OK],
    ["a call that fails", "unary", ["fail"], grpc.status.FAILED_PRECONDITION],
    ["client streaming", "collect", ["a", "b", "c"], grpc.status.OK],
    ["server streaming", "list", ["300"], grpc.status.OK],
    ["server streaming of nothing", "list", ["0"], grpc.status.OK],
    ["bidirectional streaming", "chat", ["a", "b"], grpc.status.OK],
  ];
  for (const [name, kind, words, code] of cases) {
    it(`is the same as direct: ${name}`, async () => {
      const serving = await gateway();
      const direct = await call(target, kind, words);
      assert.equal(direct.code, code);
      assert.deepEqual(await call(serving.port, kind, words), direct);
      const [row] = await serving.keeper.has(1);
      assert.equal(row.protocol, "grpc");
    });
  }

  it("is the same as direct when the deadline passes", async () => {
    const serving = await gateway();
    const options = (): grpc.CallOptions => ({ deadline: Date.now() + 300 });
    const direct = await call(target, "unary", ["wait"], options());
    const through = await call(serving.port, "unary", ["wait"], options());
    assert.equal(direct.code, grpc.status.DEADLINE_EXCEEDED);
    assert.equal(through.code, direct.code);
  });

  it("takes turns in a bidirectional stream, and its cancellation reaches the service", async () => {
    const serving = await gateway();
    const chat = client(serving.port).chat(metadata());
    const next = (): Promise<string> =>
      new Promise((resolve) => chat.once("data", (word: Buffer) => resolve(word.toString())));
    for (const word of ["one", "two", "three"]) {
      const answer = next();
      chat.write(Buffer.from(word));
      assert.equal(await answer, `<${word}>`);
    }
    const status = new Promise<number>((resolve) => chat.on("status", ({ code }) => resolve(code)));
    chat.on("error", () => {});
    chat.cancel();
    assert.equal(await status, grpc.status.CANCELLED);
    await cancelled;
  });

  it("goes out as HTTP/2 also when the service does not say so", async () => {
    const serving = await gateway({ service: "" });
    assert.deepEqual((await call(serving.port, "unary", ["hello"])).messages, ["HELLO"]);
  });

  it("gets refusals as a status with the reason in words", async () => {
    const serving = await gateway({ route: "policies: [{ apiKey: { header: x-key } }]" });
    const { code, details } = await call(serving.port, "unary", ["hello"]);
    assert.equal(code, grpc.status.UNAUTHENTICATED);
    assert.match(details, /x-key/i);
    const nowhere = await gateway({ route: "matches: [{ path: { prefix: /other } }]" });
    assert.equal((await call(nowhere.port, "unary", ["hello"])).code, grpc.status.UNIMPLEMENTED);
  });

  it("is told UNAVAILABLE when nobody listens", async () => {
    const serving = await serve(policy({ url: "http://127.0.0.1:1", service: "protocol: HTTP2" }), process.cwd());
    const { code, details } = await call(serving.port, "unary", ["hello"]);
    assert.equal(code, grpc.status.UNAVAILABLE);
    assert.match(details, /refused the connection/);
  });
});
