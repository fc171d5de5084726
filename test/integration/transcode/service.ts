/**
 * A gRPC service of grpc-js, described by its own loader: what the gateway translates is read by others' code.
 * Must not use anything of the gateway.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import protobuf from "protobufjs";

export const PROTOS = join(import.meta.dirname, "protos");

/** What comes with the gateway, or is not needed there, the loader has from elsewhere. */
const folders = [
  PROTOS,
  join(import.meta.dirname, "third-party"),
  join(import.meta.dirname, "../../../node_modules/protobufjs"),
];

type Message = Record<string, unknown>;

export interface Service {
  readonly port: number;
  /** Metadata of the last call. */
  metadata(): Record<string, unknown>;
  /** Messages that a stream has given to the transport so far. */
  sent(): number;
  /** Settles when a call has come that is never answered. */
  waiting(): Promise<void>;
  /** Settles when a call was cancelled, or its deadline has passed. */
  cancelled(): Promise<void>;
  /** Milliseconds that the caller has left the last call, as it came. */
  deadline(): number;
  stop(): void;
}

export interface ServiceOptions {
  /** Absent = none. "package": that of grpc-js, which describes packages instead of files and tells no options. */
  readonly reflection?: "v1" | "v1alpha" | "package";
}

const options = { keepCase: true, longs: String, enums: String, bytes: Buffer, oneofs: true, includeDirs: folders };

/** google.rpc.Status with a detail of a known and of an unknown type, as its bytes. */
function details(code: number, message: string): Buffer {
  const root = protobuf.parse(
    `syntax = "proto3"; package google.rpc;
     message Any { string type_url = 1; bytes value = 2; }
     message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
     message BadRequest { message FieldViolation { string field = 1; string description = 2; } repeated FieldViolation field_violations = 1; }`,
    { keepCase: true },
  ).root;
  const violation = root
    .lookupType("google.rpc.BadRequest")
    .encode({ field_violations: [{ field: "count", description: "is too small" }] })
    .finish();
  const type = root.lookupType("google.rpc.Status");
  const anys = [
    { type_url: "type.googleapis.com/google.rpc.BadRequest", value: violation },
    { type_url: "type.googleapis.com/shop.Unheard", value: Buffer.from([1, 2]) },
  ];
  return Buffer.from(type.encode({ code, message, details: anys }).finish());
}

export async function startService({ reflection }: ServiceOptions = {}): Promise<Service> {
  const definition = loadSync("orders.proto", options);
  const loaded = grpc.loadPackageDefinition(definition) as unknown as {
    shop: { v1: { Orders: { service: grpc.ServiceDefinition } } };
  };
  let metadata: Record<string, unknown> = {};
  let sent = 0;
  let deadline = 0;
  let tell: () => void = () => {};
  const cancelled = new Promise<void>((resolve) => (tell = resolve));
  let begin: () => void = () => {};
  const waiting = new Promise<void>((resolve) => (begin = resolve));
  const note = (call: grpc.ServerUnaryCall<Message, Message> | grpc.ServerWritableStream<Message, Message>): void => {
    metadata = call.metadata.getMap();
    deadline = Number(call.getDeadline()) - Date.now();
    call.on("cancelled", tell);
  };
  const echo = (call: grpc.ServerUnaryCall<Message, Message>, done: grpc.sendUnaryData<Message>): void => {
    note(call);
    const leading = new grpc.Metadata();
    leading.set("x-leading", "begin");
    call.sendMetadata(leading);
    const trailing = new grpc.Metadata();
    trailing.set("x-trailing", "end");
    done(null, call.request, trailing);
  };
  const server = new grpc.Server();
  server.addService(loaded.shop.v1.Orders.service, {
    Echo: echo,
    Update: echo,
    AddLines: echo,
    Plain: echo,
    Upload: echo,
    Nothing: echo,
    GetOrder(call: grpc.ServerUnaryCall<Message, Message>, done: grpc.sendUnaryData<Message>) {
      note(call);
      const texts = Object.entries(metadata).map(([name, value]) => [name, String(value)]);
      done(null, { request: call.request, metadata: Object.fromEntries(texts) });
    },
    Fail(call: grpc.ServerUnaryCall<Message, Message>, done: grpc.sendUnaryData<Message>) {
      const { code, message, details: wanted } = call.request as { code: number; message: string; details: boolean };
      const trailing = new grpc.Metadata();
      trailing.set("x-why", "because");
      if (wanted) trailing.set("grpc-status-details-bin", details(code, message));
      done({ code, details: message, metadata: trailing });
    },
    Wait(call: grpc.ServerUnaryCall<Message, Message>) {
      note(call);
      begin();
    },
    List(call: grpc.ServerWritableStream<Message, Message>) {
      note(call);
      const {
        count,
        size,
        fail_after: failAfter,
      } = call.request as { count: number; size: number; fail_after: number };
      const write = (): void => {
        while (sent < count) {
          if (failAfter > 0 && sent === failAfter) {
            return void call.emit("error", { code: grpc.status.ABORTED, details: "enough" });
          }
          sent++;
          if (!call.write({ sku: "x".repeat(size), count: sent })) return void call.once("drain", write);
        }
        call.end();
      };
      sent = 0;
      write();
    },
  });
  if (reflection === "package") new ReflectionService(definition).addToServer(server);
  else if (reflection !== undefined) addReflection(server, reflection);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return {
    port,
    metadata: () => metadata,
    sent: () => sent,
    waiting: () => waiting,
    cancelled: () => cancelled,
    deadline: () => deadline,
    stop: () => server.forceShutdown(),
  };
}

/** What protoc says of the service: made with buf, without source locations. */
export const DESCRIPTORS = readFileSync(join(import.meta.dirname, "orders.binpb"));

/** Reflection as servers have it that are generated by protoc: each file as it is, with the names of its imports. */
function addReflection(server: grpc.Server, version: "v1" | "v1alpha"): void {
  const { root } = protobuf.parse(
    `syntax = "proto3";
     message Set { repeated bytes file = 1; }
     message File { string name = 1; string package = 2; repeated string dependency = 3; repeated Service service = 6; }
     message Service { string name = 1; }
     message Request { string file_by_filename = 3; string file_containing_symbol = 4; }
     message Response { Files file_descriptor_response = 4; Failure error_response = 7; }
     message Files { repeated bytes file_descriptor_proto = 1; }
     message Failure { int32 error_code = 1; string error_message = 2; }`,
    { keepCase: true },
  );
  const [set, file, question, answer] = ["Set", "File", "Request", "Response"].map((name) => root.lookupType(name));
  const files = (set.decode(DESCRIPTORS) as unknown as { file: Uint8Array[] }).file.map((bytes) => ({
    bytes,
    ...(file.toObject(file.decode(bytes), { arrays: true }) as {
      name: string;
      package: string;
      service: { name: string }[];
    }),
  }));
  const find = (asked: { file_by_filename?: string; file_containing_symbol?: string }) =>
    files.find(({ name }) => name === asked.file_by_filename) ??
    files.find((each) => each.service.some(({ name }) => `${each.package}.${name}` === asked.file_containing_symbol));
  server.addService(
    {
      info: {
        path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
        requestStream: true,
        responseStream: true,
        requestSerialize: (value: Buffer) => value,
        requestDeserialize: (bytes: Buffer) => question.toObject(question.decode(bytes)),
        responseSerialize: (value: Message) => Buffer.from(answer.encode(answer.fromObject(value)).finish()),
        responseDeserialize: (bytes: Buffer) => bytes,
      },
    },
    {
      info(call: grpc.ServerDuplexStream<object, Message>) {
        call.on("data", (asked: object) => {
          const found = find(asked);
          call.write(
            found === undefined
              ? { error_response: { error_code: 5, error_message: "no such symbol" } }
              : { file_descriptor_response: { file_descriptor_proto: [found.bytes] } },
          );
        });
        call.on("end", () => call.end());
      },
    },
  );
}
