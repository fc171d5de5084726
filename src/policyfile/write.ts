/**
 * A JSON value as YAML on one line, with quotes only where they are needed.
 * Must not produce text that reads back as another value.
 */

/** A JSON value as YAML on one line. */
export function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(write).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const parts = Object.entries(value).map(([key, item]) => `${write(key)}: ${write(item)}`);
    return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
  }
  if (typeof value !== "string") return String(value);
  return isPlain(value) ? value : JSON.stringify(value);
}

/** Text that means itself without quotes, also inside [] and {}. */
function isPlain(text: string): boolean {
  if (!/^[A-Za-z0-9_./][A-Za-z0-9_./ %+-]*$/.test(text) || text.endsWith(" ")) return false;
  return !/^(?:null|true|false|~|[-+]?\.?[0-9][0-9._]*(?:e[-+]?[0-9]+)?|0[ox][0-9a-f]+|[-+]?\.(?:inf|nan)|\.)$/i.test(
    text,
  );
}
