/**
 * The policy file's text, or one line that says why it cannot be had.
 */
import { readFileSync } from "node:fs";

export class NoPolicy extends Error {}

/** @throws NoPolicy */
export function policyText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT")
      throw new NoPolicy(`There is no ${file} here. Name the policy file, or start with the one in examples/shop.`, {
        cause: error,
      });
    throw new NoPolicy(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
