/**
 * urlRewrite: the path and host that the backend sees. Prefix replacement follows the Gateway API (ReplacePrefixMatch).
 * Must not change the query, nor decode the path: what is not replaced reaches the backend byte for byte.
 */
import { RE2JS } from "re2js";
import * as z from "zod/mini";
import type { PathMatch } from "../model/path-match.ts";
import type { ConfigProblem, Policy, RequestEdit, Shape } from "../model/policy.ts";

const wrongPath = "write a path that starts with / and holds no blanks, ? or #";

/** What may stand in a path that the backend gets: visible ASCII without the marks that end a path. */
const pathText = (pattern: RegExp) => z.string().check(z.regex(pattern, { error: wrongPath }), z.maxLength(2048));

const config = z.strictObject({
  prefix: z.optional(
    pathText(/^(?:\/[\x21\x22\x24-\x3e\x40-\x7e]*)?$/).check(
      z.meta({
        description:
          "Takes the place of the prefix by which the route matched; the rest of the path stays. With an exact match the whole path is replaced.",
        examples: ["/"],
      }),
    ),
  ),
  path: z.optional(
    pathText(/^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/).check(
      z.meta({ description: "Takes the place of the whole path.", examples: ["/v2/orders"] }),
    ),
  ),
  regex: z.optional(
    z
      .string()
      .check(z.minLength(1), z.maxLength(1024))
      .check(
        z.meta({
          description: "What to replace in the path (RE2 syntax); every occurrence.",
          examples: ["^/v1/(.*)$"],
        }),
      ),
  ),
  replacement: z.optional(
    z
      .string()
      .check(z.regex(/^[\x21\x22\x24-\x3e\x40-\x7e]*$/, { error: "must not hold blanks, ? or #" }), z.maxLength(1024))
      .check(
        z.meta({ description: "What takes its place; $1 is the first group, $$ a dollar sign.", examples: ["/v2/$1"] }),
      ),
  ),
  hostname: z.optional(
    z
      .string()
      .check(
        z.regex(
          /^(?=.{1,253}$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62})(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62}))*(?::\d{1,5})?$/,
          {
            error: "write a host name, with a port if need be: orders.internal or orders.internal:8080",
          },
        ),
      )
      .check(z.meta({ description: "The Host that the backend sees.", examples: ["orders.internal"] })),
  ),
});

type Config = z.output<typeof config>;

export const urlRewrite: Policy<Config, undefined, never> = {
  kind: "urlRewrite",
  phase: "shape",
  summary: "The path and host that the backend sees.",
  example: "urlRewrite: { prefix: / }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {},
  admits: rewriteWords,
  check: checkConfig,
  compile,
};

/** "the matched prefix becomes /in; the host becomes orders.internal" */
function rewriteWords({ prefix, path, regex, replacement, hostname }: Config): string {
  const said: string[] = [];
  if (prefix !== undefined) said.push(`the matched prefix becomes ${prefix}`);
  if (path !== undefined) said.push(`the path becomes ${path}`);
  if (regex !== undefined) said.push(`${regex} in the path becomes ${replacement ?? "nothing"}`);
  if (hostname !== undefined) said.push(`the host becomes ${hostname}`);
  return said.join("; ");
}

function checkConfig(c: Config): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const ways = (["prefix", "path", "regex"] as const).filter((way) => c[way] !== undefined);
  for (const way of ways.slice(1)) {
    problems.push({
      path: [way],
      message: `the path is rewritten in one way: by ${ways.join(" or by ")}, not both`,
      fix: { title: `Remove ${way}`, path: [way], value: undefined },
    });
  }
  if ((c.regex === undefined) !== (c.replacement === undefined)) {
    const [given, missing] = c.regex === undefined ? ["replacement", "regex"] : ["regex", "replacement"];
    problems.push({ path: [given], message: `${given} needs ${missing} beside it` });
  }
  const wrong = c.regex === undefined ? undefined : regexProblem(c.regex);
  if (wrong !== undefined) problems.push({ path: ["regex"], message: wrong });
  else if (c.regex !== undefined && c.replacement !== undefined) {
    const message = groupProblem(c.regex, c.replacement);
    if (message !== undefined) problems.push({ path: ["replacement"], message });
  }
  if (ways.length === 0 && c.replacement === undefined && c.hostname === undefined) {
    problems.push({ path: [], message: "give `prefix`, `path`, `regex` with `replacement`, or `hostname`" });
  }
  return problems;
}

function regexProblem(regex: string): string | undefined {
  try {
    RE2JS.compile(regex);
    return undefined;
  } catch (problem) {
    return `is no RE2 expression: ${problem instanceof Error ? problem.message : String(problem)}`;
  }
}

function groupProblem(regex: string, replacement: string): string | undefined {
  const groups = RE2JS.compile(regex).groupCount();
  for (const found of replacement.matchAll(/\$(\$|\d+|.|$)/g)) {
    if (found[1] === "$") continue;
    if (!/^\d+$/.test(found[1])) return "after $ stands the number of a group; write $$ for a dollar sign";
    if (Number(found[1]) > groups) return `there is no group ${found[1]}: the regex has ${groups}`;
  }
  return undefined;
}

function compile(c: Config): Shape {
  const rewrite = pathRewriter(c);
  return {
    request(_x, edit: RequestEdit, matched: PathMatch) {
      if (rewrite !== undefined && edit.path.startsWith("/")) edit.path = rewrite(edit.path, matched);
      if (c.hostname !== undefined) edit.authority = c.hostname;
    },
  };
}

function pathRewriter(c: Config): ((path: string, matched: PathMatch) => string) | undefined {
  const { prefix, path, regex, replacement } = c;
  if (path !== undefined) return () => path;
  if (prefix !== undefined) return (before, matched) => replacePrefix(before, matched, prefix);
  if (regex === undefined || replacement === undefined || regexProblem(regex) !== undefined) return undefined;
  const pattern = RE2JS.compile(regex);
  const pieces = replacement.split(/(\$\$|\$\d+)/).filter((piece) => piece !== "");
  return (before) => replaceAll(pattern, before, pieces);
}

/** @returns a path that still starts with "/". */
function replaceAll(pattern: RE2JS, path: string, pieces: readonly string[]): string {
  const matcher = pattern.matcher(path);
  let after = "";
  let from = 0;
  while (matcher.find()) {
    after += path.slice(from, matcher.start());
    for (const piece of pieces) {
      if (piece === "$$") after += "$";
      else if (/^\$\d+$/.test(piece)) after += matcher.group(Number(piece.slice(1))) ?? "";
      else after += piece;
    }
    from = matcher.end();
  }
  after += path.slice(from);
  return after.startsWith("/") ? after : `/${after}`;
}

/**
 * Gateway API, HTTPPathModifier: the matched prefix is a whole number of segments, a slash at its end does not count,
 * and none is doubled or lost where the two parts meet.
 */
export function replacePrefix(path: string, matched: PathMatch, replacement: string): string {
  // A regex match has no prefix that could be replaced.
  if (matched.kind === "regex") return path;
  const prefix = matched.value.endsWith("/") ? matched.value.slice(0, -1) : matched.value;
  if (!path.startsWith(prefix)) return path;
  const rest = path.slice(prefix.length);
  if (rest === "") return replacement === "" ? "/" : replacement;
  if (!rest.startsWith("/")) return path;
  return (replacement.endsWith("/") ? replacement.slice(0, -1) : replacement) + rest;
}
