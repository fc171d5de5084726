/**
 * One request to a backend over HTTP/2: a stream of a session, with trailers both ways and flow control as back-pressure.
 * Must not decide anything about retries or clients; nothing a backend sends may throw out of here.
 */
import { constants, type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from "node:http2";
import { Failure } from "../../model/state.ts";
import type { Backend, RequestWriter, UpstreamOwner } from "../forward/backend.ts";
import { Framing, type Head } from "../http1/head.ts";
import { Event, MessageReader } from "../http1/reader.ts";
import { connectHeaders, headersOf, requestHeaders, responseText, switchingText, trailerLines } from "./fields.ts";
import { acceptOf } from "./websocket.ts";
import { writeOrReset } from "./write.ts";

const END_STREAM = 1;

const CODES = new Map(
  Object.entries(constants)
    .filter(([name]) =>
      /^NGHTTP2_(?:[A-Z0-9_]*ERROR|CANCEL|REFUSED_STREAM|STREAM_CLOSED|ENHANCE_YOUR_CALM|HTTP_1_1_REQUIRED|INADEQUATE_SECURITY)$/.test(
        name,
      ),
    )
    .filter(([, code]) => typeof code === "number" && code >= 0)
    .map(([name, code]) => [code as number, name.replace("NGHTTP2_", "")]),
);

/** What a stream has of its session. */
interface StreamOf {
  readonly scheme: string;
  /** Streams of the session before this one. */
  readonly served: number;
  readonly localPort: number;
}

export class BackendStream implements Backend, RequestWriter {
  readonly version = "2";
  readonly head: Head;
  readonly out: RequestWriter = this;
  readonly served: number;
  readonly localPort: number;
  answered = false;
  refused = false;
  private readonly reader = new MessageReader("response");
  private readonly session: ClientHttp2Session;
  private readonly scheme: string;
  private readonly closed: () => void;
  private stream: ClientHttp2Stream | undefined;
  private owner: UpstreamOwner | undefined;
  private held = "";
  private trailers = "";
  private answerTrailers = "";
  private complete = false;
  private over = false;
  /** An upgrade to WebSocket goes out as an extended CONNECT (RFC 8441). */
  private upgrading = false;
  private accept = "";
  /** It was accepted: bytes flow both ways. */
  private tunnelling = false;

  /** @param closed called once. */
  constructor(session: ClientHttp2Session, { scheme, served, localPort }: StreamOf, closed: () => void) {
    this.session = session;
    this.scheme = scheme;
    this.served = served;
    this.localPort = localPort;
    this.closed = closed;
    this.head = this.reader.head;
  }

  attach(owner: UpstreamOwner, method: string, upgradeOffered: boolean): void {
    this.owner = owner;
    this.upgrading = upgradeOffered;
    this.reader.requestMethod = method;
    this.reader.upgradeOffered = upgradeOffered;
  }

  abandon(): void {
    this.owner = undefined;
    const { stream } = this;
    if (stream === undefined) this.end();
    else stream.close(constants.NGHTTP2_CANCEL);
  }

  pause(): void {
    this.stream?.pause();
  }

  resume(): void {
    this.stream?.resume();
  }

  endTunnel(): void {
    this.write((stream) => void stream.end());
  }

  // ---- The request ---------------------------------------------------------------------------------------------

  get pending(): boolean {
    return this.stream?.writableNeedDrain === true;
  }

  begin(): void {}

  text(text: string): void {
    this.held = text;
  }

  /** Copied: the stream keeps them until the backend's window has room. */
  bytes(buffer: Buffer, start: number, end: number): void {
    if (this.stream === undefined) this.open(false);
    this.write((stream) => void stream.write(Buffer.from(buffer.subarray(start, end))));
  }

  lastChunk(trailers: string): void {
    this.trailers = trailers;
  }

  finish(): void {
    this.complete = true;
    if (this.stream !== undefined) this.write((stream) => void stream.end());
  }

  flush(): void {
    if (this.stream !== undefined || this.held === "") return;
    if (this.upgrading) return this.open(false);
    const bodiless = this.complete && this.trailers === "";
    this.open(bodiless);
    if (this.complete && !bodiless) this.write((stream) => void stream.end());
  }

  private open(endStream: boolean): void {
    if (this.over) return;
    const headers = this.upgrading ? this.connectHeaders() : requestHeaders(this.held, this.scheme);
    this.held = "";
    let stream: ClientHttp2Stream;
    try {
      stream = this.session.request(headers, { endStream, waitForTrailers: !endStream && !this.upgrading });
    } catch (error) {
      // The session ended since it was chosen: nothing of this has left.
      this.refused = true;
      const { code = "closed" } = error as NodeJS.ErrnoException;
      setImmediate(() => this.lost(`takes no more requests on this connection (${code})`));
      return;
    }
    this.stream = stream;
    stream.on("error", () => {});
    stream.on("headers", (_, flags: number, raw?: string[]) => this.headed(raw ?? [], flags));
    stream.on("response", (_, flags: number, raw?: string[]) => this.headed(raw ?? [], flags));
    stream.on("trailers", (_, __: number, raw?: string[]) => (this.answerTrailers = trailerLines(raw ?? [])));
    stream.on("data", (bytes: Buffer) => this.received(bytes));
    stream.on("end", () => this.ended());
    stream.on("drain", () => this.owner?.upstreamDrained());
    stream.on("wantTrailers", () => this.write((it) => it.sendTrailers(headersOf(this.trailers))));
    stream.on("close", () => this.streamClosed(stream.rstCode));
  }

  private connectHeaders(): OutgoingHttpHeaders {
    const { headers, key } = connectHeaders(this.held, this.scheme);
    this.accept = acceptOf(key);
    return headers;
  }

  private write(how: (stream: ClientHttp2Stream) => void): void {
    writeOrReset(this.stream, how);
  }

  // ---- The answer ----------------------------------------------------------------------------------------------

  private headed(raw: readonly string[], flags: number): void {
    const { owner, reader, head } = this;
    if (owner === undefined) return;
    this.answered = true;
    const plain = responseText(raw);
    this.tunnelling = this.upgrading && plain?.startsWith("HTTP/1.1 200") === true;
    const text = plain !== undefined && this.tunnelling ? switchingText(plain, this.accept) : plain;
    reader.reset();
    const bytes = Buffer.from(text ?? "", "latin1");
    if (text === undefined || reader.next(bytes, 0, bytes.length) !== Event.Head) return this.malformed(owner);
    if (this.tunnelling) return owner.upstreamHead();
    head.keepAlive = true;
    if ((flags & END_STREAM) !== 0) head.framing = Framing.None;
    else if (head.framing === Framing.UntilClose) head.framing = Framing.Chunked;
    owner.upstreamHead();
  }

  private malformed(owner: UpstreamOwner): void {
    this.owner = undefined;
    this.stream?.close(constants.NGHTTP2_PROTOCOL_ERROR);
    owner.upstreamLost(Failure.MalformedResponse, this.reader.error?.detail ?? "its head is no HTTP/2 response head");
  }

  private received(bytes: Buffer): void {
    this.owner?.upstreamBody(bytes, 0, bytes.length);
    this.owner?.upstreamRead();
  }

  private ended(): void {
    const { owner, stream } = this;
    // A reset ends the stream for its reader, too.
    if (owner === undefined || !this.answered || (stream?.rstCode ?? 0) !== constants.NGHTTP2_NO_ERROR) return;
    if (!this.tunnelling) this.owner = undefined;
    owner.upstreamEnd(this.answerTrailers);
  }

  private streamClosed(code: number | undefined): void {
    this.refused = code === constants.NGHTTP2_REFUSED_STREAM && !this.answered;
    this.lost(`reset the stream (${CODES.get(code ?? 0) ?? code})`);
  }

  private lost(how: string): void {
    const { owner } = this;
    this.owner = undefined;
    this.end();
    owner?.upstreamLost(this.answered ? Failure.ResetDuringResponse : Failure.ResetBeforeResponse, how);
  }

  private end(): void {
    if (this.over) return;
    this.over = true;
    this.closed();
  }
}
