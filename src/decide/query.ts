/**
 * Reads one parameter of a query as HTML forms write them: `name=value` pairs, percent escapes, plus for a space.
 * Exists apart from the matcher because explanations read the same value the same way.
 * Must not build a map: most requests are asked for one name, or none.
 */

/**
 * @param query without the "?".
 * @returns the first value of that name, "" for a name without "=", undefined when absent. Where an escape is broken
 * or not UTF-8 the text counts as it stands.
 */
export function queryValue(query: string | undefined, name: string): string | undefined {
  if (query === undefined) return undefined;
  let start = 0;
  while (start <= query.length) {
    let end = query.indexOf("&", start);
    if (end < 0) end = query.length;
    let equals = query.indexOf("=", start);
    if (equals < 0 || equals > end) equals = end;
    if (decoded(query.slice(start, equals)) === name && end > start) {
      return equals === end ? "" : decoded(query.slice(equals + 1, end));
    }
    start = end + 1;
  }
  return undefined;
}

function decoded(text: string): string {
  if (!text.includes("%") && !text.includes("+")) return text;
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
