/**
 * How deep a GraphQL document goes and how many fields it asks for, without a schema. Fragments are measured once each
 * and counted wherever they are spread, so that a document whose fragments multiply costs no more time than its length.
 * Must not recurse deeper than the parser let through, and survives fragments that spread themselves.
 */
import { Kind } from "graphql/language/kinds";
import { parse } from "graphql/language/parser";
import type { DocumentNode, FieldNode, FragmentDefinitionNode, SelectionSetNode } from "graphql/language/ast";

export type OperationKind = "query" | "mutation" | "subscription";

export interface Measured {
  readonly depth: number;
  readonly cost: number;
  readonly kinds: readonly OperationKind[];
  readonly introspects: boolean;
}

export interface MeasureOptions {
  readonly tokens: number;
  /** Only that operation is measured, when the document has it. */
  readonly operation: string | undefined;
  /** Costs are counted up to a thousand times this. */
  readonly mostCost: number;
}

/** Deeper brackets than any depth limit: what the parser recurses over. */
const DEEPEST = 200;

export function measure(text: string, options: MeasureOptions): Measured | { readonly problem: string } {
  if (nesting(text) > DEEPEST) return { problem: `it nests more than ${DEEPEST} brackets` };
  let document: DocumentNode;
  try {
    document = parse(text, { maxTokens: options.tokens, noLocation: true });
  } catch (error) {
    return { problem: wordsOf(error, options.tokens) };
  }
  try {
    return new Measure(document, options.mostCost * 1000).whole(options.operation);
  } catch (error) {
    // Thousands of fragments, each spread in the next.
    if (error instanceof RangeError) return { problem: "its fragments are chained too deep" };
    throw error;
  }
}

function wordsOf(error: unknown, tokens: number): string {
  if (error instanceof RangeError) return "it nests too deep";
  const { message, locations } = error as { message?: string; locations?: readonly { line: number; column: number }[] };
  if (message?.includes("token")) return `it has more than ${tokens} words and signs`;
  const place = locations?.[0];
  const where = place === undefined ? "" : ` (line ${place.line}, column ${place.column})`;
  return `${(message ?? "syntax error").replace(/^Syntax Error: /, "").slice(0, 120)}${where}`;
}

/** Brackets outside of strings and comments; may count some too many, never too few. */
function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 123 || code === 91 || code === 40) deepest = Math.max(deepest, ++depth);
    else if (code === 125 || code === 93 || code === 41) depth--;
  }
  return deepest;
}

interface Size {
  readonly depth: number;
  readonly cost: number;
  readonly introspects: boolean;
}

const NOTHING: Size = { depth: 0, cost: 0, introspects: false };

class Measure {
  readonly #document: DocumentNode;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #sizes = new Map<string, Size>();
  readonly #most: number;

  constructor(document: DocumentNode, most: number) {
    this.#document = document;
    this.#most = most;
    for (const one of document.definitions)
      if (one.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(one.name.value, one);
  }

  /** Of several operations in one document one is run: all are measured where it is not said which. */
  whole(name: string | undefined): Measured | { readonly problem: string } {
    const operations = this.#document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
    if (operations.length === 0) return { problem: "it holds no operation" };
    const named = operations.filter((one) => name === undefined || one.name?.value === name);
    const all = named.length === 0 ? operations : named;
    let depth = 0;
    let cost = 0;
    let introspects = false;
    for (const operation of all) {
      const size = this.#of(operation.selectionSet);
      depth = Math.max(depth, size.depth);
      cost = Math.max(cost, size.cost);
      introspects ||= size.introspects;
    }
    return { depth, cost, kinds: [...new Set(all.map(({ operation }): OperationKind => operation))], introspects };
  }

  #of(set: SelectionSetNode | undefined): Size {
    let depth = 0;
    let cost = 0;
    let introspects = false;
    for (const one of set?.selections ?? []) {
      const size =
        one.kind === Kind.FIELD
          ? this.#field(one)
          : one.kind === Kind.INLINE_FRAGMENT
            ? this.#of(one.selectionSet)
            : this.#fragment(one.name.value);
      depth = Math.max(depth, size.depth);
      cost = Math.min(this.#most + 1, cost + size.cost);
      introspects ||= size.introspects;
    }
    return { depth, cost, introspects };
  }

  #field(field: FieldNode): Size {
    const below = this.#of(field.selectionSet);
    const name = field.name.value;
    const cost = Math.min(this.#most + 1, 1 + below.cost * timesOf(field));
    return {
      depth: 1 + below.depth,
      cost,
      introspects: below.introspects || name === "__schema" || name === "__type",
    };
  }

  #fragment(name: string): Size {
    const known = this.#sizes.get(name);
    if (known !== undefined) return known;
    const fragment = this.#fragments.get(name);
    // While it is measured it counts as nothing: one that spreads itself is refused by the backend, and ends here.
    this.#sizes.set(name, NOTHING);
    const size = fragment === undefined ? NOTHING : this.#of(fragment.selectionSet);
    this.#sizes.set(name, size);
    return size;
  }
}

/** How many items a list is asked for, where that is written as a number. */
function timesOf(field: FieldNode): number {
  let times = 1;
  for (const { name, value } of field.arguments ?? [])
    if (/^(?:first|last|limit)$/.test(name.value) && value.kind === Kind.INT)
      times = Math.max(times, Number(value.value));
  return times;
}
