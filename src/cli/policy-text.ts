/**
 * The policy file's text, or one line that says why it cannot be had. A pipe may be named too (`<(…)`, /dev/stdin).
 * Must not wait for the end of what has none: a device, or the wrong file by a slip of the hand.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

export class NoPolicy extends Error {}

/** Bytes: a policy of a thousand routes has a tenth of it. */
const LARGEST = 4 * 1024 * 1024;

/** @throws NoPolicy */
export function policyText(file: string): string {
  return writtenText(file, `There is no ${file} here. Name the policy file, or start with the one in examples/shop.`);
}

/** Of any file that a person wrote and named. @param missing what to say where there is none. @throws NoPolicy */
export function writtenText(file: string, missing: string): string {
  try {
    return contentOf(file);
  } catch (error) {
    if (error instanceof NoPolicy) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new NoPolicy(code === "ENOENT" ? missing : `${file} cannot be read: ${message}`, { cause: error });
  }
}

/** Read piece by piece: what a pipe or a device holds is not known before. */
function contentOf(file: string): string {
  const descriptor = openSync(file, "r");
  try {
    if (fstatSync(descriptor).isDirectory()) throw new NoPolicy(`${file} is a folder: name a file in it.`);
    const pieces: Buffer[] = [];
    let length = 0;
    for (;;) {
      const piece = Buffer.allocUnsafe(64 * 1024);
      const count = readSync(descriptor, piece);
      if (count === 0) return Buffer.concat(pieces).toString("utf8");
      pieces.push(piece.subarray(0, count));
      length += count;
      if (length > LARGEST)
        throw new NoPolicy(
          `${file} is longer than ${LARGEST / 1024 / 1024} MiB, so it is not the file that you meant.`,
        );
    }
  } finally {
    closeSync(descriptor);
  }
}
