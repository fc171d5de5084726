/**
 * Text of a path or query -> the value of a field, found by its path. Names are those of the `.proto` or their JSON forms.
 * Throws BindProblem, in words for whoever sent the request.
 */
import { fromJson, isFieldSet, ScalarType, type DescField, type DescMessage, type Registry } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { reflect, type ReflectList, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { nearest } from "../../policies/nearest.ts";

export class BindProblem extends Error {
  override readonly name = "BindProblem";
}

/** Messages whose JSON is a string, so that a parameter can be one. */
const TEXTUAL = new Set(["google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask"]);
const WRAPPER = /^google\.protobuf\.(?:Double|Float|U?Int(?:32|64)|Bool|String|Bytes)Value$/;

export interface Found {
  /** Holds the field. */
  readonly owner: ReflectMessage;
  readonly field: DescField;
  /** Sets the messages on the way, once the field has its value. */
  attach(): void;
}

/** @param where what to call it in a sentence: `the query parameter "a.b"`. @returns undefined when there is none. */
export function findField(message: ReflectMessage, path: readonly string[], where: string): Found | undefined {
  let owner = message;
  const attachments: (() => void)[] = [];
  for (const [depth, name] of path.entries()) {
    const field = fieldNamed(owner.desc, name);
    if (field === undefined) return undefined;
    if (depth === path.length - 1) {
      return { owner, field, attach: () => attachments.toReversed().forEach((attach) => attach()) };
    }
    if (field.fieldKind !== "message") {
      throw new BindProblem(`${where}: ${owner.desc.name}.${field.name} holds no fields, so none can be set in it`);
    }
    const parent = owner;
    const child = parent.get(field);
    attachments.push(() => parent.set(field, child));
    owner = child;
  }
  return undefined;
}

export function fieldNamed(desc: DescMessage, name: string): DescField | undefined {
  return desc.fields.find((field) => field.name === name || field.jsonName === name);
}

/** "; did you mean order_id?" or "". */
export function nearField(desc: DescMessage, name: string): string {
  const near = nearest(
    name,
    desc.fields.map((field) => field.name),
  );
  return near === undefined ? "" : `; did you mean ${near}?`;
}

/** Sets a field, or adds to a repeated one. @throws BindProblem */
export function setText({ owner, field, attach }: Found, text: string, where: string, registry: Registry): void {
  const fail = (what: string): never => {
    throw new BindProblem(`${where}: ${JSON.stringify(shortened(text))} is no ${what}`);
  };
  switch (field.fieldKind) {
    case "scalar":
      if (field.oneof !== undefined) checkOneof(owner, field, where);
      owner.set(field, scalar(field.scalar, text, fail));
      break;
    case "enum":
      if (field.oneof !== undefined) checkOneof(owner, field, where);
      owner.set(field, enumNumber(field.enum, text, fail));
      break;
    case "message":
      owner.set(field, messageOf(field.message, text, where, registry, fail));
      break;
    case "list": {
      const list = owner.get(field) as ReflectList;
      if (field.listKind === "scalar") list.add(scalar(field.scalar, text, fail));
      else if (field.listKind === "enum") list.add(enumNumber(field.enum, text, fail));
      else list.add(messageOf(field.message, text, where, registry, fail));
      break;
    }
    case "map":
      throw new BindProblem(`${where}: ${field.name} is a map, which only a body can hold`);
  }
  attach();
}

function checkOneof(owner: ReflectMessage, field: DescField, where: string): void {
  const chosen = field.oneof === undefined ? undefined : owner.oneofCase(field.oneof);
  if (chosen === undefined || chosen === field || !isFieldSet(owner.message, chosen)) return;
  throw new BindProblem(`${where}: ${field.name} and ${chosen.name} exclude each other`);
}

type Fail = (what: string) => never;

function messageOf(desc: DescMessage, text: string, where: string, registry: Registry, fail: Fail): ReflectMessage {
  const { typeName } = desc;
  if (WRAPPER.test(typeName)) {
    const message = reflect(desc, undefined, true);
    const [value] = desc.fields;
    if (value?.fieldKind === "scalar") message.set(value, scalar(value.scalar, text, fail));
    return message;
  }
  if (typeName === "google.protobuf.Value") return reflect(desc, fromJson(desc, text, { registry }), true);
  if (!TEXTUAL.has(typeName)) {
    const [first] = desc.fields;
    const example = first === undefined ? "" : `, such as .${first.name}`;
    throw new BindProblem(`${where} names the message ${typeName}: name a field in it${example}`);
  }
  try {
    return reflect(desc, fromJson(desc, text, { registry }), true);
  } catch {
    return fail(typeName);
  }
}

const RANGES: Readonly<Record<number, readonly [bigint, bigint, string]>> = {
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n, "int32"],
  [ScalarType.SINT32]: [-(2n ** 31n), 2n ** 31n - 1n, "sint32"],
  [ScalarType.SFIXED32]: [-(2n ** 31n), 2n ** 31n - 1n, "sfixed32"],
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n, "uint32"],
  [ScalarType.FIXED32]: [0n, 2n ** 32n - 1n, "fixed32"],
  [ScalarType.INT64]: [-(2n ** 63n), 2n ** 63n - 1n, "int64"],
  [ScalarType.SINT64]: [-(2n ** 63n), 2n ** 63n - 1n, "sint64"],
  [ScalarType.SFIXED64]: [-(2n ** 63n), 2n ** 63n - 1n, "sfixed64"],
  [ScalarType.UINT64]: [0n, 2n ** 64n - 1n, "uint64"],
  [ScalarType.FIXED64]: [0n, 2n ** 64n - 1n, "fixed64"],
};

function scalar(type: ScalarType, text: string, fail: Fail): unknown {
  switch (type) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return text === "true" || (text === "false" ? false : fail("bool: write true or false"));
    case ScalarType.BYTES:
      return bytes(text, fail);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT: {
      if (/^(?:NaN|-?Infinity)$/.test(text)) return Number(text);
      const value = /^-?\d+(?:\.\d*)?(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
      const single = type === ScalarType.FLOAT && Math.abs(value) > 3.4028234663852886e38;
      return Number.isFinite(value) && !single ? value : fail(type === ScalarType.FLOAT ? "float" : "double");
    }
    default: {
      const [least, most, name] = RANGES[type];
      const value = /^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined;
      if (value === undefined || value < least || value > most) return fail(name);
      return most > 2n ** 32n ? value : Number(value);
    }
  }
}

/** Base64, or its form for URLs; padding may be missing. */
function bytes(text: string, fail: Fail): Uint8Array {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) return fail("base64");
  try {
    return base64Decode(text);
  } catch {
    return fail("base64");
  }
}

interface EnumValues {
  readonly typeName: string;
  readonly open: boolean;
  readonly values: readonly { readonly name: string; readonly number: number }[];
}

function enumNumber({ typeName, open, values }: EnumValues, text: string, fail: Fail): number {
  const named = values.find(({ name }) => name === text);
  if (named !== undefined) return named.number;
  const number = /^-?\d{1,10}$/.test(text) ? Number(text) : NaN;
  const inRange = number >= -(2 ** 31) && number < 2 ** 31;
  if (inRange && (open || values.some((each) => each.number === number))) return number;
  const near = nearest(
    text,
    values.map(({ name }) => name),
  );
  const hint =
    near === undefined
      ? `: there is ${values
          .slice(0, 8)
          .map(({ name }) => name)
          .join(", ")}`
      : `; did you mean ${near}?`;
  return fail(`value of ${typeName}${hint}`);
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
