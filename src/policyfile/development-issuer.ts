/**
 * A second issuer beside the one that a jwt policy believes, for tokens that a developer signs: `anyOf` of the policy as it
 * stands, comments and all, and a copy of it with a key set of this workspace.
 * Must not change what the first one asks.
 */
import { isMap } from "yaml";
import type { Node, YAMLMap } from "yaml";
import type { TextEdit } from "./diagnostic.ts";
import { appendItem, pathOfKey } from "./edit.ts";
import { fields, get, items } from "./names.ts";
import { spanOf, Tree } from "./tree.ts";
import { write } from "./write.ts";

/** `iss` of tokens that are signed with a development key: no real issuer has a name like it. */
const ISSUER = "urn:switchyard:development";
const REMARK = "# for development only";
/** Of the policy that stands there, and not of its copy. */
const OWN: ReadonlySet<string> = new Set(["issuer", "jwks", "secret", "publicKey", "algorithms"]);

/**
 * @param offset where the policy's kind stands, `jwt` or `anyOf`.
 * @param jwks path of the key set as it is to be written.
 * @returns undefined when no such policy stands there.
 */
export function developmentIssuer(text: string, offset: number, jwks: string): readonly TextEdit[] | undefined {
  const tree = new Tree(text, "");
  const path = pathOfKey(tree, offset);
  const kind = path?.at(-1);
  if (path === undefined || (kind !== "jwt" && kind !== "anyOf")) return undefined;
  const written = get(tree.value, path);
  if (kind === "jwt") return beside(tree, path, `{ jwt: ${write(copyOf(written, jwks))} }`);
  for (const [, member] of items(written)) {
    const { jwt } = fields(member);
    if (jwt !== undefined) return appendItem(text, path, { jwt: copyOf(jwt, jwks) });
  }
  return undefined;
}

function copyOf(written: unknown, jwks: string): object {
  const kept = Object.entries(fields(written)).filter(([name]) => !OWN.has(name));
  return { issuer: ISSUER, jwks, ...Object.fromEntries(kept) };
}

function beside(tree: Tree, path: readonly (string | number)[], copy: string): readonly TextEdit[] | undefined {
  const found = tree.find(path);
  const key = spanOf(found?.key);
  const value = spanOf(found?.value);
  if (found === undefined || key === undefined || value === undefined) return undefined;
  const end = tree.trimmed(value);
  const rest = tree.text.slice(key[1], end);
  if (isMap(found.parent) && (found.parent as YAMLMap<Node, Node>).flow === true)
    return [{ offset: key[0], endOffset: end, newText: `anyOf: [{ jwt${rest} }, ${copy}]` }];
  const lineBreak = tree.text.includes("\r\n") ? "\r\n" : "\n";
  const pad = " ".repeat(key[0] - (tree.text.lastIndexOf("\n", key[0] - 1) + 1) + 2);
  // A comment behind the last value stays on its line.
  const comment = tree.text.slice(end, tree.lines.endOfLine(end));
  const moved = (rest + comment).replaceAll(/\n(?=[^\r\n])/g, "\n    ");
  const newText = [`anyOf:`, `${pad}- jwt${moved}`, `${pad}- ${copy.slice(2, -2)} ${REMARK}`].join(lineBreak);
  return [{ offset: key[0], endOffset: end + comment.length, newText }];
}
