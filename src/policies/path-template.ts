/**
 * Path templates of google.api.http: parsed once, looked up per request, most literal first.
 * It stands by itself, so that the conformance cases of other implementations can be run against it.
 * Must not know protocol buffers: what a template leads to is the caller's.
 *
 * Source: the comment of google/api/http.proto, "Path template syntax", and the wider forms that other implementations
 * read (a `**` with literals behind it).
 */

/** What one binding of a method says about the request line. */
export interface BindingPath {
  /** As written in upper case; "*" = any. */
  readonly method: string;
  readonly template: string;
}

export interface PathVariable {
  /** Path of the field: ["order", "id"] for `{order.id=...}`. */
  readonly field: readonly string[];
  readonly value: string;
}

export type Lookup<Target> =
  | { readonly kind: "found"; readonly target: Target; readonly variables: readonly PathVariable[] }
  /** The path is known, with other methods. */
  | { readonly kind: "method"; readonly methods: readonly string[] }
  /** Several bindings claim it: none may be guessed. */
  | { readonly kind: "ambiguous"; readonly targets: readonly Target[] }
  | { readonly kind: "none" };

export interface TemplateTableOptions {
  /** Whatever follows the last colon of a path is its verb, also when no template has that verb. */
  readonly anyVerb?: boolean;
}

export interface TemplateProblem {
  readonly message: string;
}

const ONE = "*";
const ANY = "**";
/** Segments of one template. */
const MOST_SEGMENTS = 64;
const FIELD_PATH = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;

interface Variable {
  readonly field: readonly string[];
  /** Segments that it covers; with a `**` in the template what follows that is counted from the end. */
  readonly from: number;
  readonly to: number;
  /** More than one segment: a percent-encoded slash stays encoded in it. */
  readonly several: boolean;
}

interface ParsedTemplate {
  readonly segments: readonly string[];
  readonly variables: readonly Variable[];
  readonly verb: string;
}

interface Leaf<Target> {
  readonly target: Target;
  readonly parsed: ParsedTemplate;
}

class Node<Target> {
  readonly children = new Map<string, Node<Target>>();
  /** By verb ("" = none) and method. */
  readonly leaves = new Map<string, Map<string, Leaf<Target>[]>>();
}

/** All templates of one service, as a tree by segment. */
export class TemplateTable<Target> {
  readonly #root = new Node<Target>();
  readonly #verbs = new Set<string>();
  readonly #anyVerb: boolean;

  constructor(options: TemplateTableOptions = {}) {
    this.#anyVerb = options.anyVerb === true;
  }

  /** @returns undefined when it was added. */
  add({ method, template }: BindingPath, target: Target): TemplateProblem | undefined {
    const parsed = parseTemplate(template);
    if ("message" in parsed) return parsed;
    let node = this.#root;
    for (const segment of parsed.segments) {
      let child = node.children.get(segment);
      if (child === undefined) node.children.set(segment, (child = new Node()));
      node = child;
    }
    if (parsed.verb !== "") this.#verbs.add(parsed.verb);
    let methods = node.leaves.get(parsed.verb);
    if (methods === undefined) node.leaves.set(parsed.verb, (methods = new Map()));
    methods.set(method, [...(methods.get(method) ?? []), { target, parsed }]);
    return undefined;
  }

  /** @param path as it arrived, percent-encoded; a query behind it is not looked at. */
  find(method: string, path: string): Lookup<Target> {
    const end = path.indexOf("?");
    const bare = end < 0 ? path : path.slice(0, end);
    if (!bare.startsWith("/")) return { kind: "none" };
    const { segments, verb } = this.#split(bare);
    const search = new Search<Target>(segments, verb, method);
    search.visit(this.#root, 0);
    return search.result();
  }

  #split(path: string): { readonly segments: readonly string[]; readonly verb: string } {
    const colon = path.lastIndexOf(":");
    const verb = colon < 0 || path.indexOf("/", colon) >= 0 ? "" : path.slice(colon + 1);
    const known = verb !== "" && (this.#anyVerb || this.#verbs.has(verb));
    const rest = known ? path.slice(1, colon) : path.slice(1);
    return { segments: rest === "" ? [] : rest.split("/"), verb: known ? verb : "" };
  }
}

/**
 * Depth first, the literal before `*` before `**`. A template has at most one `**`, so each node is reached once for each
 * segment at most: the work is bounded by nodes times segments.
 */
class Search<Target> {
  readonly #segments: readonly string[];
  readonly #verb: string;
  readonly #method: string;
  readonly #otherMethods = new Set<string>();
  #found: readonly Leaf<Target>[] | undefined;

  constructor(segments: readonly string[], verb: string, method: string) {
    this.#segments = segments;
    this.#verb = verb;
    this.#method = method;
  }

  /** @returns true when something was found. @param within inside a `**`, which may take further segments. */
  visit(node: Node<Target>, at: number, within = false): boolean {
    if (at === this.#segments.length) return this.#ends(node) || this.#ends(node.children.get(ANY));
    const segment = this.#segments[at];
    const literal = node.children.get(segment);
    if (literal !== undefined && segment !== ONE && segment !== ANY && this.visit(literal, at + 1)) return true;
    // An empty segment is nothing that a variable could be bound to.
    const one = segment === "" ? undefined : node.children.get(ONE);
    if (one !== undefined && this.visit(one, at + 1)) return true;
    const any = node.children.get(ANY);
    if (any !== undefined && this.visit(any, at, true)) return true;
    return within && this.visit(node, at + 1, true);
  }

  result(): Lookup<Target> {
    const found = this.#found;
    if (found === undefined) {
      const methods = [...this.#otherMethods].toSorted();
      return methods.length === 0 ? { kind: "none" } : { kind: "method", methods };
    }
    if (found.length > 1) return { kind: "ambiguous", targets: found.map(({ target }) => target) };
    const [{ target, parsed }] = found;
    return { kind: "found", target, variables: bind(parsed, this.#segments) };
  }

  #ends(node: Node<Target> | undefined): boolean {
    const methods = node?.leaves.get(this.#verb);
    if (methods === undefined) return false;
    const leaves = methods.get(this.#method) ?? methods.get("*");
    if (leaves !== undefined) {
      this.#found = leaves;
      return true;
    }
    for (const method of methods.keys()) this.#otherMethods.add(method);
    return false;
  }
}

function bind({ variables, segments: pattern }: ParsedTemplate, segments: readonly string[]): PathVariable[] {
  const stretch = segments.length - pattern.length;
  const any = pattern.indexOf(ANY);
  const place = (index: number): number => (any >= 0 && index > any ? index + stretch : index);
  return variables.map(({ field, from, to, several }) => {
    const taken = segments.slice(place(from), place(to));
    return { field, value: taken.map((segment) => unescape(segment, several)).join("/") };
  });
}

/**
 * Percent-decodes as UTF-8. @param several the variable spans segments: an encoded slash stays as it is, so that it is
 * told from a separating one. Bytes that are no UTF-8 stay encoded.
 */
function unescape(text: string, several: boolean): string {
  if (!text.includes("%")) return text;
  const pieces = several ? text.split(/(%2[fF])/) : [text];
  return pieces.map((piece) => (several && /^%2[fF]$/.test(piece) ? piece : decoded(piece))).join("");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// ---- Reading a template ------------------------------------------------------------------------------------------

/**
 * Template = "/" Segments [ ":" Verb ]; Segments = Segment { "/" Segment }; Segment = "*" | "**" | LITERAL | Variable;
 * Variable = "{" FieldPath [ "=" Segments ] "}".
 */
function parseTemplate(template: string): ParsedTemplate | TemplateProblem {
  if (!template.startsWith("/")) return problem(template, "it must start with /");
  const segments: string[] = [];
  const variables: Variable[] = [];
  const { body, verb } = splitVerb(template);
  if (verb !== undefined && !/^[^/{}*]+$/.test(verb)) return problem(template, "its verb is no literal");
  for (const piece of body === "/" ? [] : splitOutside(body.slice(1))) {
    const wrong = piece.startsWith("{") ? readVariable(piece, segments, variables) : readSegment(piece, segments);
    if (wrong !== undefined) return problem(template, wrong);
  }
  if (segments.length > MOST_SEGMENTS) return problem(template, `it has more than ${MOST_SEGMENTS} segments`);
  if (segments.filter((segment) => segment === ANY).length > 1) return problem(template, "it has more than one **");
  const names = variables.map(({ field }) => field.join("."));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) return problem(template, `it binds ${twice} twice`);
  return { segments, variables, verb: verb ?? "" };
}

function problem(template: string, what: string): TemplateProblem {
  return { message: `the path template ${JSON.stringify(template)} cannot be read: ${what}` };
}

function splitVerb(template: string): { readonly body: string; readonly verb: string | undefined } {
  const colon = template.lastIndexOf(":");
  const outside = colon > template.lastIndexOf("/") && colon > template.lastIndexOf("}");
  return outside
    ? { body: template.slice(0, colon), verb: template.slice(colon + 1) }
    : { body: template, verb: undefined };
}

/** At slashes that stand outside braces. */
function splitOutside(text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}") depth--;
    else if (text[i] === "/" && depth === 0) {
      pieces.push(text.slice(from, i));
      from = i + 1;
    }
  }
  pieces.push(text.slice(from));
  return pieces;
}

/** @returns what is wrong. */
function readSegment(piece: string, segments: string[]): string | undefined {
  if (piece === "") return "a segment is empty";
  if (piece !== ONE && piece !== ANY && /[{}*?#\s]/.test(piece)) return `${JSON.stringify(piece)} is no segment`;
  segments.push(piece);
  return undefined;
}

function readVariable(piece: string, segments: string[], variables: Variable[]): string | undefined {
  if (!piece.endsWith("}") || piece.indexOf("{", 1) >= 0) return `${JSON.stringify(piece)} is no variable`;
  const [name, ...rest] = piece.slice(1, -1).split("=");
  const pattern = rest.length === 0 ? ONE : rest.join("=");
  if (!FIELD_PATH.test(name)) return `${JSON.stringify(name)} is no path of a field`;
  const from = segments.length;
  for (const part of pattern.split("/")) {
    const wrong = readSegment(part, segments);
    if (wrong !== undefined) return wrong;
  }
  const several = pattern !== ONE && (pattern.includes("/") || pattern === ANY);
  variables.push({ field: name.split("."), from, to: segments.length, several });
  return undefined;
}
