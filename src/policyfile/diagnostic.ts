/**
 * What the reader says about a policy file: a stable code, a place, words for someone stuck, and fixes as text edits.
 * The list of codes stands here and nowhere else; media/policies.md documents them from it.
 * Must not decide what is wrong: that is read's and compile's work.
 */
import type { SourceRange } from "../model/basics.ts";

export type Severity = "error" | "warning" | "hint";

/** Replaces [offset, endOffset) of the text that was read. */
export interface TextEdit {
  readonly offset: number;
  readonly endOffset: number;
  readonly newText: string;
}

export interface TextFix {
  readonly title: string;
  readonly edits: readonly TextEdit[];
}

export interface Diagnostic {
  readonly code: Code;
  readonly severity: Severity;
  readonly message: string;
  readonly range: SourceRange;
  readonly fixes: readonly TextFix[];
}

/** Stable for ever: a code is never given another meaning. SY0xx the text, SY1xx a field, SY2xx the whole file, SY3xx what runs. */
export const CODES = {
  SY001: { severity: "error", title: "not YAML" },
  SY002: { severity: "error", title: "duplicate key" },
  SY003: { severity: "error", title: "key is no plain text" },
  SY004: { severity: "error", title: "too large or too deep" },
  SY005: { severity: "error", title: "unusable anchor or alias" },
  SY006: { severity: "error", title: "more than one document" },
  SY101: { severity: "error", title: "unknown key" },
  SY102: { severity: "error", title: "wrong type or value" },
  SY103: { severity: "error", title: "missing field" },
  SY104: { severity: "error", title: "unknown policy kind" },
  SY105: { severity: "error", title: "not built yet" },
  SY106: { severity: "error", title: "unusable expression or value" },
  SY107: { severity: "error", title: "not one kind" },
  SY201: { severity: "warning", title: "shadowed route" },
  SY202: { severity: "error", title: "missing service" },
  SY203: { severity: "hint", title: "limit key absent from every recorded request" },
  SY204: { severity: "hint", title: "literal secret" },
  SY205: { severity: "warning", title: "retry on a non-idempotent method" },
  SY206: { severity: "error", title: "duplicate name" },
  SY207: { severity: "error", title: "missing named policy" },
  SY208: { severity: "error", title: "missing listener" },
  SY209: { severity: "error", title: "unresolved secret" },
  SY210: { severity: "error", title: "port clash" },
  SY211: { severity: "error", title: "bad address or url" },
  SY212: { severity: "error", title: "unusable path or host name" },
  SY213: { severity: "hint", title: "unused" },
  SY214: { severity: "error", title: "policy cannot stand here" },
  SY215: { severity: "error", title: "too many endpoints" },
  SY216: { severity: "warning", title: "route without a backend" },
  SY217: { severity: "warning", title: "listens beyond this machine" },
  SY218: { severity: "error", title: "not at this layer" },
  SY219: { severity: "warning", title: "unverified backend" },
  SY220: { severity: "hint", title: "name beyond the development CA" },
  SY221: { severity: "error", title: "unusable file" },
  SY222: { severity: "hint", title: "no listener asks for a certificate" },
  SY301: { severity: "hint", title: "replica down" },
  SY302: { severity: "hint", title: "limit that rejects more than a fifth" },
} as const satisfies Readonly<Record<string, { readonly severity: Severity; readonly title: string }>>;

export type Code = keyof typeof CODES;
