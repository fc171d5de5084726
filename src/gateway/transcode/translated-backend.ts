/**
 * A backend that speaks gRPC, seen by the relay as one that speaks JSON over HTTP: the request's bytes are replaced by one
 * gRPC message, and messages that come back are written as JSON. A unary answer waits for its status, since that decides
 * the HTTP status; a stream passes line by line, with the back-pressure of the relay.
 * Must not hold more than one message, and nothing that a service sends may throw out of here.
 */
import { STATUS_CODES } from "node:http";
import {
  fromBinary,
  toJson,
  toJsonString,
  type DescField,
  type DescMessage,
  type FileRegistry,
} from "@bufbuild/protobuf";
import type { Backend, RequestWriter, UpstreamOwner } from "../forward/backend.ts";
import type { Head } from "../http1/head.ts";
import { MessageReader } from "../http1/reader.ts";
import { isGrpc } from "../http2/grpc.ts";
import { FrameReader } from "./frames.ts";
import { httpStatusOf, statusIn, statusJson, type CallStatus } from "./status.ts";

export interface JsonForm {
  /** Fields without presence are written also when they have their default value. */
  readonly defaults: boolean;
  readonly enumsAsNumbers: boolean;
  readonly protoNames: boolean;
}

/** One call, ready to be sent. */
export interface Call {
  readonly registry: FileRegistry;
  readonly output: DescMessage;
  /** Path of the field that is the answer; "" = all of it. */
  readonly responseBody: string;
  readonly streams: boolean;
  readonly frame: Buffer;
  readonly form: JsonForm;
  /** Bytes of one message that comes back. */
  readonly most: number;
}

const INTERNAL = 13;
const RESOURCE_EXHAUSTED = 8;
const HTTP_BODY = "google.api.HttpBody";
/** Of the service's head and trailers: not for the caller of JSON, or said anew. */
const OWN_FIELD = /^(?:grpc-|:|content-|transfer-encoding$|trailer$|te$|connection$|keep-alive$|upgrade$)/;

export class TranslatedBackend implements Backend, RequestWriter, UpstreamOwner {
  readonly version = "2";
  readonly out: RequestWriter = this;
  readonly head: Head;
  /** What the service itself has answered: its head, and its trailers once they are there. */
  shownHead = "";
  private readonly inner: Backend;
  private readonly call: Call;
  private readonly reader = new MessageReader("response");
  private readonly frames: FrameReader;
  private owner: UpstreamOwner | undefined;
  private metadata = "";
  private status: CallStatus | undefined;
  private answer: Buffer | undefined;
  private answerType = "application/json";
  private count = 0;
  private begun = false;
  private over = false;

  constructor(inner: Backend, call: Call) {
    this.inner = inner;
    this.call = call;
    this.head = this.reader.head;
    this.frames = new FrameReader(call.most);
  }

  get served(): number {
    return this.inner.served;
  }

  get answered(): boolean {
    return this.inner.answered;
  }

  get refused(): boolean {
    return this.inner.refused;
  }

  get localPort(): number {
    return this.inner.localPort;
  }

  attach(owner: UpstreamOwner): void {
    this.owner = owner;
    this.inner.attach(this, "POST", false);
    this.reader.requestMethod = "POST";
  }

  abandon(): void {
    this.over = true;
    this.owner = undefined;
    this.inner.abandon();
  }

  pause(): void {
    this.inner.pause();
  }

  resume(): void {
    this.inner.resume();
  }

  endTunnel(): void {}

  // ---- The request: its head as composed, its body replaced ------------------------------------------------------

  get pending(): boolean {
    return this.inner.out.pending;
  }

  begin(): void {
    this.inner.out.begin();
  }

  text(text: string): void {
    this.inner.out.text(text);
  }

  bytes(): void {}

  lastChunk(): void {}

  finish(): void {
    const { frame } = this.call;
    this.inner.out.bytes(frame, 0, frame.length, true);
    this.inner.out.lastChunk("");
    this.inner.out.finish();
  }

  flush(): void {
    this.inner.out.flush();
  }

  // ---- The answer ------------------------------------------------------------------------------------------------

  upstreamHead(): void {
    const { head } = this.inner;
    // Interim answers mean nothing to a call.
    if (head.status < 200) return;
    this.shownHead = head.text;
    const type = head.get("content-type");
    if (head.status !== 200 || !isGrpc(type)) {
      const what = type === undefined ? "without a content type" : `with ${type}`;
      return this.fail(
        INTERNAL,
        `the endpoint answered ${head.status} ${what}, which is not gRPC: does it speak gRPC on that port?`,
      );
    }
    for (let i = 0; i < head.count; i++) this.keep(head.nameAt(i), head.valueAt(i));
    // A head with a status is all there is ("Trailers-Only").
    this.status = statusIn((name) => head.get(name));
  }

  upstreamBody(buffer: Buffer, start: number, end: number): void {
    if (this.over) return;
    for (const message of this.frames.push(buffer.subarray(start, end))) {
      if (this.call.streams) this.stream(message);
      else this.keepAnswer(message);
      if (this.over) return;
    }
    const { problem } = this.frames;
    if (problem !== undefined) this.fail(problem.includes("longer") ? RESOURCE_EXHAUSTED : INTERNAL, `${problem}`);
  }

  upstreamRead(): void {
    if (!this.over) this.owner?.upstreamRead();
  }

  upstreamDrained(): void {
    this.owner?.upstreamDrained();
  }

  upstreamEnd(trailers: string): void {
    // Not gRPC's version of HTTP: nobody else shall get this connection.
    if (this.inner.version === "1.1") this.inner.abandon();
    if (this.over) return;
    this.shownHead = this.shownHead.replace(/\r\n$/, `${trailers}\r\n`);
    const fields = fieldsOf(trailers);
    this.status ??= statusIn((name) => fields.get(name));
    for (const [name, value] of fields) this.keep(name, value);
    const { status } = this;
    if (status === undefined) return this.fail(INTERNAL, "the service ended its answer without a grpc-status");
    if (this.frames.rest > 0) return this.fail(INTERNAL, "the service ended its answer in the middle of a message");
    if (status.code !== 0) return this.end(httpStatusOf(status.code), status);
    if (this.call.streams) return this.endStream();
    if (this.count !== 1)
      return this.fail(INTERNAL, `the service answered with ${this.count} messages, where one is due`);
    this.send(200, this.answer ?? Buffer.from("{}"));
  }

  upstreamLost(failure: number, detail: string): void {
    const { owner } = this;
    if (this.over || owner === undefined) return;
    this.over = true;
    this.owner = undefined;
    owner.upstreamLost(failure, detail);
  }

  // ---- Messages --------------------------------------------------------------------------------------------------

  private keepAnswer(message: Buffer): void {
    if (this.count++ > 0) return;
    this.answer = this.written(message);
  }

  private stream(message: Buffer): void {
    const line = this.written(message);
    if (line === undefined || this.owner === undefined) return;
    this.beginStream();
    const bytes = Buffer.concat([line, NEWLINE]);
    this.owner?.upstreamBody(bytes, 0, bytes.length);
  }

  /** undefined when it cannot be written: the call has failed then. */
  private written(message: Buffer): Buffer | undefined {
    const { output, registry, form, responseBody } = this.call;
    try {
      const read = fromBinary(output, message);
      if (output.typeName === HTTP_BODY && !this.call.streams) {
        const { contentType, data } = read as unknown as { readonly contentType: string; readonly data: Uint8Array };
        if (/^[\x21-\x7e][\x20-\x7e]{0,200}$/.test(contentType)) this.answerType = contentType;
        return Buffer.from(data);
      }
      const options = {
        registry,
        alwaysEmitImplicit: form.defaults,
        enumAsInteger: form.enumsAsNumbers,
        useProtoFieldName: form.protoNames,
      };
      if (responseBody === "") return Buffer.from(toJsonString(output, read, options), "utf8");
      const at = (json: unknown) => fieldOf(output, json, responseBody, form.protoNames);
      // A field that has its default value is written all the same: it is the whole answer.
      const value =
        at(toJson(output, read, options)) ?? at(toJson(output, read, { ...options, alwaysEmitImplicit: true })) ?? null;
      return Buffer.from(JSON.stringify(value), "utf8");
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      this.fail(INTERNAL, `the service's answer cannot be read as ${output.typeName}: ${words.slice(0, 300)}`);
      return undefined;
    }
  }

  // ---- Answering -------------------------------------------------------------------------------------------------

  private beginStream(): void {
    if (this.begun) return;
    this.begun = true;
    this.announce(200, "application/x-ndjson", -1);
  }

  private endStream(): void {
    this.beginStream();
    const { owner } = this;
    this.over = true;
    this.owner = undefined;
    owner?.upstreamEnd("");
  }

  /** The service has broken the protocol: 502, in the words of a status. */
  private fail(code: number, message: string): void {
    const { owner } = this;
    if (owner === undefined) return;
    this.over = true;
    this.inner.abandon();
    this.over = false;
    this.end(502, { code, message, details: "" });
  }

  private end(httpStatus: number, status: CallStatus): void {
    const error = statusJson(status, this.call.registry);
    if (this.begun) {
      // Too late for an HTTP status: the last line says it, and the caller's connection shows that it is the last.
      const line = Buffer.from(`${JSON.stringify({ error })}\n`, "utf8");
      this.owner?.upstreamBody(line, 0, line.length);
      return this.endStream();
    }
    this.answerType = "application/json";
    this.send(httpStatus, Buffer.from(JSON.stringify(error), "utf8"));
  }

  private send(httpStatus: number, body: Buffer): void {
    this.announce(httpStatus, this.answerType, body.length);
    if (body.length > 0) this.owner?.upstreamBody(body, 0, body.length);
    const { owner } = this;
    this.over = true;
    this.owner = undefined;
    owner?.upstreamEnd("");
  }

  private announce(status: number, type: string, length: number): void {
    const framing = length < 0 ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${length}\r\n`;
    const reason = STATUS_CODES[status] ?? (status === 499 ? "Client Closed Request" : "");
    const text = `HTTP/1.1 ${status} ${reason}\r\n${this.metadata}Content-Type: ${type}\r\n${framing}\r\n`;
    const bytes = Buffer.from(text, "latin1");
    this.reader.reset();
    this.reader.next(bytes, 0, bytes.length);
    this.owner?.upstreamHead();
  }

  /** Metadata goes to the caller under its own name. */
  private keep(name: string, value: string): void {
    const low = name.toLowerCase();
    if (!OWN_FIELD.test(low) && /^[\x20-\x7e\x80-\xff\t]*$/.test(value)) this.metadata += `${low}: ${value}\r\n`;
  }
}

const NEWLINE = Buffer.from("\n");

/** @param lines whole lines with CRLF. */
function fieldsOf(lines: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return fields;
}

/** The part of an answer that a rule's response_body names. */
function fieldOf(desc: DescMessage, json: unknown, path: string, protoNames: boolean): unknown {
  let value = json;
  let at: DescMessage | undefined = desc;
  for (const name of path.split(".")) {
    const field: DescField | undefined = at?.fields.find((each) => each.name === name);
    if (field === undefined) return undefined;
    value = (value as Readonly<Record<string, unknown>> | undefined)?.[protoNames ? field.name : field.jsonName];
    at = field.fieldKind === "message" ? field.message : undefined;
  }
  return value;
}
