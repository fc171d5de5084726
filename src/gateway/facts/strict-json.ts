/**
 * JSON of strangers, read strictly: UTF-8 to the letter, no member named twice, no deep nesting.
 * JSON.parse keeps the last of two equal members where another reader keeps the first; a token may not mean two things.
 */

const DEEPEST = 64;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws SyntaxError with words for people. */
export function parseStrictObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new SyntaxError("is not valid UTF-8");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SyntaxError("is not valid JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SyntaxError("is no JSON object");
  const twice = repeatedMember(text);
  if (twice !== undefined) throw new SyntaxError(`names ${JSON.stringify(twice.slice(0, 40))} twice`);
  return value as Record<string, unknown>;
}

/**
 * @param text JSON that has been parsed already, so its grammar is known to be right.
 * @returns the first member name that one object holds twice.
 */
function repeatedMember(text: string): string | undefined {
  /** Names seen in each open object; null for an open array. */
  const open: (Set<string> | null)[] = [];
  let expectsName = false;
  for (let i = 0; i < text.length; i++) {
    const at = text[i];
    if (at === '"') {
      const end = endOfString(text, i);
      const names = open.at(-1);
      if (expectsName && names) {
        const name = JSON.parse(text.slice(i, end)) as string;
        if (names.has(name)) return name;
        names.add(name);
        expectsName = false;
      }
      i = end - 1;
    } else if (at === "{" || at === "[") {
      if (open.push(at === "{" ? new Set() : null) > DEEPEST)
        throw new SyntaxError(`is nested more than ${DEEPEST} deep`);
      expectsName = at === "{";
    } else if (at === "}" || at === "]") {
      open.pop();
      expectsName = false;
    } else if (at === ",") expectsName = open.at(-1) instanceof Set;
  }
  return undefined;
}

/** @returns the offset after the closing quote. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i + 1;
}
