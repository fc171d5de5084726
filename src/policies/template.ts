/**
 * Header values with `${...}` in them, compiled once per edit.
 * Must never let a value carry a line break or control character into a head: a token's claim is a stranger's text.
 */
import type { Passage } from "../model/arrival.ts";
import type { CompileContext } from "../model/policy.ts";
import { nearest } from "./nearest.ts";
import { claimText } from "./rate-limit-key.ts";

export interface TemplateProblem {
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

/** @returns undefined when nothing but missing variables makes up the value: then there is no field to send. */
export type Template = (x: Passage) => string | undefined;

type Reader = (x: Passage) => string | undefined;

const READERS: Readonly<Record<string, Reader>> = {
  "request.id": (x) => x.requestId(),
  "request.method": (x) => x.arrival.method,
  "request.path": (x) => x.arrival.path,
  "request.query": (x) => x.arrival.query,
  "request.host": (x) => x.arrival.host,
  "client.ip": (x) => x.arrival.clientIp,
  "client.port": (x) => String(x.arrival.clientPort),
  consumer: (x) => x.caller.consumer,
  "consumer.groups": (x) => (x.caller.groups.length === 0 ? undefined : x.caller.groups.join(",")),
};

/** The names that a template may hold, as shown to people. */
export const TEMPLATE_NAMES: readonly string[] = [...Object.keys(READERS), "route", "jwt.<claim>", "header.<name>"];

const VARIABLE = /\$\$\{|\$\{([^}]*)\}?/g;

export function checkTemplate(text: string): TemplateProblem | undefined {
  for (const found of text.matchAll(VARIABLE)) {
    if (found[0] === "$${") continue;
    const place = { start: found.index, end: found.index + found[0].length };
    const name = (found[1] ?? "").trim();
    if (!found[0].endsWith("}"))
      return { message: "`${` is never closed with `}` (write `$${` for the characters themselves)", ...place };
    if (readerOf(name, undefined) === undefined) {
      const near = nearest(name, Object.keys(READERS));
      const hint = near ? `; did you mean \`${near}\`?` : "";
      return {
        message: `\`${name}\` is not known in a template${hint} There are ${TEMPLATE_NAMES.join(", ")}.`,
        ...place,
      };
    }
  }
  return undefined;
}

/**
 * Text that `checkTemplate` refuses keeps its unknown parts as they are.
 * @param escape makes what is filled in harmless where it will stand; by default in a header field.
 */
export function compileTemplate(text: string, context: CompileContext, escape = safeFieldValue): Template {
  const parts: (string | Reader)[] = [];
  let from = 0;
  for (const found of text.matchAll(VARIABLE)) {
    parts.push(text.slice(from, found.index));
    from = found.index + found[0].length;
    parts.push(
      found[0] === "$${" ? "${" : (readerOf((found[1] ?? "").trim(), context.routeName ?? context.owner) ?? found[0]),
    );
  }
  parts.push(text.slice(from));
  const kept = parts.filter((part) => part !== "");
  if (kept.every((part) => typeof part === "string")) {
    const whole = kept.join("");
    return () => whole;
  }
  const literal = kept.some((part) => typeof part === "string");
  return (x) => {
    let value = "";
    let known = literal;
    for (const part of kept) {
      const piece = typeof part === "string" ? part : part(x);
      if (piece === undefined) continue;
      known = true;
      value += typeof part === "string" ? piece : escape(piece);
    }
    return known ? value : undefined;
  };
}

/** Header fields of the request that fill it, in lower case. */
export function headersIn(text: string): readonly string[] {
  return [...text.matchAll(/\$\{\s*header\.([^}\s]+)\s*\}/g)].map(([, name]) => name.toLowerCase());
}

function readerOf(name: string, route: string | undefined): Reader | undefined {
  if (Object.hasOwn(READERS, name)) return READERS[name];
  if (name === "route") return () => route;
  if (/^jwt\.\S{1,100}$/.test(name)) return (x) => claimText(x.caller.jwt, name.slice(4));
  if (/^header\.[\w!#$%&'*+.^`|~-]{1,100}$/.test(name)) {
    const header = name.slice(7).toLowerCase();
    return (x) => x.arrival.header(header);
  }
  return undefined;
}

/** Visible ASCII, with blanks only inside. */
function isSafe(text: string): boolean {
  const { length } = text;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return length > 0 && text.charCodeAt(0) !== 0x20 && text.charCodeAt(length - 1) !== 0x20;
}

/** Control characters and everything beyond ASCII percent-encoded (UTF-8); blanks at the ends dropped. */
export function safeFieldValue(text: string): string {
  if (isSafe(text)) return text;
  // Single surrogates have no UTF-8 form; U+FFFD stands in for them.
  const whole = text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
  return whole.replace(/[^\x20-\x7e]+/g, (run) => encodeURIComponent(run)).trim();
}
