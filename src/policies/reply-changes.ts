/**
 * What must change in an answer's head when its body does: tags and digests that described other bytes.
 * Must not touch the body.
 */
import type { FieldEdit, ReplyEdit } from "../model/policy.ts";

/** Of the bytes as the backend sent them (RFC 9530, RFC 3230, RFC 1864). */
const DIGESTS = ["Content-Digest", "Repr-Digest", "Digest", "Content-MD5"];

/** Equal for whoever reads it, no longer byte for byte (RFC 9110 section 8.8.1): and no ranges of it are to be had. */
export function weaken(edit: FieldEdit): void {
  const etag = edit.get("etag");
  if (etag !== undefined && !etag.startsWith("W/")) edit.set("ETag", `W/${etag}`);
  for (const name of [...DIGESTS, "Accept-Ranges"]) if (edit.get(name) !== undefined) edit.remove(name);
}

/** Whether the answer carries a whole representation in its body, or would for GET. */
export function isWhole({ status }: Pick<ReplyEdit, "status">): boolean {
  return status >= 200 && status !== 204 && status !== 205 && status !== 206 && status !== 304;
}

export function addVary(edit: FieldEdit, name: string): void {
  const vary = edit.get("vary") ?? "";
  const names = vary.split(",").map((one) => one.trim().toLowerCase());
  if (!names.includes("*") && !names.includes(name.toLowerCase())) edit.add("Vary", name);
}

/** "application/json; charset=utf-8" -> "application/json" */
export function mediaType(contentType: string): string {
  return contentType.split(";", 1)[0].trim().toLowerCase();
}

export function isJson(contentType: string): boolean {
  return /^(?:application|text)\/(?:[\w.!#$&^-]+\+)?json$/.test(mediaType(contentType));
}
