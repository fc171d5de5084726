/**
 * The small written forms that fields of the policy file share: durations, sizes, percentages, secrets, names.
 * Each is one zod/mini type that reads the written form, words its own error and carries what schema, hover and
 * completion show. Must not know any field by name.
 *
 * A field adds its docs with `.check(z.meta({ description: "..." }))` and its default with `z.prefault(type, "30s")`
 * (the default as written, so that docs and schema show it in the same words).
 */
import * as z from "zod/mini";
import type { Millis } from "./basics.ts";
import type { SecretRef } from "./policy.ts";

/** What the written form is called; docs, hover and completion go by it. */
export type ScalarName = "duration" | "size" | "percentage" | "secret" | "header name" | "field value" | "name" | "CEL";

/** A declaration with its words. @param more what JSON Schema knows beside: examples. */
export function described<Type extends z.ZodMiniType>(type: Type, description: string, more: object = {}): Type {
  return type.check(z.meta({ description, ...more })) as Type;
}

const DURATION = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h)$/;
const MILLIS_OF: Readonly<Record<string, Millis>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Longest duration accepted anywhere: timers and 32-bit counts of milliseconds stay exact below it. */
const LONGEST_DURATION: Millis = 24 * 24 * 3_600_000;

/** @returns undefined when the text is no duration. */
function parseDuration(text: string): Millis | undefined {
  const found = DURATION.exec(text);
  return found ? Number(found[1]) * MILLIS_OF[found[2]] : undefined;
}

/** The shortest way to write a duration: 1500 -> "1500ms", 60000 -> "1m". */
export function writeDuration(millis: Millis): string {
  for (const unit of ["h", "m", "s"]) {
    if (millis >= MILLIS_OF[unit] && millis % MILLIS_OF[unit] === 0) return `${millis / MILLIS_OF[unit]}${unit}`;
  }
  return `${millis}ms`;
}

/** `250ms`, `10s`, `5m`, `1h` -> milliseconds. @param bounds inclusive, in milliseconds. */
export function duration(bounds: { readonly least?: Millis; readonly most?: Millis } = {}) {
  const least = bounds.least ?? 0;
  const most = bounds.most ?? LONGEST_DURATION;
  const wrong = "write a duration as a number with its unit: 250ms, 10s, 5m or 1h";
  return z
    .pipe(
      z.string({ error: wrong }).check(z.regex(DURATION, { error: wrong })),
      z.transform((text: string, context): Millis => {
        const millis = parseDuration(text) ?? 0;
        if (millis >= least && millis <= most) return millis;
        const message =
          millis < least ? `must be at least ${writeDuration(least)}` : `must be at most ${writeDuration(most)}`;
        context.issues.push({ code: "custom", message, input: text });
        return z.NEVER;
      }),
    )
    .check(z.meta({ scalar: "duration", examples: ["250ms", "10s", "5m", "1h"] }));
}

const SIZE = /^(\d{1,12}(?:\.\d{1,3})?)(B|KiB|MiB|GiB|kB|MB|GB)$/;
const BYTES_OF: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
};

/** `512B`, `64KiB`, `1MiB` -> whole bytes. @param bounds inclusive, in bytes. */
export function size(bounds: { readonly least?: number; readonly most?: number } = {}) {
  const wrong = "write a size as a number with its unit: 512B, 64KiB or 1MiB";
  return z
    .pipe(
      z.string({ error: wrong }).check(z.regex(SIZE, { error: wrong })),
      z.transform((text: string, context): number => {
        const found = SIZE.exec(text);
        const bytes = found ? Math.floor(Number(found[1]) * BYTES_OF[found[2]]) : 0;
        if (bytes < (bounds.least ?? 0) || bytes > (bounds.most ?? Number.MAX_SAFE_INTEGER)) {
          const bound = bytes < (bounds.least ?? 0) ? `at least ${bounds.least}` : `at most ${bounds.most}`;
          context.issues.push({ code: "custom", message: `must be ${bound} bytes`, input: text });
          return z.NEVER;
        }
        return bytes;
      }),
    )
    .check(z.meta({ scalar: "size", examples: ["64KiB", "1MiB"] }));
}

/** 1048576 -> "1MiB"; what is no whole unit -> "1500 bytes". */
export function writeSize(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"])
    if (bytes >= BYTES_OF[unit] && bytes % BYTES_OF[unit] === 0) return `${bytes / BYTES_OF[unit]}${unit}`;
  return bytes === 1 ? "1 byte" : `${bytes} bytes`;
}

const PERCENTAGE = /^(\d{1,3}(?:\.\d{1,6})?)%$/;

/** `20%` -> 20. From 0% to 100%. */
export function percentage() {
  const wrong = "write a percentage from 0% to 100%, with its sign: 20%";
  return z
    .pipe(
      z.string({ error: wrong }).check(z.regex(PERCENTAGE, { error: wrong })),
      z.transform((text: string, context): number => {
        const value = Number(text.slice(0, -1));
        if (value <= 100) return value;
        context.issues.push({ code: "custom", message: wrong, input: text });
        return z.NEVER;
      }),
    )
    .check(z.meta({ scalar: "percentage", examples: ["20%"] }));
}

/** A string, `{ env: NAME }` or `{ file: ./path }`; stays a reference until CompileContext.secret resolves it. */
export function secret(): z.ZodMiniType<SecretRef, SecretRef> {
  return z
    .union(
      [
        z.string().check(z.minLength(1, { error: "a secret must not be empty" })),
        z.strictObject({
          env: z
            .string()
            .check(z.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "write the name of an environment variable" }))
            .check(
              z.meta({ description: "Name of the environment variable that holds the secret.", examples: ["API_KEY"] }),
            ),
        }),
        z.strictObject({
          file: z
            .string()
            .check(z.minLength(1, { error: "write the path of a file" }))
            .check(
              z.meta({
                description: "File that holds the secret, relative to the policy file.",
                examples: ["./key.txt"],
              }),
            ),
        }),
      ],
      { error: "write a secret as a string, as { env: NAME } or as { file: ./path }" },
    )
    .check(z.meta({ scalar: "secret", examples: [{ env: "API_KEY" }, { file: "./key.txt" }] }));
}

/** A field name of HTTP: one token (RFC 9110 section 5.6.2). Kept as written. */
export function headerName() {
  const wrong = "is no header name: letters, digits and !#$%&'*+-.^_`|~ only (RFC 9110)";
  return z
    .string()
    .check(z.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/, { error: wrong }))
    .check(z.meta({ scalar: "header name" }));
}

/** A field value of HTTP (RFC 9110 section 5.5): no line ends, no NUL, no blanks around it. */
export function fieldValue() {
  return z
    .string()
    .check(
      z.regex(/^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/, {
        error: "must not hold line breaks, control characters, or blanks at its ends",
      }),
    )
    .check(z.meta({ scalar: "field value" }));
}

/** The name a person gives to a listener, service, route, policy or consumer. */
export function name() {
  const wrong = "a name has 1 to 63 letters, digits, '.', '_' or '-', and starts with a letter or digit";
  return z
    .string()
    .check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, { error: wrong }))
    .check(z.meta({ scalar: "name" }));
}

/** An expression in CEL (Common Expression Language); whoever declares the field checks that it parses. */
export function expression() {
  return z
    .string()
    .check(z.minLength(1, { error: "an expression must not be empty" }))
    .check(z.maxLength(4096, { error: "an expression must not be longer than 4096 characters" }))
    .check(z.meta({ scalar: "CEL" }));
}
