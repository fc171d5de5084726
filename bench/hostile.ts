/**
 * What bodies and patterns that are made to hurt cost everybody else: the longest that the gateway's event loop stood still
 * while each was sent, alone and two at once, how much of that was work (the rest is waiting for a processor),
 * the answer, and the most memory. The bar: no stall above 50 ms, every answer 4xx with a reason.
 * Must not measure in this process: the gateway watches itself, see stall-watch.mjs.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { loadavg } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { table, type Bench } from "./bench.ts";
import { freePort, root, scratchFolder } from "./peers.ts";

const BAR = 50;
const MIB = 1_048_576;

/** Alternatives, unique items, patterns: each keyword that can be made to cost. */
const SCHEMA = {
  $defs: {
    any: {
      anyOf: [
        { type: "array", items: { $ref: "#/$defs/any" }, uniqueItems: true },
        { type: "object", additionalProperties: { $ref: "#/$defs/any" }, patternProperties: { "^(k+)+[0-9]*$": {} } },
        { type: "string", pattern: "^(a+)+$" },
        { type: "number", multipleOf: 0.001 },
      ],
    },
  },
  type: "object",
  required: ["id"],
  properties: {
    id: { type: "string", pattern: "^(?!x)[a-z]*[a-z]*[a-z]*[a-z]*!$" },
    email: { type: "string", format: "email" },
  },
  additionalProperties: { $ref: "#/$defs/any" },
};

const API = {
  openapi: "3.1.0",
  info: { title: "hostile", version: "1" },
  paths: {
    "/api/{a}-{b}-{c}": {
      post: {
        parameters: [{ in: "query", name: "q", schema: { type: "array", uniqueItems: true, items: {} } }],
        requestBody: {
          content: {
            "application/json": { schema: { $ref: "./hostile.json" } },
            "application/x-www-form-urlencoded": { schema: { type: "object", maxProperties: 0 } },
            "multipart/form-data": { schema: { type: "object", properties: { n: { type: "boolean" } } } },
          },
        },
        responses: { default: { description: "any" } },
      },
    },
    "/held/{a}": {
      post: {
        responses: {
          200: { description: "held", content: { "application/json": { schema: { $ref: "./hostile.json" } } } },
        },
      },
    },
  },
};

const PROTO = `syntax = "proto3";
package bench;
import "google/api/annotations.proto";
import "google/protobuf/struct.proto";
message Any { string id = 1; google.protobuf.Value x = 2; repeated int64 numbers = 3; map<string, string> names = 4; }
service Bench { rpc Put(Any) returns (Any) { option (google.api.http) = { post: "/call" body: "*" }; } }
`;

const policyOf = (port: number, backend: number) => `version: 1
listeners: [{ name: edge, port: ${port}, address: 127.0.0.1 }]
services: { shop: { endpoints: [{ url: "http://127.0.0.1:${backend}" }] } }
routes:
  - { name: schema, matches: [{ path: { prefix: /schema } }], policies: [{ requestSchema: ./hostile.json }], backendRefs: [{ service: shop }] }
  - { name: large, matches: [{ path: { prefix: /large } }], policies: [{ requestSchema: { file: ./hostile.json, most: 8MiB } }], backendRefs: [{ service: shop }] }
  - { name: api, matches: [{ path: { prefix: /api } }], policies: [{ openapi: { document: ./api.json } }], backendRefs: [{ service: shop }] }
  - { name: graphql, matches: [{ path: { prefix: /graphql } }], policies: [{ graphqlLimit: {} }], backendRefs: [{ service: shop }] }
  - { name: edit, matches: [{ path: { prefix: /edit } }], policies: [{ requestBody: { set: { /by: "\${client.ip}" }, remove: [/secret] } }], backendRefs: [{ service: shop }] }
  - { name: call, matches: [{ path: { prefix: /call } }], policies: [{ transcode: { service: bench.Bench, proto: ./bench.proto } }], backendRefs: [{ service: shop }] }
  - { name: changed, matches: [{ path: { prefix: /changed } }], policies: [{ responseBody: { remove: [/x/*/a], set: { /by: "\${client.ip}" }, most: 8MiB } }], backendRefs: [{ service: shop }] }
  - { name: held, matches: [{ path: { prefix: /held } }], policies: [{ openapi: { document: ./api.json, responses: enforce, most: 8MiB } }], backendRefs: [{ service: shop }] }
  - name: parts
    matches: [{ path: { prefix: /parts } }]
    policies: [{ aggregate: { parts: { one: { service: shop, path: "/\${path.2}" } }, template: { x: "\${one.x}", whole: "\${one}" } } }]
`;

function repeated(unit: string, size: number): string {
  return `[${Array<string>(Math.floor((size - 2) / (unit.length + 1)))
    .fill(unit)
    .join(",")}]`;
}

function members(size: number, member: (i: number) => string): string {
  const parts: string[] = [];
  for (let length = 2; length < size - 40; length += (parts.at(-1)?.length ?? 0) + 1) parts.push(member(parts.length));
  return `{"id":1,${parts.join(",")}}`;
}

interface Hostile {
  readonly name: string;
  readonly path: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the backend answers. */
  readonly answer?: Buffer;
  readonly coding?: string;
}

/** Of a backend that is out to hurt: each on a route that rewrites answers, one that judges them, and one that joins them. */
function answers(): Hostile[] {
  const bodies: readonly (readonly [string, Buffer, string?])[] = [
    ["1 MiB of empty lists", Buffer.from(`{"id":"a!","x":${repeated("[]", MIB - 40)}}`)],
    ["900 KB of long numbers", Buffer.from(`{"id":"a!","x":${repeated("12345678901234567890", 900_000)}}`)],
    ["8 MiB of objects", Buffer.from(`{"id":"a!","x":${repeated('{"a":1,"b":[2]}', 8 * MIB - 40)}}`)],
    ["32 KB of alternatives", Buffer.from(`{"id":"a!","x":${repeated('{"a":1,"b":[2]}', 32_000)}}`)],
    ["a depth of 100,000", Buffer.from(`{"id":"a!","x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)],
    ["invalid UTF-8", Buffer.alloc(MIB, 0xff)],
    ["gzip: 50 MB in 50 KB", gzipSync(Buffer.alloc(50_000_000, 48)), "gzip"],
  ];
  return ["changed", "held", "parts"].flatMap((route) =>
    bodies.map(([name, answer, coding = ""]) => ({
      name: `answer ${route}: ${name}`,
      path: `/${route}/a`,
      body: "{}",
      answer,
      coding,
    })),
  );
}

const selected = (field: string) => JSON.stringify({ query: `{ ${field} }` });

function inputs(): Hostile[] {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const nested = (size: number) => `{"id":1,"x":${repeated('{"a":1,"b":[2]}', size - 20)}}`;
  const fragments = Array.from({ length: 60 }, (_, i) => `fragment f${i} on T { a ...f${i + 1} ...f${i + 1} }`).join(
    " ",
  );
  const zip = (bytes: Buffer) => ({ body: gzipSync(bytes), headers: { "content-encoding": "gzip" } });
  const form = { "content-type": "application/x-www-form-urlencoded" };
  return [
    { name: "10 MB of JSON", path: "/schema", body: repeated("0", 10_000_000) },
    { name: "10 MB of JSON where 8 MiB are read", path: "/large", body: repeated("0", 10_000_000) },
    { name: "8 MiB of empty lists", path: "/large", body: `{"id":1,"x":${repeated("[]", 8 * MIB - 40)}}` },
    { name: "8 MiB of objects", path: "/large", body: nested(8 * MIB - 40) },
    { name: "1 MiB of empty lists", path: "/schema", body: `{"id":1,"x":${repeated("[]", MIB - 40)}}` },
    { name: "1 MiB of numbers", path: "/schema", body: `{"id":1,"x":${repeated("0", MIB - 40)}}` },
    { name: "1 MiB of objects", path: "/schema", body: nested(MIB - 40) },
    { name: "1 MiB of names", path: "/schema", body: members(MIB, (i) => `"k${i}":0`) },
    { name: "1 MiB of escaped names", path: "/schema", body: members(MIB, (i) => `"\\u0061${i}":0`) },
    { name: "1 MiB of text for a pattern", path: "/schema", body: `{"id":1,"x":"${"a".repeat(MIB - 40)}!"}` },
    { name: "16 KB of alternatives", path: "/schema", body: nested(16_000) },
    { name: "16 KB of text for a pattern", path: "/schema", body: `{"id":1,"x":"${"a".repeat(16_000)}!"}` },
    { name: "text for a pattern with look-ahead", path: "/schema", body: `{"id":"${"a".repeat(900)}"}` },
    { name: "a depth of 100,000", path: "/schema", body: deep },
    { name: "invalid UTF-8", path: "/schema", body: Buffer.alloc(MIB, 0xff) },
    { name: "gzip: 50 MB in 50 KB", path: "/schema", ...zip(Buffer.alloc(50_000_000, 48)) },
    { name: "gzip: 8 MiB of lists", path: "/large", ...zip(Buffer.from(repeated("[]", 8 * MIB - 8))) },
    {
      name: "brotli: 1 GB in 1 KB",
      path: "/large",
      body: brotliCompressSync(Buffer.alloc(200_000_000, 48)),
      headers: { "content-encoding": "br" },
    },
    { name: "openapi: 1 MiB of objects", path: "/api/a-b-c", body: nested(MIB - 40) },
    { name: "openapi: path of separators", path: `/api/${"-".repeat(6000)}/`, body: "{}" },
    { name: "openapi: query of 1000 lists", path: `/api/a-b-c?${"q=[[]]&".repeat(1000)}`, body: "{}" },
    { name: "openapi: 1 MiB form", path: "/api/a-b-c", body: "a=%41&".repeat(MIB / 6), headers: form },
    {
      name: "openapi: 1 MiB of parts",
      path: "/api/a-b-c",
      body: `${'--x\r\ncontent-disposition: form-data; name="n"\r\n\r\n1\r\n'.repeat(18_000)}--x--\r\n`,
      headers: { "content-type": "multipart/form-data; boundary=x" },
    },
    { name: "GraphQL: 100,000 braces", path: "/graphql", body: selected("a { ".repeat(100_000)) },
    { name: "GraphQL: 150,000 fields", path: "/graphql", body: selected("aaaaa ".repeat(150_000)) },
    {
      name: "GraphQL: fragments that double",
      path: "/graphql",
      body: JSON.stringify({ query: `{ ...f0 } ${fragments}` }),
    },
    {
      name: "GraphQL: 1000 aliases",
      path: "/graphql",
      body: selected(Array.from({ length: 1000 }, (_, i) => `a${i}: b`).join(" ")),
    },
    { name: "GraphQL: 60,000 operations", path: "/graphql", body: repeated('{"query":"{a}"}', MIB - 8) },
    { name: "rewritten: 1 MiB of empty lists", path: "/edit", body: `{"x":${repeated("[]", MIB - 40)}}` },
    { name: "rewritten: 1 MiB of names", path: "/edit", body: members(MIB, (i) => `"k${i}":0`) },
    { name: "gRPC: 1 MiB of empty lists", path: "/call", body: `{"x":${repeated("[]", MIB - 40)}}` },
    { name: "gRPC: 1 MiB of numbers", path: "/call", body: `{"numbers":${repeated("0", MIB - 40)}}` },
    {
      name: "gRPC: 1 MiB of names",
      path: "/call",
      body: `{"names":${members(MIB - 40, (i) => `"k${i}":""`).replace('"id":1,', "")}}`,
    },
    { name: "gRPC: a depth of 100,000", path: "/call", body: `{"x":${deep}}` },
    { name: "gRPC: query of 6,000 values", path: `/call?${"numbers=1&".repeat(1500)}`, body: "{}" },
    ...answers(),
    {
      name: "rewritten: 50,000 long numbers",
      path: "/edit",
      body: `{"x":${repeated("12345678901234567890", 900_000)}}`,
    },
  ];
}

interface Seen {
  readonly stall: number;
  readonly worked: number;
  readonly memory: number;
}

interface Watched {
  readonly child: ChildProcess;
  look(): Promise<Seen>;
}

function watched(file: string): Promise<Watched> {
  const watch = join(root, "bench/stall-watch.mjs");
  const args = ["--import", `file://${watch}`, join(root, "dist/cli.js"), "run", file, "--quiet"];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit", "pipe"] });
  const lines = createInterface({ input: child.stdio[3] as Readable });
  const waiting: ((line: string) => void)[] = [];
  lines.on("line", (line) => waiting.shift()?.(line));
  const look = () =>
    new Promise<Seen>((resolve) => {
      waiting.push((line) => resolve(JSON.parse(line) as Seen));
      child.kill("SIGUSR2");
    });
  return new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error("The gateway ended.")));
    child.stdout?.once("data", () => resolve({ child, look }));
  });
}

function send(port: number, { path, body, headers }: Hostile): Promise<string> {
  return new Promise((resolve) => {
    const bytes = Buffer.from(body as string);
    const asked = request(
      {
        port,
        host: "127.0.0.1",
        method: path.startsWith("/parts") ? "GET" : "POST",
        path,
        agent: false,
        headers: path.startsWith("/parts")
          ? {}
          : { "content-type": "application/json", "content-length": bytes.length, ...headers },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
        response.on("end", () =>
          resolve(`${response.statusCode ?? 0} ${/"urn:switchyard:([^"]+)"/.exec(text)?.[1] ?? ""}`),
        );
        response.on("error", () => resolve("cut off"));
      },
    );
    asked.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "failed"));
    asked.end(path.startsWith("/parts") ? undefined : bytes);
  });
}

export const hostile: Bench = async (smoke) => {
  const folder = scratchFolder();
  let now: Hostile | undefined;
  const origin = createServer((asked, response) =>
    asked.resume().on("end", () => {
      if (now?.answer === undefined) return void response.end("{}");
      response.writeHead(200, {
        "content-type": "application/json",
        ...(now.coding && { "content-encoding": now.coding }),
      });
      response.end(now.answer);
    }),
  );
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  const port = await freePort();
  writeFileSync(join(folder, "hostile.json"), JSON.stringify(SCHEMA));
  writeFileSync(join(folder, "api.json"), JSON.stringify(API));
  writeFileSync(join(folder, "bench.proto"), PROTO);
  const file = join(folder, "hostile.switchyard.yaml");
  writeFileSync(file, policyOf(port, (origin.address() as AddressInfo).port));
  const { child, look } = await watched(file);
  const rows = [["sent", "answer", "longest stall", "of it work", "memory"]];
  let over = 0;
  try {
    const all = inputs();
    // What everybody sends is compiled by then: a first request of a kind is slow for reasons of its own.
    for (const path of new Set(all.map((one) => one.path)))
      for (const body of ['{"id":"a"}', `{"id":"a","x":[${"1,".repeat(9000)}1]}`])
        await send(port, { name: "", path, body });
    await look();
    for (const one of smoke ? all.slice(0, 3) : all) {
      const answers = new Set<string>();
      now = one;
      answers.add(await send(port, one));
      for (const answer of await Promise.all([1, 2].map(() => send(port, one)))) answers.add(answer);
      const { stall, worked, memory } = await look();
      if (worked > BAR) over++;
      rows.push([one.name, [...answers].join(", "), ms(stall), ms(worked), `${(memory / MIB).toFixed(0)} MiB`]);
      if (process.env.BENCH_TELL) console.error(rows.at(-1)?.join(" | "));
    }
  } finally {
    child.removeAllListeners("exit");
    child.kill("SIGTERM");
    origin.close();
    origin.closeAllConnections();
  }
  return [
    ...table(rows),
    `${over === 0 ? "none" : over} of them kept the thread busy for more than ${BAR} ms; load ${loadavg()[0].toFixed(1)}`,
  ];
};

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
