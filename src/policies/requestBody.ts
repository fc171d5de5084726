/**
 * requestBody: rewrites JSON requests on their way to the backend: what it must not be told, what it must be told.
 * Judged before the decision (is there JSON to rewrite?), rewritten after it. A body that should be rewritten and cannot
 * be is refused. Must not touch bodies that are no JSON.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { FactRequest, Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { CollectedBody } from "../model/body.ts";
import type { CompileContext, Policy, RequestEdit, Shape, Step } from "../model/policy.ts";
import { NO_BODY, unread, unreadReasons, Unread, type Finding } from "./json-body.ts";
import { checkJsonEdits, compileJsonEdits, jsonEdits } from "./json-edit.ts";
import { isJson } from "./reply-changes.ts";

const config = z.strictObject(jsonEdits);

type Config = z.output<typeof config>;

const Refusal = { ...Unread, tooMany: 7 } as const;

/** Values and names of a body that are rewritten: where that is done everybody else waits, some 30 ms for so many where each is a long number. */
const MOST_VALUES = 25_000;

const READABLE: Finding = Object.freeze({ reason: 0, length: -1 });

export const requestBody: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "requestBody",
  phase: "shape",
  summary: "Rewrites JSON requests: sets, removes, renames or keeps members by JSON Pointer.",
  example: "requestBody: { set: { /user: '${jwt.sub}' }, remove: [/role] }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    ...unreadReasons<Config>(
      (c, seen) => seen.facts[factName(c)] as Finding | undefined,
      (c) => c.most,
    ),
    tooMany: {
      status: 413,
      title: "body holds too much to be rewritten",
      say: (_c, x) =>
        `the body holds ${x.toLocaleString("en")} values and names, and at most ${MOST_VALUES.toLocaleString("en")} are rewritten: send it in parts, or let it pass where this policy does not apply (\`when\`)`,
    },
  },
  admits: (_c, x) => (x < 0 ? "the body is JSON and will be rewritten" : "there is no JSON body to rewrite"),
  check: (c) => checkJsonEdits(c),
  needs: (c): readonly FactRequest[] => [{ name: factName(c), kind: "body", source: { most: c.most, read: readable } }],
  compile,
};

/** What is no JSON, or nothing, passes as it is. */
function readable(body: CollectedBody): Finding {
  const weight = isJson(body.type) ? body.weight() : 0;
  if (weight > MOST_VALUES) return { reason: Refusal.tooMany, length: weight };
  const wrong = unread(body);
  if (wrong === undefined) return READABLE;
  return wrong.reason === Unread.missing || wrong.reason === Unread.notJson ? NO_BODY : wrong;
}

function factName(c: Config): string {
  return `rewrite/${xxHash32(JSON.stringify(c), 0).toString(16).padStart(8, "0")}`;
}

function compile(c: Config, context: CompileContext): Step<undefined> & Shape {
  const name = factName(c);
  const rewrites = (x: Passage) => ((x.facts[name] as Finding | undefined)?.length ?? 0) < 0;
  return {
    peek(x, _state, _now, note) {
      const found = x.facts[name] as Finding | undefined;
      const reason = found?.reason ?? ADMIT;
      note.put(reason, found?.length ?? 0, 0);
      return reason;
    },
    request(x, edit: RequestEdit) {
      if (!rewrites(x)) return;
      for (const field of ["Content-Encoding", "Content-Digest", "Repr-Digest", "Digest", "Content-MD5"])
        if (edit.get(field) !== undefined) edit.remove(field);
    },
    body: {
      request: {
        most: c.most,
        wants: (x, _status, type) => isJson(type) && rewrites(x),
        edit: compileJsonEdits(c, context),
        tooLarge: 0,
        unreadable: 0,
        unjudged: 0,
      },
    },
  };
}
