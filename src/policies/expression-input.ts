/**
 * What an expression sees: request, jwt, consumer, client; each read only when it is asked for.
 * Must not copy a head: a header is looked up by name at the moment an expression names it.
 */
import { celMap, type CelMap } from "@bufbuild/cel";
import type { Passage } from "../model/arrival.ts";
import type { ClientCertificate } from "../model/tls.ts";
import { queryValues } from "./request-parts.ts";

/** Known names, and their fields where those are known (undefined: any field may be asked for). */
export const VARIABLES: Readonly<Record<string, readonly string[] | undefined>> = {
  request: ["method", "path", "host", "headers", "query", "id"],
  jwt: undefined,
  consumer: ["name", "groups"],
  client: ["ip", "port", "certificate"],
};

const NOBODY: CelMap = celMap(new Map([["scope", []]]));

/** The variables of one evaluation. The library reads them by name, so each is a getter. */
export class ExpressionInput {
  readonly #x: Passage;
  readonly #longestList: number;

  /** @param longestList a longer list in the token's claims makes the evaluation fail: it could be made to run long. */
  constructor(x: Passage, longestList: number) {
    this.#x = x;
    this.#longestList = longestList;
  }

  get request(): CelMap {
    return celMap(new RequestMap(this.#x));
  }

  /** Without a verified token it holds an empty `scope` and nothing else. */
  get jwt(): CelMap {
    const claims = this.#x.caller.jwt;
    if (claims === undefined) return NOBODY;
    const converted = claimsOf(claims);
    if (converted.longestList > this.#longestList) {
      throw new Error(`the token holds a list of ${converted.longestList}; at most ${this.#longestList} are walked`);
    }
    return converted.map;
  }

  /** Without one, `groups` is empty and there is no `name`. */
  get consumer(): CelMap {
    const { consumer, groups } = this.#x.caller;
    const fields = new Map<string, unknown>([["groups", groups]]);
    if (consumer !== undefined) fields.set("name", consumer);
    return celMap(fields as never);
  }

  get client(): CelMap {
    const { clientIp, clientPort, clientCertificate } = this.#x.arrival;
    return celMap(
      new Map<string, string | bigint | CelMap>([
        ["ip", clientIp],
        ["port", BigInt(clientPort)],
        ["certificate", certificateMap(clientCertificate)],
      ]),
    );
  }
}

/** Of a client that showed none, every word is empty, so that a rule need not ask first. */
function certificateMap(shown: ClientCertificate | undefined): CelMap {
  const { subject = "", issuer = "", fingerprint = "", serial = "", names = "", verified = false } = shown ?? {};
  const fields = { subject, issuer, fingerprint, serial, names, verified, present: shown !== undefined };
  return celMap(new Map<string, string | boolean>(Object.entries(fields)));
}

/** A map that computes what is asked for. Listing it fails, since a request's head is never copied into one. */
abstract class LazyMap extends Map<string, never> {
  abstract override get(name: string): never;
  override has(name: string): boolean {
    return this.get(name) !== undefined;
  }
  override get size(): number {
    return this.#refuse();
  }
  override keys(): MapIterator<string> {
    return this.#refuse();
  }
  override values(): MapIterator<never> {
    return this.#refuse();
  }
  override entries(): MapIterator<[string, never]> {
    return this.#refuse();
  }
  override forEach(): void {
    this.#refuse();
  }
  #refuse(): never {
    throw new Error("request, its headers and its query cannot be listed; ask for one by name");
  }
}

class RequestMap extends LazyMap {
  readonly #x: Passage;
  constructor(x: Passage) {
    super();
    this.#x = x;
  }
  override get(name: string): never {
    return this.#field(name) as never;
  }
  #field(name: string): unknown {
    const { arrival } = this.#x;
    switch (name) {
      case "method":
        return arrival.method ?? "";
      case "path":
        return arrival.path ?? "";
      case "host":
        return arrival.host ?? "";
      case "headers":
        return celMap(new HeaderMap(this.#x));
      case "query":
        return celMap(new QueryMap(this.#x));
      case "id":
        return this.#x.requestId();
      default:
        return undefined;
    }
  }
}

class HeaderMap extends LazyMap {
  readonly #x: Passage;
  constructor(x: Passage) {
    super();
    this.#x = x;
  }
  override get(name: string): never {
    return this.#x.arrival.header(String(name).toLowerCase()) as never;
  }
}

/** A parameter that stands twice fails the evaluation: gateway and backend may disagree about which one counts. */
class QueryMap extends LazyMap {
  readonly #x: Passage;
  constructor(x: Passage) {
    super();
    this.#x = x;
  }
  override get(name: string): never {
    const values = queryValues(this.#x.arrival.query, String(name));
    if (values.length > 1) throw new Error(`the query holds \`${name}\` ${values.length} times`);
    return values[0] as never;
  }
}

interface ConvertedClaims {
  readonly map: CelMap;
  readonly longestList: number;
}

// Claims come from a cache of verified tokens, so the same object returns with every request of that token.
const converted = new WeakMap<object, ConvertedClaims>();

function claimsOf(claims: Readonly<Record<string, unknown>>): ConvertedClaims {
  let kept = converted.get(claims);
  if (kept === undefined) {
    const fields = new Map<string, unknown>();
    const longest = { list: 0 };
    for (const [name, value] of Object.entries(claims)) fields.set(name, plainValue(value, longest, 0));
    fields.set("scope", scopeOf(claims));
    const scp = scopeList(claims.scp);
    if (scp !== undefined) fields.set("scp", scp);
    longest.list = Math.max(longest.list, scopeOf(claims).length, scp?.length ?? 0);
    kept = { map: celMap(fields as never), longestList: longest.list };
    converted.set(claims, kept);
  }
  return kept;
}

const NO_SCOPE: readonly string[] = [];

const scopes = new WeakMap<object, readonly string[]>();

/** What `jwt.scope` is in an expression. */
export function scopeOf(claims: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  if (claims === undefined) return NO_SCOPE;
  let list = scopes.get(claims);
  if (list === undefined) {
    list = scopeList(claims.scope) ?? (claims.scope === undefined ? scopeList(claims.scp) : undefined) ?? NO_SCOPE;
    scopes.set(claims, list);
  }
  return list;
}

/** RFC 8693 section 4.2: `scope` is a string with blanks; `scp` (a list or a string) is what some issuers send. */
function scopeList(value: unknown): readonly string[] | undefined {
  if (typeof value === "string") return value.split(" ").filter((word) => word !== "");
  if (Array.isArray(value)) return value.filter((word): word is string => typeof word === "string");
  return undefined;
}

/** Objects become maps: the library would ask a plain object for its constructor, which a token could name as a claim. */
function plainValue(value: unknown, longest: { list: number }, depth: number): unknown {
  if (depth > 32) throw new Error("the token's claims are nested more than 32 deep");
  if (Array.isArray(value)) {
    longest.list = Math.max(longest.list, value.length);
    return value.map((item) => plainValue(item, longest, depth + 1));
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    longest.list = Math.max(longest.list, entries.length);
    return new Map(entries.map(([name, item]) => [name, plainValue(item, longest, depth + 1)]));
  }
  return value;
}
