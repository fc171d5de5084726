/**
 * directResponse: answers by itself, for mocks, maintenance pages and what must not reach any backend.
 * Must not let a stranger's text change the meaning of the body: what a template fills in is escaped for its type.
 */
import * as z from "zod/mini";
import { ADMIT } from "../model/basics.ts";
import type { Answer, CompileContext, ConfigProblem, Policy, Step } from "../model/policy.ts";
import { fieldValue, headerName } from "../model/scalars.ts";
import { checkTemplate, compileTemplate } from "./template.ts";

const LARGEST_BODY = 1_048_576;

const config = z.strictObject({
  status: z.prefault(
    z.int().check(z.minimum(200), z.maximum(599), z.meta({ description: "The status of the answer, 200 to 599." })),
    200,
  ),
  headers: z.optional(
    z.record(headerName(), fieldValue()).check(
      z.meta({
        description: "Header fields of the answer. Without Content-Type it is told from the body: JSON or plain text.",
        examples: [{ "content-type": "text/html; charset=utf-8" }],
      }),
    ),
  ),
  body: z.optional(
    z
      .string()
      .check(z.maxLength(LARGEST_BODY), z.meta({ description: "The body, sent as UTF-8.", examples: ['{"ok":true}'] })),
  ),
  file: z.optional(
    z.string().check(
      z.minLength(1),
      z.meta({
        description: "A text file that holds the body, relative to the policy file; read when the policy is loaded.",
        examples: ["./mocks/order.json"],
      }),
    ),
  ),
  template: z.prefault(
    z.boolean().check(
      z.meta({
        description:
          "Fill in `${...}` as in header values (`${request.id}`, `${jwt.sub}`). What is filled in is escaped for JSON or HTML, by Content-Type.",
      }),
    ),
    false,
  ),
});

type Config = z.output<typeof config>;

export const directResponse: Policy<Config, undefined, never> = {
  kind: "directResponse",
  phase: "answer",
  summary:
    "Answers by itself with a status, header fields and a body: mocks and maintenance pages. No backend is asked.",
  example: "directResponse: { status: 503, headers: { retry-after: '60' }, body: closed for maintenance }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {},
  admits: (c) => `answers ${c.status} ${c.file === undefined ? "with the body of the policy file" : `with ${c.file}`}`,
  mocks: true,
  check: checkConfig,
  compile,
};

function checkConfig(c: Config, context: CompileContext): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const given = c.body !== undefined || c.file !== undefined;
  if (c.body !== undefined && c.file !== undefined) {
    const fix = { title: "Remove body", path: ["body"], value: undefined };
    problems.push({ path: ["body"], message: "the body comes from one place: `body` or `file`, not both", fix });
  }
  if (given && (c.status === 204 || c.status === 304)) {
    const at = c.body === undefined ? "file" : "body";
    problems.push({ path: [at], message: `an answer with ${c.status} has no body (RFC 9110)` });
  }
  const text = textOf(c, context);
  if (text === undefined) {
    problems.push({ path: ["file"], message: `${c.file} cannot be read (paths are relative to the policy file)` });
  }
  const wrong = c.template && text !== undefined ? checkTemplate(text) : undefined;
  if (wrong !== undefined) {
    const within = c.body === undefined ? {} : { within: wrong };
    problems.push({ path: [c.body === undefined ? "file" : "body"], message: wrong.message, ...within });
  }
  return problems;
}

/** @returns undefined when the file is not there. */
function textOf(c: Config, context: CompileContext): string | undefined {
  if (c.body !== undefined) return c.body;
  return c.file === undefined ? "" : context.file(c.file);
}

function compile(c: Config, context: CompileContext): Step<undefined> {
  const text = textOf(c, context) ?? "";
  const fields = Object.entries(c.headers ?? {});
  let type = fields.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  if (type === undefined && text !== "") {
    type = looksLikeJson(text) ? "application/json" : "text/plain; charset=utf-8";
    fields.push(["Content-Type", type]);
  }
  const fill = c.template ? compileTemplate(text, context, escapeFor(type ?? "")) : undefined;
  return {
    peek(_x, _state, _now, note) {
      note.put(ADMIT, 0, 0);
      return ADMIT;
    },
    answers: () => true,
    answer: (x): Answer => ({ status: c.status, fields, body: fill === undefined ? text : (fill(x) ?? "") }),
  };
}

function looksLikeJson(text: string): boolean {
  return /^\s*(?:\{[^]*\}|\[[^]*\])\s*$/.test(text);
}

function escapeFor(type: string): (text: string) => string {
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) return (text) => JSON.stringify(text).slice(1, -1);
  if (/\b(?:html|xml)\b/i.test(type)) return (text) => text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
  return (text) => text;
}
