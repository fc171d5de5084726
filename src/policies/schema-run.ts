/**
 * One value on its way through a schema: where in it the check is, what was found wrong, and how much work is left.
 * The work is bounded, so that no value of a stranger's keeps the gateway busy. Must not know a keyword.
 */
import type { Resource } from "./schema-registry.ts";

export interface Violation {
  /** JSON Pointer (RFC 6901) into the value; "" is the whole. */
  readonly at: string;
  /** "must be a number, not a string" */
  readonly say: string;
}

/** Schemas that one value may meet; above it the value is refused as too costly to judge. */
const MOST_STEPS = 300_000;
export const MOST_VIOLATIONS = 20;

/** Thrown when a value costs too much. */
export class TooCostly extends Error {}

/** Thrown when as many violations are found as anybody is told. */
export class Enough extends Error {}

export interface Place {
  readonly up: Place | undefined;
  readonly key: string | number;
}

/** Members and items of one value that some schema has looked at. */
export class Seen {
  all = false;
  readonly members = new Set<string>();
  items = 0;
  readonly single = new Set<number>();

  take(other: Seen): void {
    this.all ||= other.all;
    this.items = Math.max(this.items, other.items);
    for (const one of other.members) this.members.add(one);
    for (const one of other.single) this.single.add(one);
  }
}

export class Run {
  /** What counts; alternatives that are only tried write elsewhere. */
  readonly violations: Violation[] = [];
  found = this.violations;
  left = MOST_STEPS;
  depth = 0;
  readonly scope: Resource[] = [];

  spend(steps: number): void {
    if ((this.left -= steps) < 0) throw new TooCostly();
  }

  add(place: Place | undefined, say: string): false {
    if (this.found.length < MOST_VIOLATIONS) this.found.push({ at: pointerOf(place), say });
    else if (this.found === this.violations) throw new Enough();
    return false;
  }
}

export type Check = (value: unknown, place: Place | undefined, run: Run, seen: Seen | undefined) => boolean;

export function pointerOf(place: Place | undefined): string {
  let text = "";
  for (let at = place; at !== undefined; at = at.up)
    text = `/${String(at.key).replaceAll("~", "~0").replaceAll("/", "~1")}${text}`;
  return text;
}
