/**
 * The notation of the cache's requirements: conversations of a client and an origin with the gateway between them.
 * Must not run them: conformance.test.ts does.
 */

/** A number is a date, in seconds from the origin's now. `false`: need not arrive at the client as it was said. */
export type Line = readonly [name: string, value: string | number, arrives?: boolean];

export interface Turn {
  readonly method?: string;
  readonly query?: string;
  readonly sends?: readonly (readonly [string, string | number])[];
  /** What the origin says, if it is asked. */
  readonly status?: number;
  readonly says?: readonly Line[];
  /** 1xx heads before it. */
  readonly interim?: readonly number[];
  /** It closes the connection instead. */
  readonly drops?: boolean;
  /** Seconds that pass afterwards. */
  readonly pause?: number;
  /** Where the answer comes from; `etag` and `date`: the origin confirms it by that validator. */
  readonly from?: "store" | "origin" | "etag" | "date";
  /** Status that the client gets, when it is not the origin's. */
  readonly gets?: number;
  readonly shows?: readonly (readonly [string, string | number] | readonly [string, ">", number])[];
  readonly lacks?: readonly string[];
  /** Fields that the origin has to see. */
  readonly passes?: readonly (readonly [string, string])[];
}

export interface Requirement {
  readonly name: string;
  /** Of RFC 9111, unless it says otherwise. */
  readonly section: string;
  readonly turns: readonly Turn[];
}

export const PAUSE = 3;
export const DAY = 86_400;

export const fresh: readonly Line[] = [
  ["Expires", 100_000],
  ["Cache-Control", "max-age=100000"],
  ["Last-Modified", 0],
  ["Date", 0],
];
export const stale: readonly Line[] = [
  ["Expires", -5000],
  ["Last-Modified", -100_000],
  ["Date", 0],
];

/** Gathers the requirements of one file. */
export class Requirements {
  readonly all: Requirement[] = [];

  readonly requires = (section: string, name: string, ...turns: Turn[]): void => {
    this.all.push({ name, section, turns });
  };

  /** One answer, a while, and the same request again. */
  readonly again = (
    section: string,
    name: string,
    says: readonly Line[],
    from: "store" | "origin",
    pause = PAUSE,
  ): void => this.requires(section, name, { says, pause }, { from });
}
