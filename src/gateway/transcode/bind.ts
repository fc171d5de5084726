/**
 * One HTTP request -> the message that a method takes: variables of the path, parameters of the query, and the body.
 * Source: the comment of google/api/http.proto; JSON by the proto3 JSON mapping.
 * Must not send anything. Throws BindProblem, in words for whoever sent the request.
 */
import { create, fromJson, toBinary, type DescMessage, type JsonValue, type Message } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { BodyState } from "../../model/body.ts";
import type { PathVariable } from "../../policies/path-template.ts";
import type { QueryParameter } from "../../policies/query-parameters.ts";
import type { Collected } from "../facts/collected.ts";
import { BindProblem, fieldNamed, findField, nearField, setText } from "./field-values.ts";
import type { Binding, Schema } from "./schema.ts";

export interface BindOptions {
  /** What the message has no field for is left out instead of being refused. */
  readonly ignoreUnknown: boolean;
  /** Query parameters that belong to others. */
  readonly ignoreQuery: readonly string[];
}

export interface BoundRequest {
  readonly variables: readonly PathVariable[];
  readonly parameters: readonly QueryParameter[];
  readonly body: Collected;
}

/** Values and names of a body that are translated: everybody else waits meanwhile, some 30 ms for so many. */
export const MOST_VALUES = 10_000;

/** The body holds more than is translated. */
export class TooMany extends BindProblem {
  readonly weight: number;

  constructor(weight: number) {
    super(`the body holds ${weight} values and names`);
    this.weight = weight;
  }
}

const HTTP_BODY = "google.api.HttpBody";

/** @returns the message in protobuf's wire format. @throws BindProblem */
export function bindRequest(schema: Schema, binding: Binding, request: BoundRequest, options: BindOptions): Uint8Array {
  const { input } = binding.method;
  const message = reflect(input, create(input), false);
  bindBody(schema, binding, message, request.body, options);
  for (const { field, value } of request.variables) bindVariable(schema, message, field, value);
  bindQuery(schema, binding, message, request, options);
  return toBinary(input, message.message);
}

// ---- Path and query ----------------------------------------------------------------------------------------------

function bindVariable({ registry }: Schema, message: ReflectMessage, path: readonly string[], value: string): void {
  const where = `the path variable ${path.join(".")}`;
  const found = findField(message, path, where);
  if (found === undefined) {
    throw new BindProblem(`${where} names no field of ${message.desc.typeName}${nearField(message.desc, path[0])}`);
  }
  if (found.field.fieldKind === "list") throw new BindProblem(`${where} is repeated, and a path holds one value`);
  if (found.field.oneof !== undefined) clearOneof(found.owner, found.field);
  setText(found, value, where, registry);
}

/** The path decides: what a body said of the same choice gives way. */
function clearOneof(
  owner: ReflectMessage,
  field: { readonly oneof: ReflectMessage["oneofs"][number] | undefined },
): void {
  const chosen = field.oneof === undefined ? undefined : owner.oneofCase(field.oneof);
  if (chosen !== undefined) owner.clear(chosen);
}

function bindQuery(
  { registry }: Schema,
  { body }: Binding,
  message: ReflectMessage,
  { variables, parameters }: BoundRequest,
  { ignoreQuery, ignoreUnknown }: BindOptions,
): void {
  const bound = new Set(variables.map(({ field }) => field.join(".")));
  const single = new Map<string, string>();
  for (const { name, value } of parameters) {
    if (ignoreQuery.includes(name)) continue;
    const where = `the query parameter ${JSON.stringify(name.slice(0, 80))}`;
    if (body === "*") {
      if (ignoreUnknown) continue;
      throw new BindProblem(`${where} has no place: the body is the whole message`);
    }
    const path = name.split(".");
    const found = path.includes("") ? undefined : findField(message, path, where);
    if (found === undefined) {
      if (ignoreUnknown) continue;
      throw new BindProblem(`${where} names no field of ${message.desc.typeName}${nearField(message.desc, path[0])}`);
    }
    const full = protoPath(message.desc, path);
    if (bound.has(full)) throw new BindProblem(`${where} names a field that the path has set`);
    if (body !== "" && (full === body || full.startsWith(`${body}.`))) {
      throw new BindProblem(`${where} names a field that is the body`);
    }
    if (found.field.fieldKind !== "list" && single.has(full)) {
      throw new BindProblem(`${where} is there twice, and ${full} takes one value`);
    }
    single.set(full, value);
    setText(found, value, where, registry);
  }
}

/** In the names of the `.proto`, which are those of rules. */
function protoPath(desc: DescMessage, path: readonly string[]): string {
  let at: DescMessage | undefined = desc;
  return path
    .map((name) => {
      const field = at === undefined ? undefined : fieldNamed(at, name);
      at = field?.fieldKind === "message" ? field.message : undefined;
      return field?.name ?? name;
    })
    .join(".");
}

// ---- The body ----------------------------------------------------------------------------------------------------

function bindBody(
  schema: Schema,
  binding: Binding,
  message: ReflectMessage,
  body: Collected,
  options: BindOptions,
): void {
  const empty = body.state === BodyState.None || body.bytes?.length === 0;
  if (binding.body === "") {
    if (!empty) throw new BindProblem(`${binding.method.name} is called without a body here, and there is one`);
    return;
  }
  if (binding.body === "*") {
    if (message.desc.typeName === HTTP_BODY) return setRaw(message, body);
    // No body at all is the empty message: clients send none when there is nothing to say.
    if (!empty) readInto(schema, message, jsonOf(body), options);
    return;
  }
  const path = binding.body.split(".");
  const found = findField(message, path, "the body");
  if (found === undefined)
    throw new BindProblem(`the rule's body ${binding.body} is no field of ${message.desc.typeName}`);
  const { owner, field, attach } = found;
  if (field.fieldKind === "message" && field.message.typeName === HTTP_BODY) {
    const raw = owner.get(field);
    setRaw(raw, body);
    owner.set(field, raw);
    return attach();
  }
  if (empty) return;
  readInto(schema, owner, { [field.jsonName]: jsonOf(body) }, options);
  attach();
}

function setRaw(message: ReflectMessage, { type, bytes }: Collected): void {
  const [contentType, data] = [fieldNamed(message.desc, "content_type"), fieldNamed(message.desc, "data")];
  if (contentType !== undefined) message.set(contentType, type);
  if (data !== undefined && bytes !== undefined) message.set(data, new Uint8Array(bytes));
}

function jsonOf(body: Collected): JsonValue {
  const { type } = body;
  if (type !== "" && !/^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/i.test(type)) {
    throw new BindProblem(`the body is ${type.slice(0, 80)}, and only application/json is translated`);
  }
  if (body.weight() > MOST_VALUES) throw new TooMany(body.weight());
  const { value, problem } = body.json();
  if (problem !== undefined) throw new BindProblem(`the body cannot be read: ${problem}`);
  const lost = unsafeIn(value);
  if (lost !== undefined) {
    throw new BindProblem(`the body holds the number ${lost}, which JSON cannot carry exactly: write it as a string`);
  }
  return value as JsonValue;
}

/** JSON numbers are doubles to most who read them: beyond 53 bits digits are lost. Nesting is bounded by the reader. */
function unsafeIn(value: unknown): number | undefined {
  if (typeof value === "number") {
    return Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 2 ** 64 ? value : undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const each of Array.isArray(value) ? value : Object.values(value)) {
    const found = unsafeIn(each);
    if (found !== undefined) return found;
  }
  return undefined;
}

function readInto({ registry }: Schema, target: ReflectMessage, json: JsonValue, options: BindOptions): void {
  const { desc } = target;
  let read: Message;
  try {
    read = fromJson(desc, json, { registry, ignoreUnknownFields: options.ignoreUnknown });
  } catch (error) {
    throw new BindProblem(`the body does not fit ${desc.typeName}: ${wordsOf(error)}`);
  }
  const source = reflect(desc, read, false);
  for (const field of desc.fields) if (source.isSet(field)) target.set(field, source.get(field));
}

/** "cannot decode message shop.Order from JSON: key "x" is unknown" -> what is behind the colon. */
function wordsOf(error: unknown): string {
  if (error instanceof RangeError) return "it is nested too deep";
  const words = error instanceof Error ? error.message : String(error);
  return words.replace(/^cannot decode message \S+ from JSON: /, "").slice(0, 300);
}
