/**
 * A body that was collected, as policies see it: decoded, as text, as JSON, each made once and only when asked for.
 * What a stranger sends is bounded here: decoded size (a small gzip may hold gigabytes), nesting, and work at once.
 * Must not throw, whatever the bytes are.
 */
import { isUtf8 } from "node:buffer";
import { BodyState, WHOLE_ALLOWANCE, type CollectedBody, type JsonReading } from "../../model/body.ts";
import { codingOf } from "./codings.ts";
import { shapeProblem, weightOf } from "./json-shape.ts";

export class Collected implements CollectedBody {
  readonly state: number;
  readonly length: number;
  readonly type: string;
  /** Decoded; undefined unless whole. */
  readonly bytes: Buffer | undefined;
  readonly allowance = { left: WHOLE_ALLOWANCE };
  #weight: number | undefined;
  #text: string | undefined;
  #json: JsonReading | undefined;

  constructor(state: number, length: number, type: string, bytes?: Buffer) {
    this.state = state;
    this.length = length;
    this.type = type;
    this.bytes = bytes;
  }

  binary(): string | undefined {
    return this.bytes?.toString("latin1");
  }

  text(): string | undefined {
    if (this.bytes === undefined || this.#text !== undefined) return this.#text;
    return (this.#text = isUtf8(this.bytes) ? this.bytes.toString("utf8") : undefined);
  }

  weight(): number {
    return (this.#weight ??= weightOf(this.text() ?? ""));
  }

  json(): JsonReading {
    return (this.#json ??= this.#parse());
  }

  /** The same for whoever writes it down again: numbers beyond a double's precision come out as they went in. */
  exactJson(): JsonReading {
    const read = this.json();
    const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown };
    const text = this.#text ?? "";
    // Node 20 cannot; nobody needs it where no number has that many digits.
    if (read.problem !== undefined || rawJSON === undefined || !/\d[\d.]{15}/.test(text)) return read;
    const keep = (_key: string, value: unknown, context?: { source?: string }): unknown => {
      const source = context?.source;
      return typeof value === "number" && source !== undefined && String(value) !== source ? rawJSON(source) : value;
    };
    return { value: JSON.parse(text, keep as Parameters<typeof JSON.parse>[1]) as unknown };
  }

  #parse(): JsonReading {
    const text = this.text();
    if (text === undefined) return { problem: this.bytes === undefined ? "it is not there" : "it is not UTF-8" };
    const wrong = shapeProblem(text);
    if (wrong !== undefined) return { problem: wrong };
    try {
      return { value: JSON.parse(text) as unknown };
    } catch (error) {
      return { problem: placeOf(text, error) };
    }
  }
}

export const NO_BODY = new Collected(BodyState.None, 0, "");

/**
 * @param encoding value of Content-Encoding; "" = none. @param most decoded bytes that are taken.
 * @returns it decoded; TooLarge when it holds more than `most`, Undecodable when it is not what it says.
 */
export function collectedOf(bytes: Buffer, type: string, encoding: string, most: number): Collected {
  const { length } = bytes;
  if (length > most) return new Collected(BodyState.TooLarge, length, type);
  let decoded = bytes;
  const codings = encoding.toLowerCase().split(",");
  if (codings.length > 3) return new Collected(BodyState.Undecodable, length, type);
  for (const written of codings.toReversed()) {
    const name = written.trim();
    if (name === "" || name === "identity") continue;
    const coding = codingOf(name);
    if (coding === undefined) return new Collected(BodyState.Undecodable, length, type);
    try {
      decoded = coding.decode(decoded, { maxOutputLength: most });
    } catch (error) {
      const tooLarge = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
      return new Collected(tooLarge ? BodyState.TooLarge : BodyState.Undecodable, length, type);
    }
  }
  return new Collected(BodyState.Whole, length, type, decoded);
}

/** V8 says where in words that differ between versions; line and column are the same everywhere. */
function placeOf(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  const at = /position (\d+)/.exec(message);
  if (at === null)
    return text.trim() === "" ? "it is empty" : "it is no JSON: it ends too early, or holds something else";
  const before = text.slice(0, Number(at[1]));
  const line = before.split("\n").length;
  return `it is no JSON: line ${line}, column ${before.length - before.lastIndexOf("\n")} is not as it must be`;
}
