/**
 * The one form of a request path: what routes and rules judge is exactly what the backend gets.
 * The engine calls `normalisePath` when it fills the Arrival and forwards the result; a path that has no safe form
 * is refused with 400. Must not touch the query, and must be idempotent.
 *
 * By RFC 3986: escapes of unreserved characters are decoded and the rest get capital hex digits (6.2.2.1, 6.2.2.2),
 * then dot segments are removed (5.2.4), so that neither `/public/../admin` nor `/%61dmin` slips past a rule over
 * `/admin`. `%2F` stays: it is data inside a segment (2.2), as in `/@scope%2Fname`. Empty segments stay: `/a//b` is
 * not `/a/b` (3.3), and merging them would hand the backend a path that nobody judged.
 *
 * Refused, because backends disagree about them and each reading is a way around a rule: broken escapes, `%00`, a
 * backslash (WHATWG URL parsers read it as a slash; RFC 3986 does not allow it), and dot segments hidden behind an
 * escaped slash or backslash (`/a%2F..%2Fadmin`) or before a parameter (`/..;/admin`).
 */

const UNRESERVED = /[A-Za-z0-9\-._~]/;
const ESCAPE = /%([0-9A-Fa-f]{2})?/g;
const HIDDEN_DOTS = /(?:^|\/|%2F|%5C)\.{1,2}(?:;|%2F|%5C)|(?:%2F|%5C)\.{1,2}(?:\/|$)/;

/** Why a path is refused, in the order in which it is looked for. */
export const pathProblems = {
  escape: "the path holds a % that is not followed by two hexadecimal digits",
  nul: "the path holds an escaped NUL (%00)",
  backslash: "the path holds a backslash, which no URL may (RFC 3986) and which some servers read as a slash",
  hiddenDots: "the path hides a dot segment behind an escaped slash, an escaped backslash or a parameter",
} as const;

/**
 * @param path as it arrived, without the query; "*" is left alone.
 * @returns the normalised path, or undefined when it must be refused: `pathProblem` says why.
 */
export function normalisePath(path: string): string | undefined {
  if (!path.includes("%") && !path.includes("/.") && !path.includes("\\")) return path;
  if (pathProblem(path) !== undefined) return undefined;
  return removeDotSegments(decodeUnreserved(path));
}

/** @returns the sentence for a path that `normalisePath` refuses, else undefined. */
export function pathProblem(path: string): string | undefined {
  for (const [escape, hex] of path.matchAll(ESCAPE)) {
    if (hex === undefined) return pathProblems.escape;
    if (escape === "%00") return pathProblems.nul;
  }
  if (path.includes("\\")) return pathProblems.backslash;
  if (HIDDEN_DOTS.test(decodeUnreserved(path))) return pathProblems.hiddenDots;
  return undefined;
}

function decodeUnreserved(path: string): string {
  return path.replace(ESCAPE, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
}

/** RFC 3986 section 5.2.4, for paths that start with "/". Going up from the root stays at the root. */
function removeDotSegments(path: string): string {
  if (!path.includes("/.")) return path;
  const segments = path.split("/");
  const kept: string[] = [];
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i];
    const last = i === segments.length - 1;
    if (segment === "..") kept.pop();
    if (segment !== "." && segment !== "..") kept.push(segment);
    else if (last) kept.push("");
  }
  return "/" + kept.join("/");
}
