/**
 * The regular expressions of JSON Schema (core, section 6.4: ECMA-262's, with code points as characters) in the words of RE2,
 * which matches in time linear in the text. Where the two differ in silence (`.`, `\s`, empty classes, escapes), what
 * ECMA-262 says is written out. Must not match anything.
 */

/** ECMA-262, section 22.2.2.9, CharacterClassEscape :: s: white space and line ends of all scripts. */
const SPACE = String.raw`\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`;
const NO_SPACE = String.raw`\x00-\x08\x0e-\x1f!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`;
const ANY = String.raw`\x00-\x{10ffff}`;
const LINE_ENDS = String.raw`\n\r\x{2028}\x{2029}`;

/** Long names of Unicode properties, which RE2 knows by their short ones. */
const LONG: Readonly<Record<string, string>> = {
  Letter: "L",
  Lowercase_Letter: "Ll",
  Uppercase_Letter: "Lu",
  Number: "N",
  Decimal_Number: "Nd",
  digit: "Nd",
  Punctuation: "P",
  Symbol: "S",
  Separator: "Z",
  Mark: "M",
};

const HIGH = "[dD][89abAB][0-9a-fA-F]{2}";
const LOW = "[dD][c-fC-F][0-9a-fA-F]{2}";
const TOKEN = new RegExp(
  String.raw`\\u${HIGH}\\u${LOW}|\\u\{[0-9a-fA-F]{1,6}\}|\\u[0-9a-fA-F]{4}|\\[pP]\{[^}]*\}|\\c[A-Za-z]|\\.|\[\^?\]?|.`,
  "gsu",
);

/** Linear in the length of the source. What is no pattern stays none. */
export function patternForRe2(source: string): string {
  let inClass = false;
  let written = "";
  for (const [token] of source.matchAll(TOKEN)) {
    if (token.startsWith("\\")) written += escape(token, inClass);
    else if (inClass) {
      written += token.startsWith("[") ? String.raw`\[${token.slice(1, 2) === "^" ? "^" : ""}` : token;
      if (token.endsWith("]")) inClass = false;
      if (token.endsWith("]") && token.startsWith("[")) written += "]";
    } else if (token === "[]") written += `[^${ANY}]`;
    else if (token === "[^]") written += `[${ANY}]`;
    else if (token === ".") written += `[^${LINE_ENDS}]`;
    else {
      inClass = token.startsWith("[");
      written += token;
    }
  }
  return written;
}

function escape(token: string, inClass: boolean): string {
  const [, kind] = token;
  if (kind === "s") return inClass ? SPACE : `[${SPACE}]`;
  if (kind === "S") return inClass ? NO_SPACE : `[^${SPACE}]`;
  if (kind === "/") return "/";
  if (kind === "0") return String.raw`\x00`;
  if (kind === "b" && inClass) return String.raw`\x08`;
  if (kind === "c" && token.length === 3) return hex(token.toUpperCase().charCodeAt(2) - 64);
  if (kind === "u" && token.length > 2) return hex(codePoint(token));
  if ((kind === "p" || kind === "P") && token.length > 2) {
    const name = token.slice(3, -1);
    return `\\${kind}{${Object.hasOwn(LONG, name) ? LONG[name] : name}}`;
  }
  return token;
}

function codePoint(token: string): number {
  const units = [...token.matchAll(/[0-9a-fA-F]+/g)].map(([one]) => Number.parseInt(one, 16));
  return units.length === 2 ? 0x10000 + ((units[0] - 0xd800) << 10) + (units[1] - 0xdc00) : units[0];
}

function hex(code: number): string {
  return String.raw`\x{${code.toString(16)}}`;
}
