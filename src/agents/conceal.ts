/**
 * Hides known secrets in every text of a plain value.
 * Must not decide what a secret is: whoever read the policy knows.
 */

const HIDDEN = "••••";
/** Shorter values are no secrets that anybody could hide: "a" stands everywhere. */
const SHORTEST = 4;

export function conceal<T>(value: T, secrets: readonly string[]): T {
  // Longest first, so that no rest of one stays behind.
  const hidden = secrets.filter(({ length }) => length >= SHORTEST).toSorted((a, b) => b.length - a.length);
  return hidden.length === 0 ? value : concealed(value, hidden);
}

function concealed<T>(value: T, hidden: readonly string[]): T {
  if (typeof value === "string")
    return hidden.reduce<string>((text, secret) => text.replaceAll(secret, HIDDEN), value) as T;
  if (Array.isArray(value)) return value.map((entry: unknown) => concealed(entry, hidden)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, concealed(entry, hidden)])) as T;
}
