/**
 * One value on its way through a schema: where in it the check is, what was found wrong, and how much work is left.
 * The work is bounded, so that no value of a stranger's keeps the gateway busy. Must not know a keyword.
 */
import type { Allowance } from "../model/body.ts";
import type { Resource } from "./schema-registry.ts";

/** A violation whose place nobody has asked for yet: most are only tried, and forgotten. */
export interface Found {
  readonly place: Place | undefined;
  readonly say: string;
}

export interface Violation {
  /** JSON Pointer (RFC 6901) into the value; "" is the whole. */
  readonly at: string;
  /** "must be a number, not a string" */
  readonly say: string;
}

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
  readonly violations: Found[] = [];
  found = this.violations;
  depth = 0;
  readonly scope: Resource[] = [];
  private readonly allowance: Allowance;

  /** @param allowance schemas that values may meet; beyond it the value is too costly to judge. */
  constructor(allowance: Allowance) {
    this.allowance = allowance;
  }

  spend(steps: number): void {
    if ((this.allowance.left -= steps) < 0) throw new TooCostly();
  }

  add(place: Place | undefined, say: string): false {
    if (this.found.length < MOST_VIOLATIONS) this.found.push({ place, say });
    else if (this.found === this.violations) throw new Enough();
    return false;
  }
}

export function told(violations: readonly Found[]): readonly Violation[] {
  return violations.map(({ place, say }) => ({ at: pointerOf(place), say }));
}

export type Check = (value: unknown, place: Place | undefined, run: Run, seen: Seen | undefined) => boolean;

function pointerOf(place: Place | undefined): string {
  let text = "";
  for (let at = place; at !== undefined; at = at.up)
    text = `/${String(at.key).replaceAll("~", "~0").replaceAll("/", "~1")}${text}`;
  return text;
}
