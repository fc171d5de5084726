/**
 * compression: answers get a content coding that the caller understands and prefers (RFC 9110 section 12.5.3), piece by
 * piece as they pass. Must not touch what is encoded already, what says `no-transform`, parts of a whole, or event streams,
 * whose every piece has to arrive at once.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import type { ContentCoding } from "../model/body.ts";
import type { Policy, ReplyEdit, Shape } from "../model/policy.ts";
import { size, writeSize } from "../model/scalars.ts";
import { addVary, isWhole, mediaType, weaken } from "./reply-changes.ts";

const TEXTS = [
  "text/*",
  "application/json",
  "application/*+json",
  "application/javascript",
  "application/xml",
  "image/svg+xml",
];

const config = z.strictObject({
  types: z.prefault(
    z
      .array(
        z
          .string()
          .check(z.regex(/^[a-z0-9*]+\/[a-z0-9.+*-]+$/, { error: "write a media type: text/*, application/json" })),
      )
      .check(
        z.maxLength(100),
        z.meta({ description: "Media types that are encoded; `*` stands for any part of a name." }),
      ),
    TEXTS,
  ),
  minSize: z.prefault(
    size().check(z.meta({ description: "Smaller answers are left as they are; unknown lengths are encoded." })),
    "1KiB",
  ),
  algorithms: z.prefault(
    z.array(z.enum(["br", "gzip", "zstd"])).check(
      z.minLength(1),
      z.meta({
        description: "Codings in order of preference, among those that the caller likes best. `zstd` needs Node 22.15.",
        examples: [["br", "gzip"]],
      }),
    ),
    ["br", "gzip"],
  ),
});

type Config = z.output<typeof config>;

export const compression: Policy<Config, undefined, never> = {
  kind: "compression",
  phase: "reply",
  summary: "Encodes answers with br, gzip or zstd for callers that understand it, while they pass.",
  example: "compression: { types: [application/json, text/*], minSize: 1KiB, algorithms: [br, gzip] }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {},
  admits: (c, _x, _y, seen) => {
    const wanted = preferred(seen.arrival.header("accept-encoding"), c.algorithms);
    const accepts = seen.arrival.header("accept-encoding");
    if (accepts === undefined) return "the caller sent no Accept-Encoding: left as it is";
    if (wanted.length === 0) return `the caller accepts none of ${c.algorithms.join(", ")} (${accepts})`;
    return `${wanted[0]} for answers of ${writeSize(c.minSize)} and more (the caller accepts ${accepts})`;
  },
  compile,
};

function compile(c: Config): Shape {
  const types = c.types.map(typePattern);
  return {
    response(x: Passage, edit: ReplyEdit) {
      if (!suits(c, types, edit)) return;
      addVary(edit, "Accept-Encoding");
      for (const coding of preferred(x.arrival.header("accept-encoding"), c.algorithms)) {
        if (!edit.encode(coding)) continue;
        weaken(edit);
        return;
      }
    },
    body: { encodes: true },
  };
}

function typePattern(written: string): RegExp {
  return new RegExp(`^${written.replace(/[.+]/g, "\\$&").replaceAll("*", "[^/;]*")}$`);
}

function suits(c: Config, types: readonly RegExp[], edit: ReplyEdit): boolean {
  if (!isWhole(edit) || edit.get("content-encoding") !== undefined || edit.get("content-range") !== undefined)
    return false;
  const type = mediaType(edit.get("content-type") ?? "");
  if (type === "text/event-stream" || !types.some((one) => one.test(type))) return false;
  if (/(?:^|,)\s*no-transform\s*(?:,|$)/i.test(edit.get("cache-control") ?? "")) return false;
  const length = edit.get("content-length");
  return length === undefined || Number(length) >= c.minSize;
}

/** Codings that the caller accepts, best first: by its own weights, then by our order. Unweighted is 1, 0 is never. */
export function preferred(accept: string | undefined, ours: readonly ContentCoding[]): readonly ContentCoding[] {
  if (accept === undefined) return [];
  const weights = new Map<string, number>();
  for (const part of accept.toLowerCase().split(",").slice(0, 50)) {
    const [name, ...parameters] = part.split(";").map((piece) => piece.trim());
    const q = parameters.find((one) => one.startsWith("q="));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    if (name !== "" && !weights.has(name)) weights.set(name, weight >= 0 && weight <= 1 ? weight : 0);
  }
  const weightOf = (coding: ContentCoding) =>
    weights.get(coding) ?? (coding === "gzip" ? weights.get("x-gzip") : undefined) ?? weights.get("*") ?? 0;
  // Who likes it best as it is gets it as it is.
  const plain = weights.get("identity") ?? 0;
  return ours
    .filter((coding) => weightOf(coding) > 0 && weightOf(coding) >= plain)
    .toSorted((a, b) => weightOf(b) - weightOf(a));
}
