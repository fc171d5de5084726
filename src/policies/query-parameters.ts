/**
 * The query of a URL as names and values in their order, as google.api.http binds them to fields.
 * Must not know what a field is.
 */

export interface QueryOptions {
  /** "+" means a blank, as HTML forms and URLSearchParams write it; else it stands for itself. */
  readonly plusIsBlank?: boolean;
}

export interface QueryParameter {
  readonly name: string;
  readonly value: string;
}

/** @param query without the "?". What is no percent-encoded UTF-8 stays as it was written. */
export function queryParameters(query: string | undefined, options: QueryOptions = {}): readonly QueryParameter[] {
  if (query === undefined || query === "") return [];
  const parameters: QueryParameter[] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    const value = equals < 0 ? "" : pair.slice(equals + 1);
    parameters.push({ name: decoded(name, options), value: decoded(value, options) });
  }
  return parameters;
}

function decoded(text: string, { plusIsBlank }: QueryOptions): string {
  const blanks = plusIsBlank === true ? text.replaceAll("+", " ") : text;
  if (!blanks.includes("%")) return blanks;
  try {
    return decodeURIComponent(blanks);
  } catch {
    return blanks;
  }
}
