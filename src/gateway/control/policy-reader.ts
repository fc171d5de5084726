/**
 * Reads policy texts for a gateway: environment and files for the reader, and the secret values it met, for masking.
 * Must not read outside what a policy names, nor files of more than a mebibyte.
 */
import { dirname, resolve } from "node:path";
import { plainTextOr } from "../../machine/plain-file.ts";
import type { Plan } from "../../model/plan.ts";
import { read, type Sources } from "../../policyfile/read.ts";
import type { SeenSources } from "../what-if/recipe.ts";
import { diagnosticView, type PolicyDiagnostic } from "./policy-problem.ts";

export interface PolicyReading {
  readonly diagnostics: readonly PolicyDiagnostic[];
  /** Only when no diagnostic is an error. */
  readonly plan?: Plan;
  /** What the text refers to, as it was found. */
  readonly sources: SeenSources;
}

export class PolicyReader {
  readonly directory: string;
  private readonly file: string;

  /** @param file as shown to people; its folder is where relative paths begin. */
  constructor(file: string) {
    this.file = file;
    this.directory = dirname(resolve(file));
  }

  read(text: string): PolicyReading {
    const secrets = new Set<string>();
    const env: Record<string, string | undefined> = {};
    const files: Record<string, string | undefined> = {};
    const result = read(text, this.file, {
      env: (name) => (env[name] = process.env[name]),
      file: (path) => (files[path] = this.content(path)),
      resolved: (secret) => void secrets.add(secret),
    });
    const diagnostics = result.diagnostics.map(diagnosticView);
    const sources = { env, files };
    return result.plan === undefined
      ? { diagnostics, sources }
      : { diagnostics, sources, plan: { ...result.plan, secrets: [...secrets] } };
  }

  /** What a text may refer to, for whoever reads another one. */
  get world(): Sources {
    return { env: (name) => process.env[name], file: (path) => this.content(path) };
  }

  private content(path: string): string | undefined {
    return plainTextOr(resolve(this.directory, path));
  }
}
