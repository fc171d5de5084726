/**
 * responseBody: rewrites JSON answers on their way to the caller, so that what is internal stays inside.
 * An answer that should be rewritten and cannot be (too large, broken) is refused and not let out as it is, unless the
 * policy file says so. Must not touch answers that are no JSON, that are a part of a whole, or that have no body.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import type { CompileContext, Policy, ReplyEdit, RequestEdit, Shape } from "../model/policy.ts";
import { writeSize } from "../model/scalars.ts";
import { unjudgedAnswer } from "./json-body.ts";
import { checkJsonEdits, compileJsonEdits, headersOf, jsonEdits } from "./json-edit.ts";
import { isJson, isWhole, weaken } from "./reply-changes.ts";

const config = z.strictObject({
  ...jsonEdits,
  otherwise: z.prefault(
    z.enum(["refuse", "pass"]).check(
      z.meta({
        description:
          "What becomes of a JSON answer that is larger than `most` or cannot be read: `refuse` answers 502, `pass` lets it out as it is, with everything in it.",
      }),
    ),
    "refuse",
  ),
});

type Config = z.output<typeof config>;

const Refusal = { tooLarge: 1, unreadable: 2, unjudged: 3 } as const;

export const responseBody: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "responseBody",
  phase: "reply",
  summary: "Rewrites JSON answers: sets, removes, renames or keeps members by JSON Pointer.",
  example: "responseBody: { remove: [/internal, /items/*/cost], rename: { /qty: quantity } }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    tooLarge: {
      status: 502,
      title: "answer too large to be rewritten",
      say: (_c, x, y) =>
        `the backend's answer has ${x} bytes or more, and at most ${writeSize(y)} are rewritten: letting it out would show what this policy takes away`,
      fix: (_c, x) => (x > 8_388_608 ? [] : [{ title: `Rewrite up to ${upTo(x)}`, path: ["most"], value: upTo(x) }]),
    },
    unreadable: {
      status: 502,
      title: "answer cannot be rewritten",
      say: (_c, x) =>
        `the backend's answer (${x} bytes) says it is JSON and cannot be read as such: letting it out would show what this policy takes away`,
    },
    unjudged: unjudgedAnswer("rewritten"),
  },
  admits: (c) => `rewrites JSON answers: ${words(c)}`,
  check: (c) => checkJsonEdits(c),
  compile,
};

function upTo(bytes: number): string {
  return `${Math.min(8, Math.ceil(bytes / 1_048_576))}MiB`;
}

function words(c: Config): string {
  const parts: string[] = [];
  const list = (names: readonly string[]) => `${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""}`;
  if (c.keep !== undefined) parts.push(`keeps only ${list(c.keep)}`);
  if (c.remove !== undefined) parts.push(`removes ${list(c.remove)}`);
  if (c.rename !== undefined) parts.push(`renames ${list(Object.keys(c.rename))}`);
  if (c.set !== undefined) parts.push(`sets ${list(Object.keys(c.set))}`);
  return parts.join("; ");
}

function compile(c: Config, context: CompileContext): Shape {
  const refuses = c.otherwise === "refuse";
  const wants = (_x: Passage, status: number, type: string) => isWhole({ status }) && isJson(type);
  return {
    request(_x, edit: RequestEdit) {
      // What comes encoded has to be decoded first, and a range of a document cannot be rewritten.
      edit.set("Accept-Encoding", "identity");
      for (const name of ["Range", "If-Range"]) if (edit.get(name) !== undefined) edit.remove(name);
    },
    response(x, edit: ReplyEdit) {
      if (wants(x, edit.status, edit.get("content-type") ?? "")) weaken(edit);
    },
    body: {
      response: {
        most: c.most,
        wants,
        edit: compileJsonEdits(c, context),
        tooLarge: refuses ? Refusal.tooLarge : 0,
        unreadable: refuses ? Refusal.unreadable : 0,
        unjudged: refuses ? Refusal.unjudged : 0,
        headers: headersOf(c),
      },
    },
  };
}
