/**
 * The JSON Schema documents that one policy reads, by address: `$id`, `$anchor`, `$dynamicAnchor`, JSON Pointers, and files
 * beside the policy file (JSON Schema 2020-12, core, sections 8 and 9). Nothing is ever fetched from a network.
 * Must not evaluate anything.
 */

/** One schema resource: a document, or a part of it with an `$id` of its own. */
export interface Resource {
  readonly uri: string;
  readonly root: unknown;
  readonly anchors: Map<string, object>;
  readonly dynamic: Map<string, object>;
}

export interface Target {
  readonly schema: unknown;
  readonly resource: Resource;
  /** Set when the reference ends in a dynamic anchor of that name. */
  readonly dynamicAnchor?: string;
}

/** Documents begin here: what follows is a path as it may stand in the policy file. */
export const FILES = "file:///";

const IN_MAP = new Set("$defs definitions properties patternProperties dependentSchemas dependencies".split(" "));
const IN_LIST = new Set("allOf anyOf oneOf prefixItems items".split(" "));
const ALONE = new Set(
  "items additionalItems additionalProperties contains propertyNames unevaluatedItems unevaluatedProperties not if then else contentSchema".split(
    " ",
  ),
);

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export class SchemaRegistry {
  readonly #resources = new Map<string, Resource>();
  readonly #homes = new WeakMap<object, Resource>();
  readonly #load: (path: string) => unknown;

  /** @param load a document beside the policy file, parsed; undefined when there is none. */
  constructor(load: (path: string) => unknown = () => undefined) {
    this.#load = load;
  }

  /** @returns the resource of a whole document. */
  add(uri: string, root: unknown): Resource {
    const known = this.#resources.get(uri);
    if (known !== undefined) return known;
    const resource: Resource = { uri, root, anchors: new Map(), dynamic: new Map() };
    this.#resources.set(uri, resource);
    this.#scan(root, resource, true);
    return resource;
  }

  /** The resource that a schema belongs to. */
  homeOf(schema: object, otherwise: Resource): Resource {
    return this.#homes.get(schema) ?? otherwise;
  }

  /** @returns undefined when there is no such schema. */
  find(reference: string, base: Resource): Target | undefined {
    const [address, fragment] = splitFragment(resolveUri(reference, base.uri));
    const resource = this.#resources.get(address) ?? this.#fromFile(address, reference);
    if (resource === undefined) return undefined;
    if (fragment === "") return { schema: resource.root, resource };
    if (!fragment.startsWith("/")) {
      const dynamic = resource.dynamic.get(fragment);
      const schema = dynamic ?? resource.anchors.get(fragment);
      if (schema === undefined) return undefined;
      return { schema, resource: this.homeOf(schema, resource), ...(dynamic && { dynamicAnchor: fragment }) };
    }
    return this.#byPointer(resource, fragment);
  }

  #byPointer(resource: Resource, pointer: string): Target | undefined {
    let at: unknown = resource.root;
    let home = resource;
    for (const part of pointer.slice(1).split("/")) {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (Array.isArray(at)) at = at[Number(key)] as unknown;
      else if (isObject(at) && Object.hasOwn(at, key)) at = at[key];
      else return undefined;
      if (isObject(at)) home = this.#homes.get(at) ?? home;
    }
    return at === undefined ? undefined : { schema: at, resource: home };
  }

  #fromFile(address: string, reference: string): Resource | undefined {
    const paths = address.startsWith(FILES) ? [address.slice(FILES.length)] : [];
    // A document that calls itself https://... may still mean the file beside it.
    const [plain] = splitFragment(reference);
    if (!/^[a-z][a-z0-9+.-]*:/i.test(plain) && plain !== "") paths.push(plain);
    for (const path of paths) {
      const root = this.#load(decode(path));
      if (root !== undefined) return this.add(address, root);
    }
    return undefined;
  }

  /** Registers what has an address. Walks only where schemas stand: data in `enum` or `const` is none. */
  #scan(schema: unknown, home: Resource, top: boolean): void {
    if (!isObject(schema) || this.#homes.has(schema)) return;
    let own = home;
    const id = schema.$id;
    if (typeof id === "string" && !id.startsWith("#")) {
      const [uri] = splitFragment(resolveUri(id, home.uri));
      if (uri !== home.uri) {
        const known = this.#resources.get(uri);
        own = known ?? { uri, root: schema, anchors: new Map(), dynamic: new Map() };
        if (top) own = { ...home, uri };
        this.#resources.set(uri, own);
      }
    }
    this.#homes.set(schema, own);
    if (typeof schema.$anchor === "string") own.anchors.set(schema.$anchor, schema);
    if (typeof schema.$dynamicAnchor === "string") own.dynamic.set(schema.$dynamicAnchor, schema);
    for (const [key, value] of Object.entries(schema)) {
      if (IN_LIST.has(key) && Array.isArray(value)) for (const one of value) this.#scan(one, own, false);
      else if (IN_MAP.has(key) && isObject(value)) for (const one of Object.values(value)) this.#scan(one, own, false);
      else if (ALONE.has(key)) this.#scan(value, own, false);
    }
  }
}

function splitFragment(uri: string): [string, string] {
  const at = uri.indexOf("#");
  return at < 0 ? [uri, ""] : [uri.slice(0, at), decode(uri.slice(at + 1))];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** RFC 3986 section 5.2, as far as schemas use it. */
function resolveUri(reference: string, base: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(reference)) return reference;
  const [plain] = base.split("#", 1);
  if (reference === "" || reference.startsWith("#")) return plain + reference;
  const parts = /^([a-z][a-z0-9+.-]*:)(\/\/[^/?]*)?([^?]*)/i.exec(plain);
  const [scheme, authority = "", path] = parts === null ? ["", "", plain] : parts.slice(1);
  if (reference.startsWith("//")) return scheme + reference;
  const [, target, rest] = /^([^?#]*)(.*)$/s.exec(reference) ?? ["", reference, ""];
  const whole = target.startsWith("/") ? target : path.slice(0, path.lastIndexOf("/") + 1) + target;
  return scheme + authority + withoutDots(whole, scheme === "file:") + rest;
}

/** @param above what leads above the policy file's folder is kept. */
function withoutDots(path: string, above: boolean): string {
  const kept: string[] = [];
  const parts = path.split("/");
  for (const [i, part] of parts.entries()) {
    if (part === "." || part === "..") {
      const last = kept.at(-1);
      if (part === ".." && kept.length > 1 && last !== "..") kept.pop();
      else if (part === ".." && above) kept.push("..");
      if (i === parts.length - 1) kept.push("");
    } else kept.push(part);
  }
  return kept.join("/");
}
