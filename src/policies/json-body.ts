/**
 * What policies that read JSON bodies share: why a body cannot be read, and the refusals that follow from it.
 * A finding is what the edge wrote down of one body: small and plain, since it is kept with the request.
 * Must not judge what a body says.
 */
import type { Passage } from "../model/arrival.ts";
import { BodyState, type CollectedBody } from "../model/body.ts";
import type { PlacedError, RefusalReason } from "../model/policy.ts";
import { writeSize } from "../model/scalars.ts";
import { isJson } from "./reply-changes.ts";
import type { Violation } from "./schema-run.ts";

/** Reasons in the order of their numbers; a policy adds its own behind them. */
export const Unread = { missing: 1, notJson: 2, malformed: 3, tooLarge: 4, busy: 5, tooMuch: 6 } as const;

export interface Finding {
  /** 0 = nothing is wrong. */
  readonly reason: number;
  /** Bytes. */
  readonly length: number;
  /** Said after "the body": "is no JSON: ..." */
  readonly problem?: string;
  readonly violations?: readonly Violation[];
}

export const NO_BODY: Finding = Object.freeze({ reason: 0, length: 0 });

/** @param asForm it is read as something else. @returns what keeps it from being read as JSON; undefined when `body.json()` holds a value. */
export function unread(body: CollectedBody, asForm = false): Finding | undefined {
  const { state, length } = body;
  if (state === BodyState.TooLarge) return { reason: Unread.tooLarge, length };
  if (state === BodyState.Busy) return { reason: Unread.busy, length };
  if (state === BodyState.TooMuch) return { reason: Unread.tooMuch, length };
  if (state === BodyState.Undecodable)
    return { reason: Unread.malformed, length, problem: "its Content-Encoding is unknown here, or broken" };
  if (state === BodyState.None) return { reason: Unread.missing, length: 0 };
  if (asForm) return undefined;
  if (!isJson(body.type)) return { reason: Unread.notJson, length, problem: body.type.slice(0, 100) };
  const { problem } = body.json();
  return problem === undefined ? undefined : { reason: Unread.malformed, length, problem };
}

/** Methods that mean nothing without content. */
export function needsBody({ arrival }: Passage): boolean {
  return arrival.method === "POST" || arrival.method === "PUT" || arrival.method === "PATCH";
}

/** @param of what the policy found. @param most bytes that it reads. */
export function unreadReasons<Config>(
  of: (config: Config, seen: Passage) => Finding | undefined,
  most: (config: Config) => number,
): Readonly<Record<keyof typeof Unread, RefusalReason<Config>>> {
  return {
    missing: {
      status: 400,
      title: "body missing",
      say: (_c, _x, _y, seen) => `${seen.arrival.method ?? "the request"} needs a JSON body here, and there is none`,
    },
    notJson: {
      status: 415,
      title: "body is not JSON",
      say: (c, _x, _y, seen) => {
        const type = of(c, seen)?.problem ?? "";
        return `the body must be application/json, and Content-Type ${type === "" ? "is missing" : `says ${type}`}`;
      },
    },
    malformed: {
      status: 400,
      title: "body cannot be read",
      say: (c, _x, _y, seen) => `the body cannot be read: ${of(c, seen)?.problem ?? "it is no JSON"}`,
    },
    tooLarge: {
      status: 413,
      title: "body too large to be judged",
      say: (c, x) => `the body has ${x} bytes or more, decoded, and at most ${writeSize(most(c))} are read`,
    },
    busy: {
      status: 503,
      title: "too many bodies at once",
      say: () => "so many bodies are being read at this moment that this one was not: try again in a second",
    },
    tooMuch: {
      status: 413,
      title: "body takes too long to read",
      say: (_c, x) =>
        `the body (${x} bytes) was given up: reading it took longer, or more memory, than one body may take here`,
    },
  };
}

/** An answer that nobody could look at. @param done "judged" */
export function unjudgedAnswer<Config>(done: string): RefusalReason<Config> {
  return {
    status: 503,
    title: `answer could not be ${done}`,
    say: (_c, x, y) =>
      y === BodyState.Busy
        ? `so many answers are being read at this moment that this one (${x} bytes) was not ${done}: try again in a second`
        : `the backend's answer (${x} bytes) was given up: reading it took longer, or more memory, than one answer may take here`,
  };
}

/** "/items/0/price must be a number; /id is missing; and 3 more" */
export function sayViolations(violations: readonly Violation[], most = 3): string {
  const shown = violations.slice(0, most).map(({ at, say }) => `${at === "" ? "it" : at} ${say}`);
  const more = violations.length - shown.length;
  return more === 0 ? shown.join("; ") : `${shown.join("; ")}; and ${more === 17 ? "17 or more" : more} more`;
}

export function placed(violations: readonly Violation[] | undefined): readonly PlacedError[] {
  return (violations ?? []).map(({ at, say }) => ({ pointer: at, detail: say }));
}
