/**
 * maxBody: how much body a request may bring. Judged by Content-Length where there is one; a body of unknown length is
 * counted while it passes and cut off where it goes too far, so that nothing is ever collected for it.
 * Must not look into the body.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { Fix, Policy, Shape, Step } from "../model/policy.ts";
import { size, writeSize } from "../model/scalars.ts";

const bytes = () =>
  size({ least: 0 }).check(
    z.meta({ description: "The most bytes that a request's body may have.", examples: ["1MiB"] }),
  );

const config = z
  .union([bytes(), z.strictObject({ size: bytes() })], {
    error: "write a size as a number with its unit, `maxBody: 1MiB`, or `maxBody: { size: 1MiB }` beside other fields",
  })
  .check(
    z.meta({ description: "A size, or `{ size }` where `shadow` or `when` stand beside it.", examples: ["1MiB"] }),
  );

type Config = z.output<typeof config>;

const Refusal = { tooLarge: 1, outgrew: 2 } as const;

const limitOf = (c: Config): number => (typeof c === "number" ? c : c.size);

/** What an admitted step notes as x when no length was announced. */
const UNKNOWN = -1;

export const maxBody: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "maxBody",
  phase: "validate",
  summary: "How much body a request may bring; more is refused with 413, at once or as soon as it is too much.",
  example: "maxBody: 1MiB\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    tooLarge: {
      status: 413,
      title: "body too large",
      say: (c, x) => `the body has ${count(x)}, and at most ${writeSize(limitOf(c))} are taken`,
      brief: (c, x) => `${count(x)} of ${writeSize(limitOf(c))}`,
      fix: (c, x) => enlarge(c, x),
    },
    outgrew: {
      status: 413,
      title: "body too large",
      say: (c, x) =>
        `the body announced no length and grew beyond ${writeSize(limitOf(c))}: it was cut off after ${count(x)}`,
      brief: (c, x) => `cut off after ${count(x)} of ${writeSize(limitOf(c))}`,
      fix: (c, x) => enlarge(c, x),
    },
  },
  admits: (c, x) => {
    if (x === UNKNOWN) return `no length announced: counted while it passes, up to ${writeSize(limitOf(c))}`;
    return x === 0 ? "there is no body" : `the body has ${count(x)} of at most ${writeSize(limitOf(c))}`;
  },
  compile,
};

function count(bytes: number): string {
  return bytes === 1 ? "1 byte" : `${bytes.toFixed(0).replace(/\B(?=(?:\d{3})+$)/g, ",")} bytes`;
}

/** To the next whole mebibyte. */
function enlarge(c: Config, wanted: number): readonly Fix[] {
  const value = `${Math.max(1, Math.ceil(wanted / 1_048_576))}MiB`;
  return [{ title: `Take up to ${value}`, path: typeof c === "number" ? [] : ["size"], value }];
}

function compile(c: Config): Step<undefined> & Shape {
  const limit = limitOf(c);
  return {
    peek(x, _state, _now, note) {
      const announced = lengthOf(x);
      const reason = announced > limit ? Refusal.tooLarge : ADMIT;
      note.put(reason, announced, limit);
      return reason;
    },
    body: { limit: { bytes: limit, reason: Refusal.outgrew } },
  };
}

/** Bytes as announced; UNKNOWN when a body follows whose length nobody has said. */
function lengthOf({ arrival }: Passage): number {
  const announced = arrival.header("content-length");
  if (announced !== undefined) return Number(announced);
  if (arrival.header("transfer-encoding") !== undefined) return UNKNOWN;
  // HTTP/2 frames bodies without a field: whether one follows is seen when it does.
  return arrival.method === "GET" || arrival.method === "HEAD" ? 0 : UNKNOWN;
}
