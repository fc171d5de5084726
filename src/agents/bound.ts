/**
 * Keeps an answer small enough for an agent to read: long texts and long lists are cut, and the answer says so.
 * Must not drop a field: what is left still has the declared form.
 */

/** Of a whole answer as JSON: about six thousand tokens. */
export const MOST_CHARACTERS = 24_000;

/** Longest text and longest list, from the first that is enough. */
const CUTS = [
  { text: 600, list: 100 },
  { text: 400, list: 50 },
  { text: 240, list: 20 },
  { text: 160, list: 10 },
  { text: 100, list: 5 },
  { text: 60, list: 3 },
  { text: 40, list: 1 },
] as const;

type Cut = (typeof CUTS)[number];

/** @returns a copy; `shortened` is set when anything was cut. */
export function bounded<T extends object>(answer: T): T & { readonly shortened?: true } {
  const before = JSON.stringify(answer);
  let smallest: T = answer;
  for (const cut of CUTS) {
    smallest = cutDown(answer, cut);
    const after = JSON.stringify(smallest);
    if (after.length <= MOST_CHARACTERS) return after === before ? smallest : { ...smallest, shortened: true };
  }
  return { ...smallest, shortened: true };
}

function cutDown<T>(value: T, cut: Cut): T {
  if (typeof value === "string") return cutText(value, cut.text) as T;
  if (Array.isArray(value)) return value.slice(0, cut.list).map((entry: unknown) => cutDown(entry, cut)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, cutDown(entry, cut)])) as T;
}

/** Never through the middle of a character. */
export function cutText(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const end = /[\uD800-\uDBFF]$/.test(text.slice(0, longest - 1)) ? longest - 2 : longest - 1;
  return `${text.slice(0, end)}…`;
}
