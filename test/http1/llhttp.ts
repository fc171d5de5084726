/**
 * What node:http, and so llhttp in its strict mode, reads in the same bytes. A server and a client are fed through a socket that is none,
 * by public means only, and say at once what they found.
 */
import http from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

export interface ForeignMessage {
  method: string;
  target: string;
  status: number;
  minor: number;
  fields: [string, string][];
  body: string;
  trailers: [string, string][];
  complete: boolean;
}

export interface Foreign {
  messages: ForeignMessage[];
  /** llhttp's code (HPE_...), or "". */
  error: string;
}

/** Swallows what is written and never reads by itself: tests emit `data` and `end`. */
class DeafSocket extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

function pairs(raw: readonly string[]): [string, string][] {
  const fields: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) fields.push([raw[i], raw[i + 1]]);
  return fields;
}

function messageOf(message: http.IncomingMessage): ForeignMessage {
  let body = "";
  for (let chunk; (chunk = message.read() as Buffer | null) !== null;) body += chunk.toString("latin1");
  return {
    method: message.method ?? "",
    target: message.url ?? "",
    status: message.statusCode ?? 0,
    minor: message.httpVersionMinor,
    fields: pairs(message.rawHeaders),
    body,
    trailers: pairs(message.rawTrailers),
    complete: message.complete,
  };
}

let incoming: http.IncomingMessage[] = [];
let failure = "";
const note = (message: http.IncomingMessage): void => {
  incoming.push(message);
};
const server = http.createServer({ requireHostHeader: false, maxHeaderSize: 65536, insecureHTTPParser: false }, note);
server.maxHeadersCount = 0;
server.on("checkContinue", note).on("checkExpectation", note);
server.on("connect", note);
server.on("clientError", (error: NodeJS.ErrnoException) => {
  failure = error.code ?? error.message;
});

/** @param finish the client closes after the last byte. */
export function requestsByLlhttp(input: Buffer, finish: boolean): Foreign {
  incoming = [];
  failure = "";
  const socket = new DeafSocket();
  socket.on("error", () => {});
  server.emit("connection", socket);
  socket.emit("data", input);
  if (finish && failure === "") socket.emit("end");
  const result = { messages: incoming.map(messageOf), error: failure };
  socket.destroy();
  return result;
}

/** The interim responses and the final one that a client reads as the answer to `method`. */
export async function responseByLlhttp(input: Buffer, method: string, finish: boolean): Promise<Foreign> {
  const socket = new DeafSocket();
  const messages: (ForeignMessage | http.IncomingMessage)[] = [];
  let error = "";
  const request = http.request({
    method,
    host: "a",
    maxHeaderSize: 65536,
    createConnection: () => socket as unknown as Socket,
  });
  request.maxHeadersCount = 0;
  request.on("information", (info) => {
    const { statusCode, httpVersionMinor, rawHeaders } = info;
    const fields = pairs(rawHeaders);
    messages.push({
      method: "",
      target: "",
      status: statusCode,
      minor: httpVersionMinor,
      fields,
      body: "",
      trailers: [],
      complete: true,
    });
  });
  request.on("response", (response) => {
    response.on("error", () => {});
    messages.push(response);
  });
  request.on("upgrade", (response) => messages.push(response));
  request.on("connect", (response) => messages.push(response));
  request.on("error", (problem: NodeJS.ErrnoException) => {
    error ||= problem.code ?? problem.message;
  });
  const connected = new Promise((resolve) => request.once("socket", resolve));
  request.end();
  await connected;
  socket.emit("data", input);
  if (finish && error === "") socket.emit("end");
  const result = {
    messages: messages.map((message) => (message instanceof http.IncomingMessage ? messageOf(message) : message)),
    error,
  };
  socket.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  // Errors of the client are told a tick later.
  return { messages: result.messages, error };
}
