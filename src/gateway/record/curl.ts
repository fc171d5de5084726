/**
 * A recorded request as one POSIX shell line that sends it again.
 * Must not let anything of the request be read by the shell: every word is quoted, and a body that is not text is left out.
 */
import type { Field } from "./heads.ts";

export interface CurlInput {
  readonly method: string;
  readonly url: string;
  /** Shown as given: masked before, unless revealed. */
  readonly fields: readonly Field[];
  readonly body: Buffer;
  /** All of the body was captured. */
  readonly complete: boolean;
}

/** curl makes these itself. */
const LEFT_OUT = new Set(["host", "content-length", "transfer-encoding", "connection", "expect", "te", "trailer"]);

export function curlOf({ method, url, fields, body, complete }: CurlInput): string {
  const words = ["curl", "--globoff", "--path-as-is"];
  if (method === "HEAD") words.push("--head");
  else if (method !== "GET" || body.length > 0) words.push("-X", quote(method));
  words.push(quote(url));
  for (const { name, value } of fields)
    if (!LEFT_OUT.has(name.toLowerCase())) words.push("-H", quote(value === "" ? `${name};` : `${name}: ${value}`));
  if (body.length === 0) return words.join(" ");
  const text = body.toString("utf8");
  const readable = complete && !text.includes("\0") && Buffer.from(text, "utf8").equals(body);
  if (readable) return [...words, "--data-raw", quote(text)].join(" ");
  const why = complete ? "it is not text" : "only its beginning was captured";
  return `${words.join(" ")} --data-binary @body  # the body is not here: ${why}`;
}

/** Nothing has a meaning between single quotes but the quote itself. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
