/**
 * The FieldEdit and RequestEdit that policies write to, over a parsed head: a short list of removed names and added lines.
 * Must not let a value split a head: one with CR, LF, NUL or another control is not set, and `refused` says so. The field
 * is then missing rather than mended: half of an identity could be somebody else's.
 */
import { isUtf8 } from "node:buffer";
import type { ContentCoding } from "../../model/body.ts";
import type { ReplyEdit, RequestEdit } from "../../model/policy.ts";
import { hostEnd } from "./authority.ts";
import { TARGET, TOKEN, VALUE } from "./grammar.ts";
import { Head } from "./head.ts";

/** Framing and connection fields are the engine's alone: whoever sets them makes two readers see two messages. */
const PROTECTED: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Reused: `begin` before each head. */
export class HeadEdit implements ReplyEdit {
  private head: Head = new Head();
  /** Lower-case names whose arrived lines are left out. */
  private readonly removed: string[] = [];
  /** Lower-case names of added lines, their spelling and their values. */
  private readonly added: { lower: string; name: string; value: string }[] = [];
  /** Sentences about edits that were not made; undefined = none. */
  refused: string[] | undefined = undefined;
  /** The coding that the body gets on its way. */
  coding: ContentCoding | undefined = undefined;

  get status(): number {
    return this.head.status;
  }

  encode(coding: ContentCoding): void {
    this.coding = coding;
    this.set("Content-Encoding", coding);
  }

  begin(head: Head): void {
    this.head = head;
    this.coding = undefined;
    this.removed.length = 0;
    this.added.length = 0;
    this.refused = undefined;
  }

  /** Whether anything was changed. */
  get changed(): boolean {
    return this.removed.length > 0 || this.added.length > 0;
  }

  get(name: string): string | undefined {
    const lower = name.toLowerCase();
    const values = this.added.filter((line) => line.lower === lower).map((line) => line.value);
    const arrived = this.removed.includes(lower) ? undefined : this.head.get(lower);
    if (arrived !== undefined) values.unshift(arrived);
    return values.length === 0 ? undefined : values.join(", ");
  }

  set(name: string, value: string): void {
    if (!this.mayEdit(name)) return;
    this.remove(name);
    this.append(name, value);
  }

  add(name: string, value: string): void {
    if (this.mayEdit(name)) this.append(name, value);
  }

  remove(name: string): void {
    if (!this.mayEdit(name)) return;
    const lower = name.toLowerCase();
    if (!this.removed.includes(lower)) this.removed.push(lower);
    for (let i = this.added.length - 1; i >= 0; i--) if (this.added[i].lower === lower) this.added.splice(i, 1);
  }

  /** Whether line i of the head is left out. */
  removes(i: number): boolean {
    for (const name of this.removed) if (this.head.isNamed(i, name)) return true;
    return false;
  }

  /** The added lines, each with its CRLF, latin1. */
  lines(): string {
    let lines = "";
    for (const { name, value } of this.added) lines += name + ": " + value + "\r\n";
    return lines;
  }

  private append(name: string, value: string): void {
    const bytes = toFieldValue(value);
    if (bytes === undefined) {
      this.refuse(`The value for ${name} holds a line break or another control character; the field was left out.`);
    } else {
      this.added.push({ lower: name.toLowerCase(), name, value: bytes });
    }
  }

  private mayEdit(name: string): boolean {
    if (!isToken(name)) {
      this.refuse(`"${printable(name)}" is no field name; nothing was set.`);
    } else if (PROTECTED.has(name.toLowerCase())) {
      this.refuse(`${name} belongs to the connection and cannot be edited.`);
    } else {
      return true;
    }
    return false;
  }

  protected refuse(sentence: string): void {
    (this.refused ??= []).push(sentence);
  }
}

/** The engine calls `beginRequest`, lets the shapes run, and sends what `target` and `host` then say. */
export class RequestHeadEdit extends HeadEdit implements RequestEdit {
  path = "/";
  query: string | undefined = undefined;
  authority = "";
  private arrivedAuthority = "";

  /** @param authority sent as Host unless a shape changes it. */
  beginRequest(head: Head, authority: string): void {
    this.begin(head);
    this.path = head.path;
    this.query = head.query;
    this.authority = this.arrivedAuthority = authority;
  }

  /** The request-target to send: what cannot stand in one is percent-encoded, and a path starts with "/". */
  target(): string {
    const path = this.path === "*" || this.path.startsWith("/") ? this.path : "/" + this.path;
    const encoded = path === "*" ? "*" : toTarget(path.replaceAll("?", "%3F"));
    return this.query === undefined ? encoded : encoded + "?" + toTarget(this.query);
  }

  /** The Host to send; an authority that is none is refused, and the one before the edit stays. */
  host(): string {
    const authority = this.authority;
    if (authority === this.arrivedAuthority) return authority;
    const bytes = Buffer.from(authority, "utf8");
    if (hostEnd(bytes, 0, bytes.length) >= 0) return authority;
    this.refuse(`"${printable(authority)}" is no host with an optional port; Host was left as it was.`);
    return this.arrivedAuthority;
  }
}

/**
 * A value as it may stand in a head, one character per byte; undefined when it holds a control character.
 * Text outside ASCII goes as UTF-8, unless its characters are bytes already: those of a value copied from a head.
 */
export function toFieldValue(value: string): string | undefined {
  let widest = 0;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 256 && VALUE[code] !== 1) return undefined;
    if (code > widest) widest = code;
  }
  // Not trim(): it would take the byte 0xA0, which ends "à" in UTF-8.
  const trimmed = value.replace(/^[ \t]+|[ \t]+$/g, "");
  if (widest < 128) return trimmed;
  if (widest < 256 && isUtf8(Buffer.from(trimmed, "latin1"))) return trimmed;
  return Buffer.from(trimmed, "utf8").toString("latin1");
}

function toTarget(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255 || TARGET[code] !== 1) return encodeTarget(text);
  }
  return text;
}

function encodeTarget(text: string): string {
  let target = "";
  for (const byte of Buffer.from(text, "utf8")) {
    if (TARGET[byte] === 1) target += String.fromCharCode(byte);
    else target += "%" + byte.toString(16).toUpperCase().padStart(2, "0");
  }
  return target;
}

function isToken(name: string): boolean {
  if (name === "") return false;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code > 255 || TOKEN[code] !== 1) return false;
  }
  return true;
}

/** For sentences: without characters that a terminal would obey. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 100);
}
