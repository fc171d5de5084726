/**
 * Colour for a terminal, where one is and nobody asked for none (https://no-color.org).
 * Must not be the only carrier of a meaning: every coloured word says the same without colour.
 */

export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
}

export function paintFor(stream: NodeJS.WriteStream): Paint {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const wanted = NO_COLOR === undefined || NO_COLOR === "";
  const coloured = wanted && (stream.isTTY === true || (FORCE_COLOR ?? "0") !== "0") && TERM !== "dumb";
  const ink = (code: number) => (text: string) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text);
  return { good: ink(32), bad: ink(31), warn: ink(33), faint: ink(2), strong: ink(1) };
}

/**
 * A terminal acts on control characters, and turns round what stands after marks of direction (CVE-2021-42574): what came
 * over the network is shown without either.
 */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, "�");
}
