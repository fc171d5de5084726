/**
 * Feeds bytes to a MessageReader in given pieces and writes down all it says, so that two ways of splitting can be compared.
 * Each piece lies in a fresh buffer at an odd offset with noise around it: a reader that looks outside its range is caught.
 */
import type { Role } from "../../src/gateway/http1/reader.ts";
import { Event, MessageReader } from "../../src/gateway/http1/reader.ts";

export interface Message {
  /** Start line and fields as they arrived. */
  head: string;
  method: string;
  target: string;
  path: string;
  query: string | undefined;
  host: string;
  status: number;
  minor: number;
  framing: number;
  contentLength: number;
  keepAlive: boolean;
  upgrade: string;
  fields: [string, string][];
  body: string;
  trailers: string;
  ended: boolean;
}

export interface Transcript {
  messages: Message[];
  /** Code of the refusal, or "". */
  error: string;
  status: number;
  /** Offset in the whole input at which the reader refused; the input's length otherwise. */
  at: number;
  seen: string;
  idle: boolean;
}

export interface DriveOptions {
  /** Methods of the requests that the responses answer, in order; "GET" when they run out. */
  methods?: readonly string[];
  upgradeOffered?: boolean;
  /** The peer closes after the last byte. */
  finish?: boolean;
}

/** @param cuts ascending offsets at which the input is split. */
export function drive(role: Role, input: Buffer, cuts: readonly number[], options: DriveOptions = {}): Transcript {
  const reader = new MessageReader(role);
  const methods = [...(options.methods ?? [])];
  reader.requestMethod = methods.shift() ?? "GET";
  reader.upgradeOffered = options.upgradeOffered ?? false;
  const transcript: Transcript = { messages: [], error: "", status: 0, at: input.length, seen: "", idle: false };

  function note(event: number, buffer: Buffer, offset: number): boolean {
    const current = transcript.messages[transcript.messages.length - 1];
    switch (event) {
      case Event.Head:
        transcript.messages.push(messageOf(reader));
        return true;
      case Event.Body:
        if (reader.bodyEnd <= reader.bodyStart) throw new Error("an empty body event");
        current.body += buffer.toString("latin1", reader.bodyStart, reader.bodyEnd);
        return true;
      case Event.End:
        current.ended = true;
        current.trailers = reader.trailers;
        if (current.status >= 200) reader.requestMethod = methods.shift() ?? "GET";
        return true;
      case Event.Error:
        transcript.error = reader.error?.code ?? "(no error)";
        transcript.status = reader.error?.status ?? 0;
        transcript.seen = reader.error?.seen ?? "";
        transcript.at = offset;
        return false;
      default:
        return false;
    }
  }

  const ends = [...cuts, input.length];
  let from = 0;
  for (const to of ends) {
    const pad = 3 + (from % 5);
    const buffer = Buffer.alloc(pad + to - from + 7, "\r\nx");
    input.copy(buffer, pad, from, to);
    let at = pad;
    const end = pad + to - from;
    for (;;) {
      const event = reader.next(buffer, at, end);
      if (reader.position < at || reader.position > end)
        throw new Error(`position ${reader.position} outside ${at}..${end}`);
      at = reader.position;
      if (!note(event, buffer, from + at - pad)) break;
    }
    if (transcript.error !== "") return transcript;
    if (at !== end) throw new Error(`More, but only ${at} of ${end} were read`);
    from = to;
  }
  transcript.idle = reader.idle;
  if (options.finish === true) {
    const event = reader.finish();
    if (event === Event.End) note(Event.End, input, input.length);
    else if (event === Event.Error) note(Event.Error, input, input.length);
  }
  return transcript;
}

function messageOf(reader: MessageReader): Message {
  const head = reader.head;
  const fields: [string, string][] = [];
  for (let i = 0; i < head.count; i++) fields.push([head.nameAt(i), head.valueAt(i)]);
  const { text, method, target, path, query, host, status, minor, framing, contentLength, keepAlive, upgrade } = head;
  const rest = { method, target, path, query, host, status, minor, framing, contentLength, keepAlive, upgrade };
  return { head: text, ...rest, fields, body: "", trailers: "", ended: false };
}

/** Escaped text to bytes, one per character. */
export function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
