/**
 * What the name of a method promises, as RFC 9110 section 9.2 and the IANA registry of methods say it.
 * Names are case-sensitive; of one that is not here nothing is promised.
 */

/** RFC 9110 section 9.2.1: they ask for nothing but an answer. The last are of WebDAV and of QUERY. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"]);

/** RFC 9110 section 9.2.2: safe, or the same when done twice. */
const IDEMPOTENT = new Set([...SAFE, "PUT", "DELETE"]);

export function isSafe(method: string): boolean {
  return SAFE.has(method);
}

/** Done twice is as good as done once. */
export function mayRepeat(method: string): boolean {
  return IDEMPOTENT.has(method);
}
