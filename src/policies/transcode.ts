/**
 * transcode: JSON over HTTP for callers, gRPC for the service, by the rules of google.api.http.
 * Which call a request is, and whether it fits, is looked up at the gateway's edge, where the service's description is
 * read; this file says what follows from the answer, and what the service's head then looks like.
 * Must not know protocol buffers.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { CallFact, CallSource, FactRequest, Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { CompileContext, ConfigProblem, FieldEdit, Policy, RequestEdit, Shape, Step } from "../model/policy.ts";
import { size } from "../model/scalars.ts";
import { nearest } from "./nearest.ts";

const filePath = z.string().check(z.minLength(1), z.maxLength(1024));

const config = z.strictObject({
  service: z
    .string()
    .check(
      z.regex(/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/, { error: "write the service with its package: shop.v1.Orders" }),
      z.maxLength(256),
    )
    .check(z.meta({ description: "The gRPC service, with its package.", examples: ["shop.v1.Orders"] })),
  proto: z.optional(
    filePath.check(
      z.meta({
        description: "The `.proto` file that defines the service; its imports are looked for beside it.",
        examples: ["./orders.proto"],
      }),
    ),
  ),
  descriptor: z.optional(
    filePath.check(
      z.meta({
        description: "A descriptor set instead: `protoc --include_imports --descriptor_set_out`, or `buf build -o`.",
        examples: ["./orders.binpb"],
      }),
    ),
  ),
  reflection: z.optional(
    z
      .literal(true, { error: "write true, or give `proto` or `descriptor`" })
      .check(z.meta({ description: "Ask the server itself instead (gRPC server reflection, v1 or v1alpha)." })),
  ),
  importPaths: z.prefault(
    z
      .array(filePath)
      .check(z.maxLength(16))
      .check(
        z.meta({ description: "Further folders in which imports of `proto` are looked for.", examples: [["./proto"]] }),
      ),
    [],
  ),
  prefix: z.prefault(
    z
      .string()
      .check(z.regex(/^(?:\/[\w.~-]+)*$/, { error: "write a path without a slash at its end: /api" }), z.maxLength(256))
      .check(
        z.meta({
          description:
            "What stands before the paths of the service's rules; it is taken off before they are looked up.",
          examples: ["/api"],
        }),
      ),
    "",
  ),
  maxBody: z.prefault(
    size({ least: 1, most: 16 * 1_048_576 }).check(z.meta({ description: "The longest request body." })),
    "1MiB",
  ),
  maxMessage: z.prefault(
    size({ least: 1, most: 64 * 1_048_576 }).check(
      z.meta({ description: "The longest message that the service may answer with; of a stream, each one." }),
    ),
    "4MiB",
  ),
  unknown: z.prefault(
    z
      .enum(["refuse", "ignore"])
      .check(z.meta({ description: "What becomes of fields and query parameters that the message does not have." })),
    "refuse",
  ),
  ignoreQuery: z.prefault(
    z
      .array(z.string().check(z.minLength(1), z.maxLength(128)))
      .check(z.maxLength(64))
      .check(z.meta({ description: "Query parameters that are not the message's.", examples: [["api_key"]] })),
    [],
  ),
  plus: z.prefault(
    z
      .enum(["blank", "literal"])
      .check(
        z.meta({ description: "What + means in a query: a blank, as forms and URLSearchParams write it, or itself." }),
      ),
    "blank",
  ),
  json: z.prefault(
    z
      .strictObject({
        defaults: z.prefault(
          z.boolean().check(z.meta({ description: "Write fields also when they have their default value." })),
          false,
        ),
        enums: z.prefault(
          z.enum(["names", "numbers"]).check(z.meta({ description: "How values of enums are written." })),
          "names",
        ),
        fields: z.prefault(
          z
            .enum(["json", "proto"])
            .check(z.meta({ description: "Whether fields are called orderId, or order_id as in the `.proto`." })),
          "json",
        ),
      })
      .check(z.meta({ description: "How messages are written as JSON." })),
    {},
  ),
});

type Config = z.output<typeof config>;

const Refusal = {
  noMethod: 1,
  otherMethod: 2,
  badRequest: 3,
  tooLarge: 4,
  streamsRequests: 5,
  unavailable: 6,
  busy: 7,
  ambiguous: 8,
  tooMany: 9,
} as const;

export const transcode: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "transcode",
  phase: "shape",
  summary: "JSON over HTTP becomes calls of a gRPC service, by the rules of google.api.http; its answers become JSON.",
  example: "transcode: { reflection: true, service: shop.v1.Orders }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    noMethod: {
      status: 404,
      title: "no such call",
      say: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        if (fact?.state !== "noMethod") return `no method of ${c.service} is called by this path`;
        const { near, methods } = fact;
        const hint = near === undefined ? `there is ${methods.join(", ")}` : `the nearest is ${near}`;
        return `no method of ${c.service} is called by ${seen.arrival.method} ${seen.arrival.path}; ${hint}`;
      },
    },
    otherMethod: {
      status: 405,
      title: "called by another method",
      say: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        const methods = fact?.state === "otherMethod" ? fact.methods.join(" or ") : "another method";
        return `${seen.arrival.path} is called by ${methods}, not by ${seen.arrival.method}`;
      },
    },
    badRequest: {
      status: 400,
      title: "request does not fit the call",
      say: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        return fact?.state === "badRequest"
          ? fact.problem
          : "the request does not fit the message that the method takes";
      },
    },
    tooLarge: {
      status: 413,
      title: "body too large",
      say: (c, x, y) => `the body has ${x} bytes or more, and ${y || c.maxBody} are translated at most`,
    },
    streamsRequests: {
      status: 501,
      title: "takes a stream",
      say: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        const method = fact?.state === "streamsRequests" ? fact.method : "the method";
        return `${method} of ${c.service} takes a stream of messages, which one JSON request cannot be: call it by gRPC`;
      },
    },
    unavailable: {
      status: 503,
      title: "description of the service missing",
      say: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        return `what ${c.service} offers is not known: ${fact?.state === "unavailable" ? fact.problem : "nothing was looked up"}`;
      },
    },
    busy: {
      status: 503,
      title: "too many bodies at once",
      say: () => "so many request bodies are being read at this moment that this one was not",
    },
    ambiguous: {
      status: 500,
      title: "several methods claim the path",
      say: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        const names = fact?.state === "ambiguous" ? fact.methods.join(" and ") : "several methods";
        return `${names} of ${c.service} have the same rule for ${seen.arrival.path}: change one of them`;
      },
    },
    tooMany: {
      status: 413,
      title: "body holds too much to be translated",
      say: (_c, x, y) =>
        `the body holds ${x.toLocaleString("en")} values and names, and ${y.toLocaleString("en")} are translated at most: send it in parts, or call the service by gRPC`,
    },
  },
  admits: (c, _x, _y, seen) => {
    const fact = factOf(c, seen);
    if (fact?.state !== "call") return "the caller speaks gRPC itself";
    return `${seen.arrival.method} ${fact.template} calls ${fact.service}/${fact.method}${fact.streams ? ", which answers with a stream" : ""}`;
  },
  check: checkConfig,
  needs: (c, context) => [factRequest(c, context)],
  compile,
  replyFields: (c, reason, _x, _y, seen) => {
    const fact = factOf(c, seen);
    if (reason === Refusal.otherMethod && fact?.state === "otherMethod") return [["Allow", fact.methods.join(", ")]];
    return reason === Refusal.busy || reason === Refusal.unavailable ? [["Retry-After", "1"]] : [];
  },
};

function checkConfig(c: Config, context: CompileContext): readonly ConfigProblem[] {
  const sources = (["proto", "descriptor", "reflection"] as const).filter((way) => c[way] !== undefined);
  if (sources.length === 0) {
    return [{ path: [], message: "say where the service is described: `proto`, `descriptor` or `reflection: true`" }];
  }
  const problems: ConfigProblem[] = sources.slice(1).map((way) => ({
    path: [way],
    message: `the service is described in one place: by ${sources.join(" or by ")}, not both`,
    fix: { title: `Remove ${way}`, path: [way], value: undefined },
  }));
  for (const way of ["proto", "descriptor"] as const) {
    const path = c[way];
    if (path === undefined) continue;
    const text = context.file(path);
    if (text === undefined) problems.push({ path: [way], message: `${path} cannot be read` });
    else if (way === "proto") problems.push(...serviceProblem(c, text));
  }
  return problems;
}

/** Told from the text alone, so that an editor need not load what reads the rest. Imported files may define it, too. */
function serviceProblem({ service }: Config, text: string): readonly ConfigProblem[] {
  const bare = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"/g, " ");
  const space = /(?:^|[;}\s])package\s+([\w.]+)\s*;/.exec(bare)?.[1];
  const names = [...bare.matchAll(/(?:^|[;}\s])service\s+(\w+)\s*\{/g)].map(([, name]) =>
    space === undefined ? name : `${space}.${name}`,
  );
  if (names.length === 0 || names.includes(service)) return [];
  const near = names.find((name) => name.endsWith(`.${service}`)) ?? nearest(service, names);
  const message = `the file defines no service ${service}: there is ${names.join(", ")}`;
  if (near === undefined) return [{ path: ["service"], message }];
  return [{ path: ["service"], message, fix: { title: `Change to ${near}`, path: ["service"], value: near } }];
}

function factRequest(c: Config, { owner }: CompileContext): FactRequest {
  const { proto, descriptor, reflection } = c;
  const source: CallSource = {
    ...(proto === undefined ? {} : { proto }),
    ...(descriptor === undefined ? {} : { descriptor }),
    ...(reflection === undefined ? {} : { reflection }),
    importPaths: c.importPaths,
    owner,
    service: c.service,
    prefix: c.prefix,
    most: c.maxBody,
    mostAnswer: c.maxMessage,
    ignoreUnknown: c.unknown === "ignore",
    ignoreQuery: c.ignoreQuery,
    plusIsBlank: c.plus === "blank",
    form: {
      defaults: c.json.defaults,
      enumsAsNumbers: c.json.enums === "numbers",
      protoNames: c.json.fields === "proto",
    },
  };
  return { name: factName(c), kind: "call", source };
}

/** Unique per configuration, so that two of them on one route do not read each other's answer. */
function factName(c: Config): string {
  return `call/${c.service}/${xxHash32(JSON.stringify(c), 0).toString(16).padStart(8, "0")}`;
}

function factOf(c: Config, seen: Passage): CallFact | undefined {
  return seen.facts[factName(c)] as CallFact | undefined;
}

function compile(c: Config): Step<undefined> & Shape {
  const name = factName(c);
  return {
    peek(x, _state, _now, note) {
      const fact = x.facts[name] as CallFact | undefined;
      if (fact?.state === "call" || fact?.state === "native") {
        note.put(ADMIT, 0, 0);
        return ADMIT;
      }
      const reason = fact === undefined ? Refusal.unavailable : Refusal[fact.state];
      if (fact?.state === "tooLarge") note.put(reason, fact.length, fact.most);
      else if (fact?.state === "tooMany") note.put(reason, fact.weight, fact.most);
      else note.put(reason, 0, 0);
      return reason;
    },
    request(x, edit) {
      const fact = x.facts[name] as CallFact | undefined;
      if (fact?.state === "call") shapeCall(fact.service, fact.method, edit);
    },
    response(x, edit) {
      const fact = x.facts[name] as CallFact | undefined;
      if (fact?.state === "call") shapeAnswer(edit);
    },
  };
}

/** The head of a call (gRPC over HTTP/2, "Requests"). What else the caller sends goes along as metadata. */
function shapeCall(service: string, method: string, edit: RequestEdit): void {
  edit.path = `/${service}/${method}`;
  edit.query = undefined;
  for (const field of ABOUT_BODIES) if (edit.get(field) !== undefined) edit.remove(field);
  edit.set("content-type", "application/grpc");
}

/** They speak of the caller's JSON, or would be taken for words of the protocol. */
const ABOUT_BODIES = [
  "accept",
  "accept-encoding",
  "content-encoding",
  "content-language",
  "digest",
  "content-digest",
  "expect",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-message",
  "grpc-status",
  "grpc-timeout",
] as const;

/** The relay has written the answer anew; said here once more, so that each field that changed has its owner. */
function shapeAnswer(edit: FieldEdit): void {
  if (!/^application\/grpc/i.test(edit.get("content-type") ?? "")) return;
  edit.set("content-type", "application/json");
  for (const field of ["grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-accept-encoding"])
    edit.remove(field);
}
