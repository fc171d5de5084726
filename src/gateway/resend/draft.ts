/**
 * A recorded request as a text that a person edits, and the edited text as a request: request line, fields, an empty line,
 * the body. Secrets stand masked in the text; where a mask was left as it stood, the recorded value is put back, so that no
 * secret has to leave the gateway to be sent again. Must not send, and must not mend what was written wrong: it says the line.
 */
import { fieldsOf, startLine } from "../record/heads.ts";
import { MASK_INLINE, type Mask } from "../record/mask.ts";
import { bodyHindrance, type RecordedRequest } from "./recorded.ts";

export interface EditedRequest {
  /** Start line, fields, empty line; latin1. */
  readonly head: string;
  readonly body: Buffer;
}

export interface DraftProblem {
  /** Of the text, from 1. */
  readonly line: number;
  readonly message: string;
}

/** Fields that are written anew when it is sent. */
const WRITTEN_ANEW: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "connection"]);
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** What stands in for a body that is no text. */
function standIn(bytes: number): string {
  return `<the recorded body: ${bytes} bytes that are no text>`;
}

/** @param mask knows this request's own secrets. */
export function draftOf(recorded: RecordedRequest, mask: Mask): string {
  const { requestHead } = recorded.payload;
  const [method, target, version = "HTTP/1.1"] = startLine(requestHead).split(" ");
  const hindrance = bodyHindrance(recorded);
  const lines = [
    "# Sent as it stands, through the gateway. A masked value that is left as it is goes out as it was recorded.",
  ];
  if (hindrance !== undefined) lines.push(`# ${hindrance} Write the body below.`);
  lines.push(`${method} ${mask.target(target)} ${version}`);
  for (const { name, value } of fieldsOf(requestHead))
    if (!WRITTEN_ANEW.has(name.toLowerCase())) lines.push(`${name}: ${shownField(mask, name, value)}`);
  return `${lines.join("\n")}\n\n${hindrance === undefined ? shownBody(recorded, mask) : ""}`;
}

/** @returns the request, or the first line that is none. */
export function readDraft(text: string, recorded: RecordedRequest, mask: Mask): EditedRequest | DraftProblem {
  const whole = text.replaceAll("\r\n", "\n");
  const lines = whole.split("\n");
  let at = 0;
  while (lines[at]?.startsWith("#")) at++;
  const start = requestLine(lines[at] ?? "", recorded, mask);
  if (typeof start !== "string") return { line: at + 1, ...start };
  const head = [start];
  const known = knownFields(recorded, mask);
  for (at++; at < lines.length && lines[at] !== ""; at++) {
    const field = fieldLine(lines[at], known);
    if (typeof field !== "string") return { line: at + 1, ...field };
    head.push(field);
  }
  const body = bodyIn(lines.slice(at + 1).join("\n"), recorded, mask);
  if (!Buffer.isBuffer(body)) return { line: at + 2, ...body };
  return { head: `${head.join("\r\n")}\r\n\r\n`, body };
}

type Wrong = Pick<DraftProblem, "message">;

function requestLine(line: string, { payload }: RecordedRequest, mask: Mask): string | Wrong {
  const parts = line.split(" ");
  if (parts.length < 2 || parts.length > 3 || parts.includes(""))
    return {
      message: 'The request line is method, target and version with one blank between: "GET /orders HTTP/1.1".',
    };
  const [method, target, version = "HTTP/1.1"] = parts;
  if (!TOKEN.test(method)) return { message: `"${method}" is no method.` };
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0")
    return { message: `It is sent by HTTP/1.1, not by "${version}".` };
  const recorded = startLine(payload.requestHead).split(" ")[1] ?? "";
  if (target === mask.target(recorded)) return `${method} ${recorded} ${version}`;
  if (target.includes(MASK_INLINE)) return { message: "The target is masked and was changed: write the whole value." };
  if (!/^[\x21-\x7e]+$/.test(target)) return { message: "The target has characters that must be percent-encoded." };
  return `${method} ${target} ${version}`;
}

/** "name: shown" as it stands in the text -> the recorded line. */
function knownFields({ payload }: RecordedRequest, mask: Mask): ReadonlyMap<string, string> {
  return new Map(
    fieldsOf(payload.requestHead).map(({ name, value }) => [
      `${name.toLowerCase()}: ${shownField(mask, name, value)}`,
      `: ${value}`,
    ]),
  );
}

function fieldLine(line: string, known: ReadonlyMap<string, string>): string | Wrong {
  const colon = line.indexOf(":");
  if (colon < 1) return { message: `A field is "Name: value"; an empty line begins the body.` };
  const name = line.slice(0, colon);
  if (!TOKEN.test(name)) return { message: `"${name}" is no name of a field.` };
  const value = line.slice(colon + 1).trim();
  const recorded = known.get(`${name.toLowerCase()}: ${value}`);
  if (recorded !== undefined) return name + recorded;
  if (value.includes(MASK_INLINE)) return { message: `${name} is masked and was changed: write the whole value.` };
  // eslint-disable-next-line no-control-regex -- Control characters are what must not be in a value (RFC 9110, section 5.5).
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) return { message: `${name} holds a control character.` };
  return `${name}: ${Buffer.from(value, "utf8").toString("latin1")}`;
}

function bodyIn(text: string, recorded: RecordedRequest, mask: Mask): Buffer | Wrong {
  if (bodyHindrance(recorded) === undefined) {
    const shown = shownBody(recorded, mask).replaceAll("\r\n", "\n");
    // An editor may have put a last end of line there.
    if (text === shown || text === `${shown}\n`) return Buffer.from(recorded.payload.requestBody);
    if (shown.includes("********") && text.includes("********"))
      return {
        message: "The body holds a masked secret and was changed: write the secret, or leave the body as it was.",
      };
  }
  return Buffer.from(text, "utf8");
}

function shownField(mask: Mask, name: string, value: string): string {
  return mask.field(name, Buffer.from(value, "latin1").toString("utf8"));
}

function shownBody({ payload }: RecordedRequest, mask: Mask): string {
  const bytes = payload.requestBody;
  const text = bytes.toString("utf8");
  if (text.includes("\0") || !Buffer.from(text, "utf8").equals(bytes)) return standIn(bytes.length);
  return mask.bytes(bytes).toString("utf8");
}
