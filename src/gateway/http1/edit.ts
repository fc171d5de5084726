/**
 * The FieldEdit and RequestEdit that policies write to, over a parsed head: a short list of removed names and added lines.
 * Must not let a value split a head: one with CR, LF, NUL or another control is not set, and `refused` says so. The field
 * is then missing rather than mended: half of an identity could be somebody else's.
 */
import { isUtf8 } from "node:buffer";
import type { ContentCoding } from "../../model/body.ts";
import type { ReplyEdit, RequestEdit } from "../../model/policy.ts";
import { hostEnd } from "./authority.ts";
import { SPACE, TAB, TARGET, TOKEN, VALUE } from "./grammar.ts";
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

/** Names that were found good, and their lower case: policies name the same few with every request. */
const editableNames = new Map<string, string>();
const MOST_NAMES = 1000;

/** Of an edit that has not begun. */
const NO_HEAD = new Head();

/** Reused: `begin` before each head. */
export class HeadEdit implements ReplyEdit {
  private head: Head = NO_HEAD;
  // Counted by hand: setting the length of an array is slow, and this is reused for every head.
  /** Lower-case names whose arrived lines are left out: the first `removedCount`. */
  private readonly removed: string[] = [];
  private removedCount = 0;
  /** Lower-case names of added lines, their spelling and their values: the first `addedCount` of each. */
  private readonly addedLower: string[] = [];
  private readonly addedNames: string[] = [];
  private readonly addedValues: string[] = [];
  private addedCount = 0;
  /** Sentences about edits that were not made; undefined = none. */
  refused: string[] | undefined = undefined;
  /** The coding that the body gets on its way. */
  coding: ContentCoding | undefined = undefined;

  private readonly canEncode: (coding: ContentCoding) => boolean;

  /** @param canEncode which codings whoever sends the body can make; by default none. */
  constructor(canEncode: (coding: ContentCoding) => boolean = () => false) {
    this.canEncode = canEncode;
  }

  get status(): number {
    return this.head.status;
  }

  encode(coding: ContentCoding): boolean {
    if (!this.canEncode(coding)) return false;
    this.coding = coding;
    this.set("Content-Encoding", coding);
    return true;
  }

  begin(head: Head): void {
    this.head = head;
    this.coding = undefined;
    this.removedCount = this.addedCount = 0;
    this.refused = undefined;
  }

  /** Whether anything was changed. */
  get changed(): boolean {
    return this.removedCount > 0 || this.addedCount > 0;
  }

  get(name: string): string | undefined {
    const lower = name.toLowerCase();
    let value = this.isRemoved(lower) ? undefined : this.head.get(lower);
    for (let k = 0; k < this.addedCount; k++) {
      if (this.addedLower[k] !== lower) continue;
      value = value === undefined ? this.addedValues[k] : value + ", " + this.addedValues[k];
    }
    return value;
  }

  all(name: string): readonly string[] {
    const lower = name.toLowerCase();
    const values: string[] = [];
    const { head } = this;
    if (!this.isRemoved(lower))
      for (let i = head.find(lower); i >= 0; i = head.findFrom(lower, i + 1)) values.push(head.valueAt(i));
    for (let k = 0; k < this.addedCount; k++) if (this.addedLower[k] === lower) values.push(this.addedValues[k]);
    return values;
  }

  set(name: string, value: string): void {
    const lower = this.editable(name);
    if (lower === "") return;
    this.leaveOut(lower);
    this.append(name, lower, value);
  }

  add(name: string, value: string): void {
    const lower = this.editable(name);
    if (lower !== "") this.append(name, lower, value);
  }

  remove(name: string): void {
    const lower = this.editable(name);
    if (lower !== "") this.leaveOut(lower);
  }

  private leaveOut(lower: string): void {
    if (!this.isRemoved(lower)) this.removed[this.removedCount++] = lower;
    let kept = 0;
    for (let k = 0; k < this.addedCount; k++) {
      if (this.addedLower[k] === lower) continue;
      this.addedLower[kept] = this.addedLower[k];
      this.addedNames[kept] = this.addedNames[k];
      this.addedValues[kept] = this.addedValues[k];
      kept++;
    }
    this.addedCount = kept;
  }

  private isRemoved(lower: string): boolean {
    for (let k = 0; k < this.removedCount; k++) if (this.removed[k] === lower) return true;
    return false;
  }

  /** Whether arrived lines may have to be left out. */
  get removesAny(): boolean {
    return this.removedCount > 0;
  }

  /** Whether line i of the head is left out. */
  removes(i: number): boolean {
    for (let k = 0; k < this.removedCount; k++) if (this.head.isNamed(i, this.removed[k])) return true;
    return false;
  }

  /** The added lines, each with its CRLF, latin1. */
  lines(): string {
    let lines = "";
    for (let k = 0; k < this.addedCount; k++) lines += this.addedNames[k] + ": " + this.addedValues[k] + "\r\n";
    return lines;
  }

  private append(name: string, lower: string, value: string): void {
    const bytes = toFieldValue(value);
    if (bytes === undefined) {
      this.refuse(`The value for ${name} holds a line break or another control character; the field was left out.`);
    } else {
      this.addedLower[this.addedCount] = lower;
      this.addedNames[this.addedCount] = name;
      this.addedValues[this.addedCount++] = bytes;
    }
  }

  /** @returns the name in lower case, or "" when it must not be edited. */
  private editable(name: string): string {
    const known = editableNames.get(name);
    if (known !== undefined) return known;
    const lower = name.toLowerCase();
    if (!isToken(name)) {
      this.refuse(`"${printable(name)}" is no field name; nothing was set.`);
    } else if (PROTECTED.has(lower)) {
      this.refuse(`${name} belongs to the connection and cannot be edited.`);
    } else {
      if (editableNames.size < MOST_NAMES) editableNames.set(name, lower);
      return lower;
    }
    return "";
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
  const trimmed = isBlankAt(value, 0) || isBlankAt(value, value.length - 1) ? withoutBlanks(value) : value;
  if (widest < 128) return trimmed;
  if (widest < 256 && isUtf8(Buffer.from(trimmed, "latin1"))) return trimmed;
  return Buffer.from(trimmed, "utf8").toString("latin1");
}

function isBlankAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === SPACE || code === TAB;
}

/** Not trim(): it would take the byte 0xA0, which ends "à" in UTF-8. */
function withoutBlanks(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
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
