/**
 * A captured body as something to read: decoded bytes, indented JSON, a hex dump.
 * Indenting moves white space only: numbers and strings stay as they were sent, which JSON.parse would not promise.
 * Must not touch the DOM.
 */

export function decodeBase64(text: string): Uint8Array {
  const binary = atob(text);
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

const STREAMS: Readonly<Record<string, "gzip" | "deflate">> = { gzip: "gzip", "x-gzip": "gzip", deflate: "deflate" };

/** Undoes `encoding` as far as the bytes go (a captured part ends early); undefined when it cannot be undone here. */
export async function decompress(bytes: Uint8Array, encoding: string): Promise<Uint8Array | undefined> {
  const name = encoding.trim().toLowerCase();
  if (name === "" || name === "identity") return bytes;
  const format = Object.hasOwn(STREAMS, name) ? STREAMS[name] : undefined;
  if (format === undefined) return undefined;
  const parts: Uint8Array[] = [];
  const reader = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
    }
  } catch {
    if (parts.length === 0) return undefined;
  }
  return joined(parts);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export type BodyLanguage = "json" | "xml" | "css" | "javascript" | "plain";

export function languageOf(contentType: string): BodyLanguage {
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (/[/+]json$|ndjson$/u.test(type)) return "json";
  if (/[/+]xml$|\/x?html|svg/u.test(type)) return "xml";
  if (type === "text/css") return "css";
  if (/javascript$|ecmascript$/u.test(type)) return "javascript";
  return "plain";
}

/** Bytes that are hardly text: shown as hex first. */
export function looksBinary(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 512);
  let odd = 0;
  for (const byte of head) if (byte === 0 || (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13)) odd += 1;
  return odd > head.length / 20;
}

/** JSON with two spaces a level. What is not JSON, or was cut off, comes out as far as it goes. */
export function indentJson(text: string): string {
  let depth = 0;
  let out = "";
  const tokens = text.matchAll(/"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+/gu);
  let previous = "";
  for (const [token] of tokens) {
    if (token === "}" || token === "]") {
      depth = Math.max(0, depth - 1);
      out += previous === "{" || previous === "[" ? token : `${line(depth)}${token}`;
    } else {
      const fresh = previous === "{" || previous === "[" || previous === ",";
      out += `${fresh ? line(depth) : previous === ":" ? " " : ""}${token}`;
      if (token === "{" || token === "[") depth += 1;
    }
    previous = token;
  }
  return out;
}

function line(depth: number): string {
  return `\n${"  ".repeat(Math.min(depth, 40))}`;
}

const PRINTABLE = /[\x20-\x7e]/u;

/** Sixteen bytes a line: offset, hex, text. */
export function hexDump(bytes: Uint8Array, limit = bytes.length): string {
  const lines: string[] = [];
  const end = Math.min(bytes.length, limit);
  for (let at = 0; at < end; at += 16) {
    const part = [...bytes.subarray(at, Math.min(at + 16, end))];
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0"));
    const left = `${hex.slice(0, 8).join(" ").padEnd(23)}  ${hex.slice(8).join(" ").padEnd(23)}`;
    const text = part.map((byte) => String.fromCharCode(byte)).map((letter) => (PRINTABLE.test(letter) ? letter : "."));
    lines.push(`${at.toString(16).padStart(6, "0")}  ${left}  ${text.join("")}`);
  }
  if (bytes.length > end) lines.push(`… ${bytes.length - end} more bytes`);
  return lines.join("\n");
}
