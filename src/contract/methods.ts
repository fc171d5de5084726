/**
 * Which methods a person is asked about before a request is really sent again. Page and extension ask alike.
 * Must not import anything.
 */

/** Safe by RFC 9110, section 9.2.1: sending it again changes nothing. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** @param method as sent; methods are case-sensitive. */
export function mayChange(method: string): boolean {
  return !SAFE.has(method);
}
