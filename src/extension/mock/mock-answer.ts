/**
 * A recorded answer as what a directResponse says: status, content type and body, decoded, bounded, without secrets.
 * Must not know VS Code, and must not make up an answer that no service gave: where there is none, an empty one stands.
 */
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import type { Detail } from "../../contract/detail.ts";

export interface MockAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** No service had answered: this is to be filled in. */
  readonly empty: boolean;
}

/** Bytes of a body that a policy or a file beside it takes. */
const LARGEST = 1_048_576;
const MASK = "********";

/** @returns why there is nothing to mock, in a sentence, instead. */
export function mockAnswer(detail: Detail): MockAnswer | string {
  const { row, verdict, connection, responseBody } = detail;
  if (connection !== undefined) return "A connection of layer 4 has no answer that a policy could give.";
  if (row.state === "pending") return "The request has not ended yet.";
  if (row.tags.includes("mock")) return "It was answered by a mock already.";
  if (verdict.refused && row.route !== undefined)
    return `It was refused before any service was asked (${verdict.title}): a mock stands in for services, and would be refused as well.`;
  if (verdict.refused || row.firstByte < 0 || row.endpoint === undefined)
    return { status: 200, contentType: "application/json", body: "{}", empty: true };
  const status = row.status >= 200 && row.status <= 599 ? row.status : 200;
  const contentType = responseBody.contentType;
  if (responseBody.size === 0) return { status, contentType, body: "", empty: false };
  const body = textOf(detail);
  return typeof body === "string" ? { status, contentType, body, empty: false } : body.problem;
}

function textOf({ responseBody }: Detail): string | { readonly problem: string } {
  const { size, captured, base64, contentEncoding, evicted } = responseBody;
  if (evicted || base64 === undefined) return { problem: "Its body has left the ring; only the decision is kept." };
  if (captured < size) return { problem: `Only the first ${captured} of ${size} bytes of its body were kept.` };
  const bytes = decoded(Buffer.from(base64, "base64"), contentEncoding);
  if (bytes === undefined) return { problem: `Its body is encoded as ${contentEncoding} and cannot be read here.` };
  const text = bytes.toString("utf8");
  if (text.includes("\0") || !Buffer.from(text, "utf8").equals(bytes))
    return { problem: "Its body is no text, and a policy answers with text." };
  if (text.includes(MASK)) return { problem: "Its body holds a secret, which does not belong into a policy." };
  return text;
}

/** undefined = it cannot be decoded, or would be too large. */
function decoded(bytes: Buffer, encoding: string): Buffer | undefined {
  const options = { maxOutputLength: LARGEST };
  try {
    switch (encoding.toLowerCase()) {
      case "":
      case "identity":
        return bytes;
      case "gzip":
      case "x-gzip":
        return gunzipSync(bytes, options);
      case "deflate":
        return inflateSync(bytes, options);
      case "br":
        return brotliDecompressSync(bytes, options);
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** Parameters of the request that can be asked for: each stands once, and none is masked. */
export function mockQuery(path: string): Readonly<Record<string, string>> {
  const mark = path.indexOf("?");
  if (mark === -1) return {};
  const found = new Map<string, string | undefined>();
  for (const part of path.slice(mark + 1).split("&")) {
    const [name, value] = decodedPair(part);
    if (name !== undefined && name !== "")
      found.set(name, found.has(name) || value?.includes("••••") ? undefined : value);
  }
  return Object.fromEntries([...found].filter((pair): pair is [string, string] => pair[1] !== undefined));
}

function decodedPair(part: string): readonly [string | undefined, string | undefined] {
  const equals = part.indexOf("=");
  const [name, value] = equals === -1 ? [part, ""] : [part.slice(0, equals), part.slice(equals + 1)];
  try {
    return [decodeURIComponent(name.replaceAll("+", " ")), decodeURIComponent(value.replaceAll("+", " "))];
  } catch {
    return [undefined, undefined];
  }
}
