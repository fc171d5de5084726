/**
 * An OpenAPI document (3.0 or 3.1) as operations with compiled checks: which path and method, which parameters, which
 * bodies in and out. References are followed within the document and to files beside it.
 * Must not judge a request: it only prepares what is asked of one.
 */
import { RE2JS } from "re2js";
import { SchemaCompiler, type Validate } from "./json-schema.ts";
import type { Member, Members } from "./openapi-forms.ts";
import { typesOf, type Parameter, type Wanted } from "./openapi-parameters.ts";
import { isJson } from "./reply-changes.ts";
import { FILES, isObject, SchemaRegistry, type Resource } from "./schema-registry.ts";

export interface Content {
  /** "application/json", "text/*" */
  readonly range: string;
  readonly validate: Validate | undefined;
  /** Its members, where it is a form. */
  readonly members: Members;
}

export interface Response {
  /** Empty = no body is declared. */
  readonly contents: readonly Content[];
  /** Fields, read as parameters in a header are. */
  readonly headers: readonly Parameter[];
}

export interface Operation {
  /** "GET /orders/{id}" */
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly bodyRequired: boolean;
  /** Empty = no body is declared. */
  readonly contents: readonly Content[];
  /** By status: "200", "2XX", "default". */
  readonly responses: ReadonlyMap<string, Response>;
}

export interface ApiPath {
  readonly template: string;
  /** One for each segment. */
  readonly segments: readonly Segment[];
  /** By method in upper case. */
  readonly operations: ReadonlyMap<string, Operation>;
}

interface Segment {
  readonly literal: string | undefined;
  /** In linear time: what stands between variables may be in them too. */
  readonly pattern: RE2JS | undefined;
  readonly names: readonly string[];
}

export interface Api {
  readonly paths: readonly ApiPath[];
  /** Paths below which the document's servers stand, longest first; the last is "". */
  readonly prefixes: readonly string[];
  readonly problems: readonly string[];
  /** Header fields of requests that parameters stand in, in lower case. */
  readonly fields: readonly string[];
}

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/** Fields of the request that are no parameters (3.1, section 4.8.12.1). */
const NO_PARAMETERS = new Set(["accept", "content-type", "authorization"]);

export function readApi(path: string, load: (path: string) => unknown): Api {
  const root = load(path);
  if (!isObject(root)) return { paths: [], prefixes: [""], problems: [], fields: [] };
  const version = typeof root.openapi === "string" ? root.openapi : "";
  if (!/^3\.[01]\./.test(version)) {
    const message = `it is no OpenAPI 3.0 or 3.1 document: \`openapi\` says ${version === "" ? "nothing" : version}`;
    return { paths: [], prefixes: [""], problems: [message], fields: [] };
  }
  return new Reader(root, path, load, version.startsWith("3.0.")).api();
}

class Reader {
  readonly #root: Record<string, unknown>;
  readonly #home: Resource;
  readonly #registry: SchemaRegistry;
  readonly #request: SchemaCompiler;
  readonly #response: SchemaCompiler;
  readonly #problems: string[] = [];

  constructor(root: Record<string, unknown>, path: string, load: (path: string) => unknown, openapi30: boolean) {
    this.#root = root;
    this.#registry = new SchemaRegistry(load);
    this.#home = this.#registry.add(FILES + path, root);
    this.#request = new SchemaCompiler(this.#registry, {
      formats: true,
      openapi: openapi30 ? "3.0" : "3.1",
      direction: "request",
    });
    this.#response = new SchemaCompiler(this.#registry, {
      formats: true,
      openapi: openapi30 ? "3.0" : "3.1",
      direction: "response",
    });
  }

  api(): Api {
    const paths: ApiPath[] = [];
    for (const [template, item] of Object.entries(isObject(this.#root.paths) ? this.#root.paths : {}))
      if (template.startsWith("/")) paths.push(this.#path(template, this.#at(item, this.#home)));
    // Concrete before templated (3.1, section 4.8.8.2), from left to right.
    paths.sort((a, b) => rankOf(a).localeCompare(rankOf(b)));
    for (const { at, message } of [...this.#request.problems, ...this.#response.problems].slice(0, 5))
      this.#problems.push(`a schema of it (${at === "" ? "its top" : at}): ${message}`);
    const all = paths.flatMap(({ operations }) => [...operations.values()].flatMap(({ parameters }) => parameters));
    const names = all.flatMap((one) =>
      one.in === "header" ? [one.name.toLowerCase()] : one.in === "cookie" ? ["cookie"] : [],
    );
    return { paths, prefixes: this.#prefixes(), problems: this.#problems, fields: [...new Set(names)] };
  }

  #prefixes(): readonly string[] {
    const found = new Set<string>();
    for (const server of Array.isArray(this.#root.servers) ? this.#root.servers : []) {
      const url = isObject(server) && typeof server.url === "string" ? server.url : "";
      const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "").replace(/\/+$/, "");
      if (path.startsWith("/") && !path.includes("{")) found.add(path);
    }
    return [...[...found].toSorted((a, b) => b.length - a.length), ""];
  }

  /** Follows references. */
  #at(value: unknown, home: Resource): Located {
    let at = value;
    let own = home;
    for (let i = 0; i < 16 && isObject(at) && typeof at.$ref === "string"; i++) {
      const target = this.#registry.find(at.$ref, own);
      if (target === undefined) {
        this.#problems.push(`\`$ref: ${at.$ref}\` leads nowhere`);
        return { value: {}, home: own };
      }
      at = target.schema;
      own = target.resource;
    }
    return { value: isObject(at) ? at : {}, home: own };
  }

  #path(template: string, { value: item, home }: Located): ApiPath {
    const shared = this.#parameters(item.parameters, home);
    const operations = new Map<string, Operation>();
    for (const method of METHODS) {
      const written = item[method];
      if (!isObject(written)) continue;
      const name = `${method.toUpperCase()} ${template}`;
      operations.set(method.toUpperCase(), this.#operation(name, written, home, shared));
    }
    return { template, segments: template.slice(1).split("/").map(segmentOf), operations };
  }

  #operation(name: string, written: Record<string, unknown>, home: Resource, shared: readonly Parameter[]): Operation {
    const own = this.#parameters(written.parameters, home);
    const inherited = shared.filter((one) => !own.some((other) => other.in === one.in && other.name === one.name));
    const body = written.requestBody === undefined ? undefined : this.#at(written.requestBody, home);
    const responses = new Map<string, Response>();
    for (const [status, response] of Object.entries(isObject(written.responses) ? written.responses : {})) {
      const found = this.#at(response, home);
      responses.set(status.toUpperCase(), {
        contents: this.#contents(found.value.content, found.home, this.#response),
        headers: this.#headers(found.value.headers, found.home),
      });
    }
    return {
      name,
      parameters: [...inherited, ...own],
      bodyRequired: body?.value.required === true,
      contents: body === undefined ? [] : this.#contents(body.value.content, body.home, this.#request),
      responses,
    };
  }

  #contents(written: unknown, home: Resource, compiler: SchemaCompiler): readonly Content[] {
    return Object.entries(isObject(written) ? written : {}).map(([range, media]) => {
      const found = this.#at(media, home);
      const { schema, encoding } = found.value;
      const own = range.split(";", 1)[0].trim().toLowerCase();
      const form = own === "multipart/form-data" || own === "application/x-www-form-urlencoded";
      const members: Members = form ? this.#formMembers(schema, encoding, found.home) : new Map();
      const validate = schema === undefined ? undefined : compiler.compile(schema, found.home);
      return { range: own, validate, members };
    });
  }

  /** 3.1, section 4.8.15.1: how each member is written; by default as if it were a parameter of a query. */
  #formMembers(schema: unknown, encodings: unknown, home: Resource): Members {
    const found = this.#at(schema, home);
    const members = new Map<string, Member>();
    for (const [name, one] of Object.entries(isObject(found.value.properties) ? found.value.properties : {})) {
      const encoding = isObject(encodings) && isObject(encodings[name]) ? encodings[name] : {};
      const style = typeof encoding.style === "string" ? encoding.style : "form";
      const written = typeof encoding.contentType === "string" ? encoding.contentType.toLowerCase().split(",") : [];
      const contentTypes = written.map((type) => type.split(";", 1)[0].trim()).filter((type) => type !== "");
      const wanted = this.#wanted(one, found.home);
      // Without a style of its own an object stands in its field as a whole.
      const whole = wanted.types.has("object") && encoding.style === undefined && encoding.explode === undefined;
      const explode = typeof encoding.explode === "boolean" ? encoding.explode : style === "form";
      members.set(name, { ...wanted, style, explode, json: whole || contentTypes.some(isJson), contentTypes });
    }
    return members;
  }

  #headers(written: unknown, home: Resource): readonly Parameter[] {
    return Object.entries(isObject(written) ? written : {}).flatMap(([name, one]) =>
      // 3.1, section 4.8.17.1: a header of this name is not looked at.
      name.toLowerCase() === "content-type"
        ? []
        : [this.#parameter(name, "header", this.#at(one, home), this.#response)],
    );
  }

  #wanted(schema: unknown, home: Resource): Wanted {
    const resolve = (one: unknown) => (isObject(one) ? this.#at(one, home).value : one);
    const own = resolve(schema);
    return {
      types: typesOf(schema, resolve),
      itemTypes: isObject(own) ? typesOf(own.items, resolve) : new Set(),
      members: schema === undefined ? new Map() : this.#members(schema, home),
    };
  }

  #parameters(written: unknown, home: Resource): readonly Parameter[] {
    return (Array.isArray(written) ? written : []).flatMap((one) => {
      const found = this.#at(one, home);
      const { name, in: place } = found.value;
      if (
        typeof name !== "string" ||
        (place !== "path" && place !== "query" && place !== "header" && place !== "cookie")
      )
        return [];
      if (place === "header" && NO_PARAMETERS.has(name.toLowerCase())) return [];
      return [this.#parameter(name, place, found)];
    });
  }

  #parameter(name: string, place: Parameter["in"], { value, home }: Located, compiler = this.#request): Parameter {
    const [[range, media] = ["", undefined]] = Object.entries(isObject(value.content) ? value.content : {});
    const schema = isObject(media) ? media.schema : value.schema;
    const form = place === "query" || place === "cookie";
    const style = typeof value.style === "string" ? value.style : form ? "form" : "simple";
    return {
      ...this.#wanted(schema, home),
      in: place,
      name,
      required: value.required === true || place === "path",
      style,
      explode: typeof value.explode === "boolean" ? value.explode : style === "form",
      json: isJson(range),
      mayBeEmpty: value.allowEmptyValue === true,
      validate: schema === undefined ? () => [] : compiler.compile(schema, home),
    };
  }

  #members(schema: unknown, home: Resource): ReadonlyMap<string, ReadonlySet<string>> {
    const found = this.#at(schema, home);
    const { properties } = found.value;
    const resolve = (one: unknown) => (isObject(one) ? this.#at(one, found.home).value : one);
    return new Map(
      Object.entries(isObject(properties) ? properties : {}).map(([name, one]) => [name, typesOf(one, resolve)]),
    );
  }
}

interface Located {
  readonly value: Record<string, unknown>;
  readonly home: Resource;
}

function segmentOf(text: string): Segment {
  if (!text.includes("{")) return { literal: text, pattern: undefined, names: [] };
  const names: string[] = [];
  const source = text.split(/(\{[^}]*\})/).map((part) => {
    if (!part.startsWith("{")) return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    names.push(part.slice(1, -1));
    return "([^/]+?)";
  });
  return { literal: undefined, pattern: RE2JS.compile(`^${source.join("")}$`), names };
}

/** Sorts literals before variables, segment by segment. */
function rankOf({ segments, template }: ApiPath): string {
  const kinds = segments.map(({ literal, names }) => (literal !== undefined ? "0" : names.length > 1 ? "1" : "2"));
  return `${kinds.join("")} ${template}`;
}

export interface FoundPath {
  readonly path: ApiPath;
  /** Variables by name, not decoded. */
  readonly variables: ReadonlyMap<string, string>;
}

export function findPath(api: Api, asked: string, below: string | undefined): readonly FoundPath[] {
  const found: FoundPath[] = [];
  for (const prefix of below === undefined ? api.prefixes : [below.replace(/\/+$/, "")]) {
    if (prefix !== "" && asked !== prefix && !asked.startsWith(`${prefix}/`)) continue;
    const parts = asked.slice(prefix.length + 1).split("/");
    for (const path of api.paths) {
      const variables = matches(path, parts);
      if (variables !== undefined) found.push({ path, variables });
    }
    if (found.length > 0) return found;
  }
  return found;
}

function matches({ segments }: ApiPath, parts: readonly string[]): Map<string, string> | undefined {
  if (segments.length !== parts.length) return undefined;
  const variables = new Map<string, string>();
  for (const [i, { literal, pattern, names }] of segments.entries()) {
    if (literal !== undefined) {
      if (literal !== parts[i]) return undefined;
      continue;
    }
    const found = pattern?.matcher(parts[i]);
    if (found === undefined || !found.find()) return undefined;
    for (const [k, name] of names.entries()) variables.set(name, found.group(k + 1) ?? "");
  }
  return variables;
}

/** The most specific range that takes the type. */
export function contentFor(contents: readonly Content[], type: string): Content | undefined {
  const main = type.split("/", 1)[0];
  return (
    contents.find(({ range }) => range === type) ??
    contents.find(({ range }) => range === `${main}/*`) ??
    contents.find(({ range }) => range === "*/*")
  );
}
