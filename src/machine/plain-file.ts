/**
 * Reads a file that a policy names, if it is one that can be read to its end: whoever wrote the policy may be a stranger,
 * a pipe would hold up the whole process until somebody writes to it, and a device never ends.
 * Must not be used for what a person names on a command line: there a pipe is meant.
 */
import { readFileSync, statSync } from "node:fs";

/** Bytes: certificates of a whole system's store have a quarter of it. */
const LARGEST = 1_048_576;

/** Its message goes on after "cannot be read: ". */
export class NoPlainFile extends Error {}

/** @throws NoPlainFile, or what the file system says. */
export function plainText(path: string): string {
  const looks = statSync(path);
  if (looks.isDirectory()) throw new NoPlainFile("it is a folder");
  if (!looks.isFile()) throw new NoPlainFile("it is a pipe or a device, not a plain file");
  if (looks.size > LARGEST) throw new NoPlainFile(`it is longer than ${LARGEST / 1_048_576} MiB`);
  return readFileSync(path, "utf8");
}

/** As `plainText`, for whoever only wants to know whether there is one. @returns undefined when it cannot be had. */
export function plainTextOr(path: string): string | undefined {
  try {
    return plainText(path);
  } catch {
    return undefined;
  }
}
