/**
 * What needs more than one field: names that are missing or doubled, ports that clash, endpoints written twice,
 * names that nobody uses. Works on raw values, so that a mistake elsewhere in the file hides none of it.
 * Must not check what one field can say about itself.
 */
import { nearest } from "../policies/nearest.ts";
import type { Code } from "./diagnostic.ts";
import { at, fields, get, items, namesIn, type NameKind, type NamePlace } from "./names.ts";
import type { Problems } from "./problems.ts";
import { removal } from "./removal.ts";

/** Consumers are asked for by compile: they need a key as well. */
const MISSING: Readonly<Partial<Record<NameKind, Code>>> = { service: "SY202", policy: "SY207", listener: "SY208" };

export function checkReferences(problems: Problems): void {
  const places = namesIn(problems.tree);
  const declared = places.filter((place) => place.role === "declaration");
  const used = places.filter((place) => place.role === "use");
  checkMissing(problems, declared, used);
  checkDoubled(problems, declared);
  checkUnused(problems, declared, used);
  checkPorts(problems);
  checkEndpoints(problems);
  checkFieldNames(problems);
}

function checkMissing(problems: Problems, declared: readonly NamePlace[], used: readonly NamePlace[]): void {
  for (const place of used) {
    const code = MISSING[place.kind];
    if (code === undefined) continue;
    const known = declared.filter((one) => one.kind === place.kind).map((one) => one.name);
    if (known.includes(place.name)) continue;
    const near = nearest(place.name, known);
    const fixes = near
      ? [
          {
            title: `Change to \`${near}\``,
            edits: [{ offset: place.range.offset, endOffset: place.range.endOffset, newText: near }],
          },
        ]
      : [];
    const hint = near
      ? `Did you mean \`${near}\`?`
      : known.length > 0
        ? `There are ${known.join(", ")}.`
        : `The file declares none under \`${sectionOf(place.kind)}\`.`;
    const message = `There is no ${place.kind} called \`${place.name}\`. ${hint}`;
    problems.add(code, place.range, message, fixes);
  }
}

function sectionOf(kind: NameKind): string {
  return kind === "policy" ? "policies" : `${kind}s`;
}

/** Services and policies are keys: the tree reports those. */
function checkDoubled(problems: Problems, declared: readonly NamePlace[]): void {
  const seen = new Map<string, NamePlace>();
  for (const place of declared) {
    const identity = `${place.kind} ${place.name}`;
    const first = seen.get(identity);
    if (first === undefined) {
      seen.set(identity, place);
      continue;
    }
    const message = `There is another ${place.kind} called \`${place.name}\` in line ${first.range.line}: names must differ.`;
    problems.add("SY206", place.range, message);
  }
}

function checkUnused(problems: Problems, declared: readonly NamePlace[], used: readonly NamePlace[]): void {
  for (const place of declared) {
    if (place.kind !== "service" && place.kind !== "policy") continue;
    if (used.some((one) => one.kind === place.kind && one.name === place.name)) continue;
    const by = place.kind === "service" ? "route or listener sends anything to" : "listener, service or route uses";
    problems.add("SY213", place.range, `No ${by} \`${place.name}\`.`);
  }
}

/** Two listeners may share a port only when their addresses differ. */
function checkPorts(problems: Problems): void {
  const seen: { port: number; datagrams: boolean; addresses: readonly string[]; name: string }[] = [];
  for (const [index, listener] of items(at(problems.tree.value, "listeners"))) {
    const port = at(listener, "port");
    if (typeof port !== "number" || port === 0) continue;
    const written = at(listener, "address");
    const name = at(listener, "name");
    const addresses = typeof written === "string" && written !== "localhost" ? [written] : ["127.0.0.1", "::1"];
    // TCP and UDP have ports of their own.
    const datagrams = at(listener, "protocol") === "UDP";
    const clash = seen.find(
      (other) => other.port === port && other.datagrams === datagrams && overlap(other.addresses, addresses),
    );
    if (clash) {
      const message = `Port ${port} is taken by the listener \`${clash.name}\`: give each its own port or address.`;
      problems.value("SY210", ["listeners", index, "port"], message);
    }
    seen.push({ port, datagrams, addresses, name: typeof name === "string" ? name : String(index) });
  }
}

function isWildcard(addresses: readonly string[]): boolean {
  return addresses.includes("0.0.0.0") || addresses.includes("::");
}

function overlap(a: readonly string[], b: readonly string[]): boolean {
  return isWildcard(a) || isWildcard(b) || a.some((address) => b.includes(address));
}

function checkEndpoints(problems: Problems): void {
  const { tree } = problems;
  for (const [name, service] of Object.entries(fields(at(tree.value, "services")))) {
    const seen = new Set<string>();
    for (const [index, endpoint] of items(at(service, "endpoints"))) {
      const url = at(endpoint, "url");
      if (typeof url !== "string") continue;
      const identity = url.toLowerCase().replace(/\/$/, "");
      if (seen.has(identity)) {
        const path = ["services", name, "endpoints", index];
        const message = `The endpoint ${url} is here twice: to send it more requests give it a \`weight\`.`;
        problems.value("SY206", [...path, "url"], message, removal(tree, path, "Remove this endpoint"));
      }
      seen.add(identity);
    }
  }
}

/** Header names are compared without regard to case, so two spellings of one name contradict each other. */
function checkFieldNames(problems: Problems): void {
  const { value } = problems.tree;
  for (const [index, route] of items(at(value, "routes"))) {
    for (const [position] of items(at(route, "matches"))) {
      const path = ["routes", index, "matches", position, "headers"];
      const seen = new Set<string>();
      for (const name of Object.keys(fields(get(value, path)))) {
        const lower = name.toLowerCase();
        if (seen.has(lower)) problems.key("SY206", [...path, name], `The header \`${lower}\` is here twice.`);
        seen.add(lower);
      }
    }
  }
}
