/**
 * One cookie's value out of a Cookie field (RFC 6265 section 4.2.1).
 * Must not decode: what a value means is known to whoever set it.
 */

/** Of two cookies with one name the first counts. Several Cookie fields come joined by ", ". */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined || !header.includes(name)) return undefined;
  for (const pair of header.split(/[;,]/)) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}
