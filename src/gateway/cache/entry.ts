/**
 * One stored answer: its head as text and as a table, ready to be sent, its body, and the fact that the core judges it by.
 * Immutable but for its head and fact, which a 304 or a HEAD renews (RFC 9111 sections 3.2 and 4.3.4).
 * Must not decide whether it may be used.
 */
import { Event, MessageReader } from "../http1/reader.ts";
import { Head, Known } from "../http1/head.ts";
import { KNOWN_NAMES } from "../http1/names.ts";
import type { Held } from "../../policies/cache-freshness.ts";
import type { Selector } from "./uri.ts";

/** Fields of one connection, and what this cache writes itself (RFC 9111 section 3.1). */
const UNSTORED: ReadonlySet<string> = new Set([
  ...[Known.Connection, Known.KeepAlive, Known.ProxyConnection, Known.TransferEncoding, Known.Te, Known.Upgrade].map(
    (known) => KNOWN_NAMES[known],
  ),
  ...[Known.ProxyAuthenticate, Known.ProxyAuthorization, Known.Trailer, Known.ContentLength].map(
    (known) => KNOWN_NAMES[known],
  ),
  "proxy-authentication-info",
  "age",
]);
/** What describes the stored bytes stays as it came with them. */
const OF_BODY: ReadonlySet<string> = new Set(["content-encoding", "content-range"]);
/** RFC 9110 section 15.4.5. */
const OF_NOT_MODIFIED: ReadonlySet<string> = new Set([
  "cache-control",
  "cdn-cache-control",
  "content-location",
  "date",
  "etag",
  "expires",
  "last-modified",
  "vary",
]);
/** Bytes of the tables beside the texts, roughly. */
const OVERHEAD = 2048;

export class Entry {
  readonly uri: string;
  readonly selectors: readonly Selector[];
  readonly body: Buffer;
  fact: Held;
  head: Head;
  /** Times that it answered, and times that a backend said it still holds. */
  hits = 0;
  renewals = 0;
  private notModifiedHead: Head | undefined;

  constructor(uri: string, selectors: readonly Selector[], head: Head, body: Buffer, fact: Held) {
    this.uri = uri;
    this.selectors = selectors;
    this.head = head;
    this.body = body;
    this.fact = fact;
  }

  get size(): number {
    return this.body.length + 2 * (this.head.text.length + this.uri.length) + OVERHEAD;
  }

  get etag(): string | undefined {
    return this.head.get("etag");
  }

  /** The same as 304, without what describes a body. */
  get notModified(): Head {
    const made = this.notModifiedHead;
    if (made !== undefined) return made;
    const lines = linesOf(this.head, (name) => OF_NOT_MODIFIED.has(name));
    return (this.notModifiedHead = parse(`HTTP/1.1 304 Not Modified\r\n${lines}\r\n`) ?? this.head);
  }

  renew(head: Head, fact: Held): void {
    this.head = head;
    this.fact = fact;
    this.renewals++;
    this.notModifiedHead = undefined;
  }
}

/**
 * The head of an answer as it is stored: without fields of the connection and those of `without`, with its body's length.
 * @param date added when it has none (RFC 9110 section 6.6.1). @returns undefined when it would not fit a head.
 */
export function storedHead(head: Head, without: readonly string[], length: number, date: string): Head | undefined {
  const lines = linesOf(head, (name, i) => isStored(head, name, i) && !without.includes(name));
  return parse(startOf(head) + lines + dateLine(head, date) + lengthLine(head.status, length) + "\r\n");
}

/** What is stored, with the fields of a 304, or of the answer to a HEAD, in place of its own of the same names. */
export function renewedHead(stored: Head, fresh: Head, length: number): Head | undefined {
  const renewed = new Set<string>();
  for (let i = 0; i < fresh.count; i++) {
    const name = fresh.nameAt(i).toLowerCase();
    if (isStored(fresh, name, i) && !OF_BODY.has(name)) renewed.add(name);
  }
  const kept = linesOf(stored, (name) => !renewed.has(name) && name !== "content-length");
  const lines = linesOf(fresh, (name, i) => renewed.has(name) && isStored(fresh, name, i));
  return parse(startOf(stored) + kept + lines + lengthLine(stored.status, length) + "\r\n");
}

function startOf({ status, reason }: Head): string {
  return `HTTP/1.1 ${status} ${reason}\r\n`;
}

function dateLine(head: Head, date: string): string {
  return head.find("date") < 0 ? `Date: ${date}\r\n` : "";
}

function lengthLine(status: number, length: number): string {
  return status === 204 ? "" : `Content-Length: ${length}\r\n`;
}

function isStored(head: Head, name: string, i: number): boolean {
  return !UNSTORED.has(name) && !(head.namesFields && head.named[i] === 1);
}

function linesOf(head: Head, wanted: (name: string, i: number) => boolean): string {
  let lines = "";
  for (let i = 0; i < head.count; i++) {
    if (wanted(head.nameAt(i).toLowerCase(), i)) lines += head.text.slice(head.nameStart[i], head.lineEnd(i));
  }
  return lines;
}

function parse(text: string): Head | undefined {
  const reader = new MessageReader("response");
  const bytes = Buffer.from(text, "latin1");
  return reader.next(bytes, 0, bytes.length) === Event.Head ? reader.head : undefined;
}
