/**
 * What JSON.parse lets pass and two readers may read differently, or nobody can walk: members named twice, deep nesting.
 * One pass over the text in time linear in it, since strangers send a mebibyte of it. Must not judge the grammar.
 */

/** Deeper JSON is refused: whoever walks a value may recurse. */
const DEEPEST = 64;

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;

/** @returns how many values and names there are, about; strings are skipped, so it costs little beside parsing. */
export function weightOf(text: string): number {
  let weight = 1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    // A colon for each name; a comma or an opening for each value.
    else if (code === COMMA || code === 58 || code === 123 || code === 91) weight++;
  }
  return weight;
}

/** @returns "it names "id" twice", or undefined. Of text that is no JSON it says anything or nothing. */
export function shapeProblem(text: string): string | undefined {
  /** Names of each open object, made with its second member; the first alone needs no set. */
  const names: (Set<string> | string | undefined)[] = [];
  const isObject = new Uint8Array(DEEPEST + 1);
  let depth = 0;
  let expectsName = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      const end = endOfString(text, i);
      if (expectsName) {
        const name = nameIn(text, i + 1, end);
        const known = names[depth];
        if (known === undefined) names[depth] = name;
        else if (typeof known === "string") {
          if (known === name) return twice(name);
          names[depth] = new Set([known, name]);
        } else {
          if (known.has(name)) return twice(name);
          known.add(name);
        }
        expectsName = false;
      }
      i = end;
    } else if (code === COMMA) {
      expectsName = isObject[depth] === 1;
    } else if (code === 123 || code === 91) {
      if (++depth > DEEPEST) return `it is nested more than ${DEEPEST} deep`;
      isObject[depth] = code === 123 ? 1 : 0;
      names[depth] = undefined;
      expectsName = code === 123;
    } else if (code === 125 || code === 93) {
      if (depth > 0) depth--;
      expectsName = false;
    }
  }
  return undefined;
}

function twice(name: string): string {
  return `it names ${JSON.stringify(name.slice(0, 40))} twice`;
}

/** Offset of the quote that ends the string; of the last character when none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
  }
  return text.length - 1;
}

/** Escapes undone: "a" and "\u0061" are one name. */
function nameIn(text: string, start: number, end: number): string {
  const raw = text.slice(start, end);
  if (!raw.includes("\\")) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw;
  }
}
