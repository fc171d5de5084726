/**
 * Cuts filter text into pieces for highlighting. Only colours depend on it: how a filter is understood, the gateway says.
 * Must lose no character: the pieces put together are the text.
 */
export interface Piece {
  readonly text: string;
  readonly kind: "key" | "value" | "operator" | "space";
}

/** A piece of filter text for highlighting; the pieces put together are the text. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  const pattern = /(\s+)|([|()])|(-?)([\w.-]+)(:|>=|<=|[><=~])((?:"(?:[^"\\]|\\.)*"?|[^\s|])*)|([^\s|]+)/gu;
  for (const match of text.matchAll(pattern)) {
    const [whole_, space, operator, minus, key, relation, value] = match;
    if (space !== undefined) found.push({ text: space, kind: "space" });
    else if (operator !== undefined) found.push({ text: operator, kind: "operator" });
    else if (key !== undefined) {
      if (minus !== "") found.push({ text: minus, kind: "operator" });
      found.push({ text: key + relation, kind: "key" });
      if (value !== "") found.push({ text: value, kind: "value" });
    } else found.push({ text: whole_, kind: "value" });
  }
  return found;
}
