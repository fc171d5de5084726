/**
 * What each keyword of JSON Schema may hold (the vocabularies' meta-schemas of 2020-12, and what is read of older drafts
 * and OpenAPI 3.0). A keyword of the wrong form would hold nothing against anybody, without a word: it is told when the
 * policy is read. Names that are no keywords may be anything (core, section 4.3.1). Must not read what a keyword means.
 */
import { isObject } from "./schema-registry.ts";

export interface FormProblem {
  readonly keyword: string;
  /** "must be a list of names, not true" */
  readonly message: string;
}

interface Form {
  readonly words: string;
  readonly fits: (value: unknown) => boolean;
}

const TYPES = new Set("array boolean integer null number object string".split(" "));

const isName = (value: unknown): value is string => typeof value === "string";
const isNames = (value: unknown) => Array.isArray(value) && value.every(isName);
const isCount = (value: unknown) => typeof value === "number" && Number.isInteger(value) && value >= 0;
const isType = (value: unknown) => isName(value) && TYPES.has(value);

const BOOLEAN: Form = { words: "true or false", fits: (value) => typeof value === "boolean" };
const COUNT: Form = { words: "a whole number, 0 or more", fits: isCount };
const LIST: Form = { words: "a list", fits: Array.isArray };
const MAP: Form = { words: "an object", fits: isObject };
const NAMES: Form = { words: "a list of names", fits: isNames };
const NAMES_BY_NAME: Form = {
  words: "an object of lists of names",
  fits: (value) => isObject(value) && Object.values(value).every(isNames),
};
const NUMBER: Form = { words: "a number", fits: (value) => typeof value === "number" && Number.isFinite(value) };
const SCHEMAS: Form = {
  words: "a list of at least one schema",
  fits: (value) => Array.isArray(value) && value.length > 0,
};
const STEP: Form = { words: "a number above 0", fits: (value) => NUMBER.fits(value) && Number(value) > 0 };
const TEXT: Form = { words: "text", fits: isName };
const TYPE: Form = {
  words: `one of ${[...TYPES].join(", ")}, or a list of them`,
  fits: (value) => isType(value) || (Array.isArray(value) && value.length > 0 && value.every(isType)),
};

const FORMS: Readonly<Record<string, Form>> = {
  $anchor: TEXT,
  $defs: MAP,
  $dynamicAnchor: TEXT,
  $dynamicRef: TEXT,
  $id: TEXT,
  $ref: TEXT,
  allOf: SCHEMAS,
  anyOf: SCHEMAS,
  definitions: MAP,
  dependencies: MAP,
  dependentRequired: NAMES_BY_NAME,
  dependentSchemas: MAP,
  enum: LIST,
  exclusiveMaximum: NUMBER,
  exclusiveMinimum: NUMBER,
  format: TEXT,
  maxContains: COUNT,
  maxItems: COUNT,
  maxLength: COUNT,
  maxProperties: COUNT,
  maximum: NUMBER,
  minContains: COUNT,
  minItems: COUNT,
  minLength: COUNT,
  minProperties: COUNT,
  minimum: NUMBER,
  multipleOf: STEP,
  oneOf: SCHEMAS,
  pattern: TEXT,
  patternProperties: MAP,
  prefixItems: SCHEMAS,
  properties: MAP,
  required: NAMES,
  type: TYPE,
  uniqueItems: BOOLEAN,
};

/** OpenAPI 3.0.3, section 4.7.24: there these two are said beside `minimum` and `maximum`. */
const IN_OPENAPI_30: Readonly<Record<string, Form>> = {
  exclusiveMaximum: BOOLEAN,
  exclusiveMinimum: BOOLEAN,
  nullable: BOOLEAN,
};

/** Dialects that are read by the rules of 2020-12; drafts 6 and 7 differ in what nobody is likely to have meant. */
const DIALECT =
  /^https?:\/\/(?:json-schema\.org\/(?:draft\/20(?:19-09|20-12)\/|draft-0[467]\/)?schema|spec\.openapis\.org\/oas\/3\.\d\/(?:dialect|schema)\/[\w.-]+)#?$/;

const INSTEAD: Readonly<Record<string, string>> = {
  exclusiveMaximum: "draft 4's `maximum: 3, exclusiveMaximum: true` is written `exclusiveMaximum: 3`",
  exclusiveMinimum: "draft 4's `minimum: 3, exclusiveMinimum: true` is written `exclusiveMinimum: 3`",
  required: "it stands beside `properties`, with the names of those that must be there",
};

/** What keeps a schema from being read as it was meant. Never throws. */
export function formProblems(schema: Readonly<Record<string, unknown>>, openapi30: boolean): readonly FormProblem[] {
  const problems: FormProblem[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    const form = (openapi30 && own(IN_OPENAPI_30, keyword)) || own(FORMS, keyword);
    if (form === undefined || form.fits(value)) continue;
    const hint = typeof value === "boolean" && !openapi30 ? own(INSTEAD, keyword) : undefined;
    problems.push({ keyword, message: `must be ${form.words}, not ${shown(value)}${hint ? `; ${hint}` : ""}` });
  }
  const { $schema, $recursiveRef } = schema;
  if ($schema !== undefined && !(isName($schema) && DIALECT.test($schema)))
    problems.push({
      keyword: "$schema",
      message: `${shown($schema)} is a dialect that is not read here: JSON Schema 2020-12 is, and what OpenAPI 3.0 and 3.1 make of it`,
    });
  if ($recursiveRef !== undefined)
    problems.push({ keyword: "$recursiveRef", message: "is of draft 2019-09: in 2020-12 it is `$dynamicRef`" });
  return problems;
}

/** What stands where a schema must: undefined when it is one. */
export function notSchema(value: unknown): string | undefined {
  if (isObject(value) || typeof value === "boolean") return undefined;
  return `must be a schema (an object, true or false), not ${shown(value)}`;
}

function own<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
