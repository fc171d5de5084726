/**
 * One stream of an HTTP/2 connection as an exchange: its head in the form of HTTP/1.1, its body with flow control as
 * back-pressure, its answer with trailers. Reused for the streams that follow.
 * Must not outlive its stream's handling, and nothing that is sent may throw out of here.
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import type { Exchange } from "../forward/exchange.ts";
import { Handling } from "../forward/handling.ts";
import type { EngineServices } from "../forward/services.ts";
import { composeResponse, framingFor, OutgoingResponse } from "../http1/compose.ts";
import type { HeadEdit } from "../http1/edit.ts";
import { Framing, type Head } from "../http1/head.ts";
import { Event, MessageReader } from "../http1/reader.ts";
import { HeadArrival, isLoopback } from "../listen/arrival.ts";
import { httpDate } from "../listen/http-date.ts";
import type { Secured } from "../listen/secured.ts";
import type { Unreadable } from "../refuse/problems.ts";
import { composeProblem, type Problem } from "../refuse/refuse.ts";
import { acceptOf, keyFrom } from "./websocket.ts";
import { headersOf, requestText, responseHeaders, shownAsHttp2, trailerLines } from "./fields.ts";
import { grpcRefusal, grpcStatusIn, isGrpc } from "./grpc.ts";
import { writeOrReset } from "./write.ts";

/** What the streams of one connection share. */
export interface StreamHost {
  readonly services: EngineServices;
  readonly clientIp: string;
  readonly clientPort: number;
  readonly secured: Secured | undefined;
  /** Index into plan.listeners, or -1. */
  readonly listener: number;
  /** The stream is closed and its request recorded: the exchange may be used again. @param reset by the client. */
  left(exchange: Http2Exchange, reset: boolean): void;
}

export class Http2Exchange implements Exchange {
  readonly arrival: HeadArrival;
  readonly head: Head;
  readonly local: boolean;
  readonly secure: boolean;
  readonly version = "2";
  readonly handling: Handling;
  complete = false;
  private readonly host: StreamHost;
  private readonly reader = new MessageReader("request");
  private readonly reply = new OutgoingResponse();
  private stream: ServerHttp2Stream | undefined;
  private trailers = "";
  private responding = false;
  private ended = false;
  private replyTrailers = "";
  private closed = false;
  private held = false;
  /** Of an extended CONNECT, which is a GET with Upgrade to everybody behind; "" for other requests. */
  private key = "";
  /** The tunnel of an extended CONNECT is open. */
  private tunnelling = false;

  constructor(host: StreamHost) {
    this.host = host;
    this.head = this.reader.head;
    this.local = isLoopback(host.clientIp);
    this.secure = host.secured !== undefined;
    this.arrival = new HeadArrival(this.head, host.clientIp, host.clientPort, host.secured);
    this.arrival.listener = Math.max(0, host.listener);
    this.handling = new Handling(host.services, this, this.arrival);
  }

  get requestHead(): string {
    return shownAsHttp2(this.head.text);
  }

  /** Serves a stream. @param raw its header list. @param complete nothing follows it. */
  begin(stream: ServerHttp2Stream, raw: readonly string[], complete: boolean): void {
    this.stream = stream;
    this.trailers = this.replyTrailers = "";
    this.responding = this.ended = this.closed = this.held = false;
    this.complete = complete;
    this.key = "";
    this.tunnelling = false;
    stream.on("close", () => this.streamClosed(stream.rstCode));
    stream.on("drain", () => this.handling.clientDrained());
    stream.on("wantTrailers", () => this.sendTrailers(stream));
    stream.on("trailers", (_, __, fields?: string[]) => (this.trailers = trailerLines(fields ?? [])));
    stream.on("data", (bytes: Buffer) => this.received(bytes));
    stream.on("end", () => this.requestEnded());
    this.arrival.listener = this.host.listener;
    const problem = this.read(raw, complete);
    if (problem !== undefined) return this.handling.unreadable(problem);
    this.handling.arrived();
    if (!complete && this.handling.busy) this.handling.bodyRead();
  }

  /** Records why the connection itself was closed; nobody is left to be told. */
  unheard(why: Unreadable): void {
    this.arrival.listener = this.host.listener;
    this.handling.unreadable(why);
  }

  private read(raw: readonly string[], complete: boolean): Unreadable | undefined {
    const { text, problem, key = "" } = requestText(raw, () => keyFrom(this.host.services.randomId()));
    if (problem !== undefined) return problem;
    this.key = key;
    const { reader, head } = this;
    reader.reset();
    const bytes = Buffer.from(text, "latin1");
    if (reader.next(bytes, 0, bytes.length) !== Event.Head) return reader.error as Unreadable;
    if (key !== "") {
      // What follows is the tunnel's, and waits until there is one.
      this.complete = true;
      this.stream?.pause();
      return undefined;
    }
    // How the body is delimited is the protocol's matter: all that counts is whether there is one.
    if (complete && head.contentLength !== 0) {
      head.framing = Framing.None;
      head.contentLength = -1;
    } else if (!complete && head.framing === Framing.None) {
      head.framing = Framing.Chunked;
    }
    return undefined;
  }

  private received(bytes: Buffer): void {
    if (!this.handling.busy) return;
    this.handling.bodyBytes(bytes, 0, bytes.length);
    this.handling.bodyRead();
  }

  private requestEnded(): void {
    if (this.tunnelling) return this.handling.clientEnded();
    if (this.complete) return;
    this.complete = true;
    if (!this.handling.busy) return;
    this.handling.bodyEnded(this.trailers);
    this.handling.bodyRead();
  }

  private streamClosed(code: number | undefined): void {
    const reset = code !== constants.NGHTTP2_NO_ERROR && !this.ended;
    this.closed = true;
    this.stream = undefined;
    if (this.handling.busy) this.handling.clientGone();
    this.host.left(this, reset);
  }

  wantBody(): void {
    if (!this.held) return;
    this.held = false;
    this.stream?.resume();
    // The head may wait for a body that comes only after the answer has begun: gRPC's streams do that.
    if (this.handling.busy) this.handling.bodyRead();
  }

  holdBody(): void {
    if ((this.complete && !this.tunnelling) || this.held) return;
    this.held = true;
    this.stream?.pause();
  }

  // ---- Writing -------------------------------------------------------------------------------------------------

  get committed(): boolean {
    return this.responding;
  }

  get pending(): boolean {
    return this.stream?.writableNeedDrain === true;
  }

  inform(head: Head): void {
    const { reply } = this;
    this.prepare(head, "");
    reply.framing = Framing.None;
    const text = composeResponse(head, reply);
    this.send((stream) => stream.additionalHeaders(responseHeaders(text)));
  }

  respond(head: Head, lines: string, edit: HeadEdit | undefined, size?: number): string {
    const { reply } = this;
    this.prepare(head, lines);
    const framing = size === undefined ? head.framing : framingFor(head, size);
    reply.framing = framing === Framing.UntilClose ? Framing.Chunked : framing;
    if (size !== undefined) reply.contentLength = size;
    const text = composeResponse(head, reply, edit);
    this.responding = true;
    const endStream = head.framing === Framing.None;
    // A call that fails before its first message has its status in the head.
    if (endStream) this.noteGrpc(text);
    // Trailers may follow a body whose length nobody has said.
    const waitForTrailers = reply.framing === Framing.Chunked;
    this.ended = endStream;
    this.send((stream) =>
      stream.respond(responseHeaders(text), { endStream, waitForTrailers, sendDate: false } as object),
    );
    return shownAsHttp2(text);
  }

  private prepare(head: Head, lines: string): void {
    const { reply } = this;
    reply.status = head.status;
    reply.reason = head.reason;
    reply.contentLength = head.contentLength;
    reply.keepAlive = true;
    reply.minor = 1;
    reply.upgrade = "";
    reply.skip = 0;
    reply.lines = lines;
  }

  /** The bytes are copied: the stream keeps them until the client's window has room. */
  body(buffer: Buffer, start: number, end: number): void {
    if (start < end) this.send((stream) => void stream.write(Buffer.from(buffer.subarray(start, end))));
  }

  flush(): void {}

  end(trailers: string): void {
    if (this.ended) return;
    this.ended = true;
    this.replyTrailers = trailers;
    this.noteGrpc(trailers);
    this.send((stream) => void stream.end());
  }

  /** Whatever the HTTP status, this is how a gRPC call went. @param lines of a head or of trailers. */
  private noteGrpc(lines: string): void {
    const { recording } = this.handling;
    if (recording?.protocol === "grpc") recording.grpcStatus = grpcStatusIn(lines);
  }

  private sendTrailers(stream: ServerHttp2Stream): void {
    try {
      stream.sendTrailers(headersOf(this.replyTrailers));
    } catch {
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
    if (!this.complete) setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
  }

  /** A 101 is a 200 here (RFC 8441 section 5), if it is one: the backend has to answer the key that was made for it. */
  upgrade(head: Head, lines: string, edit: HeadEdit | undefined): string {
    const answered = head.get("sec-websocket-accept") === acceptOf(this.key);
    const { reply } = this;
    this.prepare(head, lines);
    reply.status = answered ? 200 : 502;
    reply.reason = "";
    reply.framing = Framing.None;
    const text = composeResponse(head, reply, edit);
    this.responding = true;
    this.tunnelling = answered;
    this.ended = !answered;
    const { "sec-websocket-accept": _, ...headers } = responseHeaders(text);
    this.send((stream) => stream.respond(headers, { endStream: !answered, sendDate: false } as object));
    if (answered) this.stream?.resume();
    else if (this.handling.recording !== undefined) {
      this.handling.recording.refusalDetail =
        "The backend's Sec-WebSocket-Accept does not answer the key that it was sent.";
    }
    return shownAsHttp2(text);
  }

  endTunnel(): void {
    if (this.ended) return;
    this.ended = true;
    this.send((stream) => void stream.end());
  }

  refuse(problem: Problem, instance: string): string {
    const { head } = this;
    const { services } = this.host;
    this.responding = this.ended = true;
    if (problem.status >= 400 && isGrpc(head.get("content-type"))) {
      const text = grpcRefusal(problem, services.pseudonym);
      this.noteGrpc(text);
      this.send((stream) => stream.respond(responseHeaders(text), { endStream: true, sendDate: false } as object));
      return shownAsHttp2(text);
    }
    const { head: text, body } = composeProblem(problem, {
      instance,
      pseudonym: services.pseudonym,
      local: this.local,
      bodiless: head.method === "HEAD",
      keepAlive: true,
      minor: 1,
      date: httpDate(services.wallClock()),
    });
    this.send((stream) => {
      stream.respond(responseHeaders(text), { endStream: body === "", sendDate: false } as object);
      if (body !== "") stream.end(body, "latin1");
    });
    return shownAsHttp2(text);
  }

  cut(): void {
    this.ended = true;
    // Closing would end the body in good order before the reset: the client might take it for whole.
    this.stream?.destroy(new Error("The answer is incomplete."));
  }

  done(): void {
    const { stream } = this;
    if (stream === undefined || this.closed || stream.destroyed) return;
    // What still comes of the body is thrown away; a client that sends on is told to stop (RFC 9113 section 8.1).
    stream.resume();
    if ((!this.complete || this.tunnelling) && this.replyTrailers === "") {
      if (stream.writableFinished) stream.close(constants.NGHTTP2_NO_ERROR);
      else stream.once("finish", () => setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR)));
    }
  }

  private send(how: (stream: ServerHttp2Stream) => void): void {
    writeOrReset(this.stream, how);
  }
}
