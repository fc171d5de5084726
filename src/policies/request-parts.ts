/**
 * Reading and removing one query parameter or one cookie, without touching the others.
 * Must not decode or reorder what stays: the backend gets the rest byte for byte.
 */

/** Values of a parameter, decoded (application/x-www-form-urlencoded), in their order. Broken escapes stay as they are. */
export function queryValues(query: string | undefined, name: string): string[] {
  const found: string[] = [];
  if (query === undefined || query === "") return found;
  for (const pair of query.split("&")) {
    const equals = pair.indexOf("=");
    if (decodeForm(equals < 0 ? pair : pair.slice(0, equals)) !== name) continue;
    found.push(equals < 0 ? "" : decodeForm(pair.slice(equals + 1)));
  }
  return found;
}

/** @returns undefined when nothing is left. */
export function withoutParameter(query: string, name: string): string | undefined {
  const kept = query.split("&").filter((pair) => {
    const equals = pair.indexOf("=");
    return decodeForm(equals < 0 ? pair : pair.slice(0, equals)) !== name;
  });
  return kept.length === 0 ? undefined : kept.join("&");
}

/** Values of a cookie (RFC 6265 section 4.2), in their order; quotes around a value are taken off. */
export function cookieValues(header: string | undefined, name: string): string[] {
  const found: string[] = [];
  for (const pair of splitCookies(header)) {
    const equals = pair.indexOf("=");
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    found.push(value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value);
  }
  return found;
}

/** @returns undefined when nothing is left. */
export function withoutCookie(header: string, name: string): string | undefined {
  const kept = splitCookies(header)
    .filter((pair) => pair.split("=", 1)[0].trim() !== name)
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "");
  return kept.length === 0 ? undefined : kept.join("; ");
}

/** Several Cookie fields arrive joined by ", " although cookies are joined by ";": split at both, at a name. */
function splitCookies(header: string | undefined): string[] {
  return header === undefined ? [] : header.split(/;|, (?=[^\s=;,]+=)/);
}

function decodeForm(text: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
