/**
 * The secrets of a policy text: literal ones, and those that it takes from the environment or from files.
 * Must not tell them to anybody but who hides them.
 */
import { dirname, resolve } from "node:path";
import { plainTextOr } from "../../machine/plain-file.ts";
import { read } from "../../policyfile/read.ts";

export interface PolicySecrets {
  readonly values: readonly string[];
  /** An error: the text cannot be used, and there may be secrets that were not found. */
  readonly problem?: { readonly line: number; readonly message: string };
}

/** @param path of the policy file: its folder is where relative paths begin. */
export function secretsIn(text: string, path: string): PolicySecrets {
  const secrets = new Set<string>();
  const { diagnostics } = read(text, path, {
    env: (name) => process.env[name],
    file: (name) => plainTextOr(resolve(dirname(path), name)),
    resolved: (secret) => void secrets.add(secret),
  });
  const wrong = diagnostics.find(({ severity }) => severity === "error");
  const values = [...secrets];
  return wrong === undefined ? { values } : { values, problem: { line: wrong.range.line, message: wrong.message } };
}
