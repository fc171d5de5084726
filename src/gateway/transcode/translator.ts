/**
 * Finds the call that a request is, makes its message, and keeps what the relay needs to send it.
 * Loaded with the first request that is translated. Must not judge; never rejects: what goes wrong is a fact.
 */
import type { Arrival, CallFact, CallSource } from "../../model/arrival.ts";
import { BodyState } from "../../model/body.ts";
import type { Timeouts } from "../../model/plan.ts";
import { nearest } from "../../policies/nearest.ts";
import type { Lookup } from "../../policies/path-template.ts";
import { queryParameters } from "../../policies/query-parameters.ts";
import type { Collected } from "../facts/collected.ts";
import type { Backend } from "../forward/backend.ts";
import type { OutgoingRequest } from "../http1/compose.ts";
import { Framing } from "../http1/head.ts";
import { bindRequest, MOST_VALUES, TooMany } from "./bind.ts";
import { BindProblem } from "./field-values.ts";
import { frameOf } from "./frames.ts";
import { ProtoProblem } from "./proto-files.ts";
import type { Binding, Schema } from "./schema.ts";
import { SchemaSource } from "./schema-source.ts";
import type { Network, Translatable, Translation } from "./call.ts";
import { TranslatedBackend, type Call } from "./translated-backend.ts";

type Found = Lookup<Binding>;

export class Translator {
  readonly #schemas: SchemaSource;

  constructor(baseDirectory: string, network: () => Network | undefined) {
    this.#schemas = new SchemaSource(baseDirectory, network);
  }

  async #later(source: CallSource, x: Translatable, body: Collected, schema: Promise<Schema>): Promise<CallFact> {
    try {
      return await this.#factBy(source, x, body, await schema);
    } catch (error) {
      return unavailable(error);
    }
  }

  fact(source: CallSource, x: Translatable, body: Collected): CallFact | Promise<CallFact> {
    try {
      const schema = this.#schemas.of(source);
      return schema instanceof Promise ? this.#later(source, x, body, schema) : this.#factBy(source, x, body, schema);
    } catch (error) {
      return unavailable(error);
    }
  }

  #factBy(source: CallSource, x: Translatable, body: Collected, schema: Schema): CallFact | Promise<CallFact> {
    const { method = "", path = "/" } = x.arrival;
    const found = find(schema, source, method, path);
    if (found?.kind === "found") return callFact(source, x, body, schema, found);
    // A server may have learnt a method since it was asked.
    const fresh = this.#schemas.refreshed(source);
    if (fresh === undefined) return missFact(schema, source, x.arrival, found);
    return fresh.then((known) => {
      const again = find(known, source, method, path);
      return again?.kind === "found"
        ? callFact(source, x, body, known, again)
        : missFact(known, source, x.arrival, again);
    }, unavailable);
  }
}

function unavailable(error: unknown): CallFact {
  const words = error instanceof Error ? error.message : String(error);
  return { state: "unavailable", problem: error instanceof ProtoProblem ? words : `it failed with ${words}` };
}

/** @returns undefined when the path is not below the prefix. */
function find({ table }: Schema, { prefix }: CallSource, method: string, path: string): Found | undefined {
  if (prefix === "") return table.find(method, path);
  if (!path.startsWith(`${prefix}/`)) return undefined;
  return table.find(method, path.slice(prefix.length));
}

function missFact(
  { bindings }: Schema,
  { service, prefix }: CallSource,
  { method = "", path = "/" }: Arrival,
  found: Found | undefined,
): CallFact {
  if (found?.kind === "method") return { state: "otherMethod", methods: found.methods };
  if (found?.kind === "ambiguous")
    return { state: "ambiguous", methods: found.targets.map(({ method }) => method.name) };
  const near = nearestBinding(bindings, prefix, method, path);
  return {
    state: "noMethod",
    ...(near === undefined ? {} : { near: wordsOf(near, prefix) }),
    methods: bindings.slice(0, 8).map((each) => wordsOf(each, prefix)),
    service,
  };
}

function wordsOf({ httpMethod, template, method }: Binding, prefix: string): string {
  return `${httpMethod} ${prefix}${template} (${method.name})`;
}

/** A variable is like whatever stands in its place. Of two that are equally near, the one with the request's method. */
function nearestBinding(
  bindings: readonly Binding[],
  prefix: string,
  method: string,
  path: string,
): Binding | undefined {
  const segments = path.split("/");
  const filled = new Map<string, Binding>();
  const mine = (binding: Binding): number => (binding.httpMethod === method ? 0 : 1);
  for (const binding of bindings.toSorted((a, b) => mine(a) - mine(b))) {
    const pattern = binding.template.replace(/\{[^}=]*=([^}]*)\}|\{[^}]*\}/g, (_, inner?: string) => inner ?? "*");
    const parts = `${prefix}${pattern}`.split("/");
    const text = parts.map((part, i) => (part.startsWith("*") ? (segments[i] ?? "x") : part)).join("/");
    if (!filled.has(text)) filled.set(text, binding);
  }
  const near = nearest(path, [...filled.keys()]);
  return near === undefined ? undefined : filled.get(near);
}

function callFact(
  source: CallSource,
  x: Translatable,
  body: Collected,
  schema: Schema,
  { target, variables }: Found & { readonly kind: "found" },
): CallFact {
  const { method, template } = target;
  if (method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming") {
    return { state: "streamsRequests", method: method.name };
  }
  if (body.state === BodyState.TooLarge) return { state: "tooLarge", length: body.length, most: source.most };
  if (body.state === BodyState.Busy) return { state: "busy" };
  if (body.state === BodyState.Undecodable) {
    return { state: "badRequest", problem: "the body's Content-Encoding is unknown, or does not fit it" };
  }
  const parameters = queryParameters(x.arrival.query, { plusIsBlank: source.plusIsBlank });
  let frame: Buffer;
  try {
    frame = frameOf(bindRequest(schema, target, { variables, parameters, body }, source));
  } catch (error) {
    if (error instanceof TooMany) return { state: "tooMany", weight: error.weight, most: MOST_VALUES };
    if (error instanceof BindProblem) return { state: "badRequest", problem: error.message };
    return { state: "badRequest", problem: `the request cannot be read as ${method.input.typeName}` };
  }
  const streams = method.methodKind === "server_streaming";
  const { registry } = schema;
  x.translation = new SentCall({
    registry,
    output: method.output,
    responseBody: target.responseBody,
    streams,
    frame,
    form: source.form,
    most: source.mostAnswer,
  });
  return {
    state: "call",
    service: source.service,
    method: method.name,
    template: `${source.prefix}${template}`,
    streams,
  };
}

class SentCall implements Translation {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  compose(request: OutgoingRequest, { request: whole, backendRequest }: Timeouts): void {
    request.method = "POST";
    request.framing = Framing.Chunked;
    request.contentLength = -1;
    request.upgrade = "";
    // gRPC answers in trailers ("Requests" of the protocol).
    request.acceptsTrailers = true;
    const limits = this.#call.streams ? [whole] : [whole, backendRequest];
    const deadline = Math.min(...limits.filter((limit) => limit > 0));
    if (Number.isFinite(deadline)) request.lines += `grpc-timeout: ${timeoutText(deadline)}\r\n`;
  }

  wrap(backend: Backend): Backend {
    return new TranslatedBackend(backend, this.#call);
  }
}

/** At most eight digits ("Timeout"). */
function timeoutText(milliseconds: number): string {
  const whole = Math.ceil(milliseconds);
  return whole < 100_000_000 ? `${whole}m` : `${Math.ceil(whole / 1000)}S`;
}
