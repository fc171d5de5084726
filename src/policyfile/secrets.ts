/**
 * Secrets as written -> their values, through Sources; remembers which could not be found and which stood in the file.
 * Must not put a secret's value into any message.
 */
import type { SecretRef } from "../model/policy.ts";

/** What a policy file may point to outside itself. */
export interface Sources {
  /** Value of an environment variable. */
  env(name: string): string | undefined;
  /** Content of a file; the path is as written, relative to the policy file. */
  file(path: string): string | undefined;
  /** Told every secret value of the file, so that whoever shows anything later can mask it. */
  resolved?(secret: string): void;
}

/** @returns undefined when it is not there or empty. One line break at the end of a file does not count. */
export function resolveSecret(ref: SecretRef, sources: Sources): string | undefined {
  const found = typeof ref === "string" ? ref : readRef(ref, sources);
  if (found === undefined || found === "") return undefined;
  sources.resolved?.(found);
  return found;
}

function readRef(ref: Exclude<SecretRef, string>, sources: Sources): string | undefined {
  return "env" in ref ? sources.env(ref.env) : sources.file(ref.file)?.replace(/\r?\n$/, "");
}

/** Why `resolveSecret` found nothing. */
export function unresolvedMessage(ref: Exclude<SecretRef, string>): string {
  return "env" in ref
    ? `The environment variable ${ref.env} is not set where the gateway runs: set it, or use { file: ... }.`
    : `The secret's file ${ref.file} cannot be read or is empty (paths are relative to the policy file).`;
}

/** A name for an environment variable that would hold the secret of `owner`. */
export function variableName(owner: string): string {
  const name = `${owner}_KEY`.toUpperCase().replace(/[^A-Z0-9]+/g, "_");
  return /^[0-9]/.test(name) ? `KEY_${name}` : name;
}
