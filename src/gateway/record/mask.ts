/**
 * Hides secrets in everything that leaves the gateway: by place (fields, parameters and cookies that carry one) and
 * by value (keys of consumers, and what this request carried in such a place, wherever else it stands).
 * Must not be applied to what is recorded: revealing on purpose needs the original.
 */
import type { Plan } from "../../model/plan.ts";
import { fieldsOf } from "./heads.ts";

export const MASK = "•••• (masked)";
/** Within a longer text. */
export const MASK_INLINE = "••••";

/** Always secret (ux.md, settings). */
const SECRET_FIELDS = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
/** Shorter values are hidden in their place only: hiding every "a" would leave nothing to read. */
const SHORTEST_VALUE = 4;
const MAX_VALUES = 256;

export class Mask {
  private readonly fields: ReadonlySet<string>;
  private readonly parameters: ReadonlySet<string>;
  private readonly values: readonly string[];

  private constructor(fields: ReadonlySet<string>, parameters: ReadonlySet<string>, values: Iterable<string>) {
    this.fields = fields;
    this.parameters = parameters;
    this.values = spellings(values);
  }

  /** @param plans every plan whose keys may still stand in a recorded request. */
  static of(plans: Iterable<Plan>): Mask {
    const fields = new Set(SECRET_FIELDS);
    const parameters = new Set<string>();
    const values = new Set<string>();
    for (const plan of plans) {
      for (const secret of plan.secrets ?? []) values.add(secret);
      for (const step of plan.steps)
        for (const place of step.policy.secretPlaces?.(step.config) ?? []) {
          if (place.in === "header") fields.add(place.name.toLowerCase());
          if (place.in === "query") parameters.add(place.name.toLowerCase());
        }
      for (const route of plan.routes)
        for (const { source } of route.needs) if ("header" in source) fields.add(source.header.toLowerCase());
    }
    return new Mask(fields, parameters, values);
  }

  /** The same, and hides too what these heads carry in secret places. */
  with(...heads: readonly string[]): Mask {
    const values = new Set(this.values);
    for (const head of heads) {
      for (const { name, value } of fieldsOf(head))
        if (this.fields.has(name.toLowerCase())) for (const part of secretParts(name, value)) values.add(part);
      for (const part of this.secretParameters(head)) values.add(part);
    }
    return new Mask(this.fields, this.parameters, values);
  }

  hidesField(name: string): boolean {
    return this.fields.has(name.toLowerCase());
  }

  field(name: string, value: string): string {
    return this.hidesField(name) ? MASK : this.target(value);
  }

  /** A request target or a URL within a field: secret parameters first, then known values. */
  target(target: string): string {
    const mark = target.indexOf("?");
    if (mark === -1 || this.parameters.size === 0) return this.text(target);
    const query = target
      .slice(mark + 1)
      .replaceAll(/([^&;=#]*)=([^&;#]*)/g, (whole, name: string) =>
        this.parameters.has(decoded(name).toLowerCase()) ? `${name}=${MASK_INLINE}` : whole,
      );
    return this.text(`${target.slice(0, mark)}?${query}`);
  }

  /** Known values anywhere. */
  text(text: string): string {
    let masked = text;
    for (const value of this.values) if (masked.includes(value)) masked = masked.replaceAll(value, MASK_INLINE);
    return masked;
  }

  /** Bytes are read as latin1, so that nothing but the secret changes. */
  bytes(bytes: Buffer): Buffer {
    const text = bytes.toString("latin1");
    let masked = text;
    for (const value of this.values) {
      const onWire = Buffer.from(value, "utf8").toString("latin1");
      if (masked.includes(onWire)) masked = masked.replaceAll(onWire, "*".repeat(8));
    }
    return masked === text ? bytes : Buffer.from(masked, "latin1");
  }

  /** Every string of a JSON value, except base64 of bodies (they went through `bytes`). */
  deep<T>(value: T): T {
    if (typeof value === "string") return this.text(value) as T;
    if (Array.isArray(value)) return value.map((entry) => this.deep(entry)) as T;
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, key === "base64" ? entry : this.deep(entry)]),
    ) as T;
  }

  private secretParameters(head: string): string[] {
    const target = head.slice(0, head.indexOf("\r\n")).split(" ")[1] ?? "";
    const query = target.slice(target.indexOf("?") + 1);
    if (this.parameters.size === 0 || query === target) return [];
    return [...query.matchAll(/([^&;=#]*)=([^&;#]*)/g)]
      .filter(([, name]) => this.parameters.has(decoded(name).toLowerCase()))
      .flatMap(([, , value]) => [value, decoded(value)]);
  }
}

/** What of a secret field is a secret by itself: the credentials behind the scheme, each cookie's value. */
function secretParts(name: string, value: string): string[] {
  const low = name.toLowerCase();
  if (low === "cookie") return value.split(";").map((pair) => pair.slice(pair.indexOf("=") + 1).trim());
  if (low === "set-cookie") {
    const pair = value.split(";", 1)[0];
    return [pair.slice(pair.indexOf("=") + 1).trim()];
  }
  const scheme = /^([A-Za-z-]+)\s+(\S.*)$/.exec(value);
  if (scheme === null) return [value];
  if (scheme[1].toLowerCase() !== "basic") return [value, scheme[2]];
  const pair = Buffer.from(scheme[2], "base64").toString("utf8");
  return [value, scheme[2], pair, pair.slice(pair.indexOf(":") + 1)];
}

/** Each value as it may stand in a URL, a form or JSON; longest first, so that no rest of one stays behind. */
function spellings(values: Iterable<string>): string[] {
  const all = new Set<string>();
  for (const value of values) {
    if (value.length < SHORTEST_VALUE) continue;
    const encoded = percentEncoded(value);
    for (const spelling of [value, encoded, encoded.replaceAll("%20", "+"), JSON.stringify(value).slice(1, -1)])
      all.add(spelling);
  }
  return [...all].toSorted((a, b) => b.length - a.length).slice(0, MAX_VALUES * 4);
}

function percentEncoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return text;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
