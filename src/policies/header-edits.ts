/**
 * What requestHeaders and responseHeaders share: set, add, remove, with templates in the values.
 * Must not touch the fields that frame or route a message: those belong to the forwarder.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import type { CompileContext, ConfigProblem, FieldEdit } from "../model/policy.ts";
import { fieldValue, headerName } from "../model/scalars.ts";
import { checkTemplate, compileTemplate } from "./template.ts";

const VALUES =
  "Values may hold ${jwt.<claim>}, ${request.id}, ${client.ip}, ${consumer}, ${header.<name>}, ${route} and more";

const values = z.record(headerName(), fieldValue());

export const headerEdits = z.strictObject({
  set: z.optional(
    values.check(
      z.meta({
        description: `Replaces these fields whatever was there. ${VALUES}; one whose variables are all missing is removed.`,
        examples: [{ "x-user": "${jwt.sub}" }],
      }),
    ),
  ),
  add: z.optional(
    values.check(
      z.meta({
        description: `Adds these fields beside those that are there. ${VALUES}; one whose variables are all missing is not added.`,
        examples: [{ "x-request-id": "${request.id}" }],
      }),
    ),
  ),
  remove: z.optional(
    z
      .array(headerName())
      .check(
        z.meta({ description: "Removes these fields, before anything is set or added.", examples: [["x-powered-by"]] }),
      ),
  ),
});

export type HeaderEdits = z.output<typeof headerEdits>;

const FRAMING: Readonly<Record<string, string>> = {
  "content-length": "it says how long the body is",
  "transfer-encoding": "it says where the body ends",
  connection: "it belongs to one connection",
  "keep-alive": "it belongs to one connection",
  "proxy-connection": "it belongs to one connection",
  te: "it belongs to one connection",
  trailer: "it says what follows the body",
  upgrade: "it belongs to one connection",
  host: "use `urlRewrite: { hostname }` instead",
};

export function checkHeaderEdits(c: HeaderEdits): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const field of ["set", "add"] as const) {
    for (const [name, value] of Object.entries(c[field] ?? {})) {
      problems.push(...checkName(name, [field, name]));
      const wrong = checkTemplate(value);
      if (wrong) problems.push({ path: [field, name], message: wrong.message, within: wrong });
    }
  }
  c.remove?.forEach((name, i) => problems.push(...checkName(name, ["remove", i])));
  if (c.set === undefined && c.add === undefined && c.remove === undefined) {
    problems.push({ path: [], message: "give `set`, `add` or `remove`" });
  }
  return problems;
}

/** "removes cookie; sets x-user": names alone, since values may be secrets. */
export function headerEditWords(c: HeaderEdits): string {
  const said = (verb: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`${verb} ${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""}`];
  return [
    ...said("removes", c.remove ?? []),
    ...said("sets", Object.keys(c.set ?? {})),
    ...said("adds", Object.keys(c.add ?? {})),
  ].join("; ");
}

function checkName(name: string, path: readonly (string | number)[]): readonly ConfigProblem[] {
  const why = FRAMING[name.toLowerCase()];
  return why === undefined ? [] : [{ path, message: `${name} cannot be changed here: ${why}` }];
}

export function compileHeaderEdits(c: HeaderEdits, context: CompileContext): (x: Passage, edit: FieldEdit) => void {
  const compiled = (fields: Readonly<Record<string, string>> | undefined) =>
    Object.entries(fields ?? {}).map(([name, text]) => ({ name, value: compileTemplate(text, context) }));
  const set = compiled(c.set);
  const add = compiled(c.add);
  const remove = c.remove ?? [];
  return (x, edit) => {
    for (const name of remove) edit.remove(name);
    for (const { name, value } of set) {
      const text = value(x);
      // Left alone, a value that the client itself sent would pass for ours.
      if (text === undefined) edit.remove(name);
      else edit.set(name, text);
    }
    for (const { name, value } of add) {
      const text = value(x);
      if (text !== undefined) edit.add(name, text);
    }
  };
}
