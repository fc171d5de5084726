/**
 * Keeps on disk what policies want to outlive the gateway (quotas): one file for each policy file, in the data folder,
 * written beside itself and renamed into place, so that a kill at any moment leaves the old or the new one whole.
 * At most a second is lost. Must not know what the numbers mean, must not stall requests, and must not fail a start.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Plan, PlanStep } from "../../model/plan.ts";
import type { State } from "../../model/state.ts";
import { dataFolder } from "../tls/data-folder.ts";

/** Milliseconds between two looks for changes: with the time that writing takes, a second at most is lost. */
const EVERY = 500;
/** Entries that are turned into text before others get their turn. */
const SLICE = 2000;
const LARGEST = 64 * 1024 * 1024;

interface Kept {
  readonly identity: string;
  readonly head: Readonly<Record<string, unknown>>;
  readonly entries: readonly (readonly [string, number])[];
}

export interface DurableOptions {
  /** Path of the policy file. */
  readonly file: string;
  active(): { readonly plan: Plan; readonly state: State } | undefined;
}

export class DurableStates {
  readonly path: string;
  private readonly options: DurableOptions;
  /** As read at the start; what a step has taken over, or what its policy does not know, goes with the next writing. */
  private readonly found = new Map<string, Kept>();
  private timer: NodeJS.Timeout | undefined;
  private written = "";
  private writing: Promise<void> | undefined;
  /** Why nothing could be read or written last time; "" = nothing is wrong. */
  problem = "";

  constructor(options: DurableOptions) {
    this.options = options;
    const name = createHash("sha256").update(resolve(options.file)).digest("hex").slice(0, 32);
    this.path = join(dataFolder(), "quotas", `${name}.json`);
  }

  /** Gives fresh steps what is kept for them. @param restored is told each, with what its state became. */
  restore(plan: Plan, state: State, restored: (step: PlanStep, state: unknown) => void): void {
    const steps = plan.steps.filter(({ policy }) => policy.durable !== undefined);
    if (steps.length === 0) return;
    this.begin();
    for (const step of steps) {
      const kept = this.found.get(step.identity);
      if (kept === undefined || step.policy.durable?.changes(state.steps[step.index]) !== 0) continue;
      this.found.delete(step.identity);
      const loaded: unknown = step.policy.durable.load(step.config, kept.head, kept.entries);
      if (loaded === undefined) continue;
      state.steps[step.index] = loaded;
      restored(step, loaded);
    }
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    await this.writing;
    await this.keep();
  }

  private begin(): void {
    if (this.timer !== undefined) return;
    for (const kept of this.read()) this.found.set(kept.identity, kept);
    this.timer = setInterval(() => {
      this.writing ??= this.keep().finally(() => (this.writing = undefined));
    }, EVERY).unref();
  }

  private read(): readonly Kept[] {
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch (problem) {
      const { code } = problem as NodeJS.ErrnoException;
      if (code !== "ENOENT") this.problem = `what was used before cannot be read from ${this.path} (${code})`;
      return [];
    }
    const kept = text.length > LARGEST ? undefined : parse(text);
    if (kept === undefined) this.problem = `what was used before cannot be read: ${this.path} is damaged`;
    return kept ?? [];
  }

  private async keep(): Promise<void> {
    const active = this.options.active();
    if (active === undefined) return;
    const durable = active.plan.steps.filter(({ policy }) => policy.durable !== undefined);
    const changes = durable.map(({ policy, identity, index }) => [
      identity,
      policy.durable?.changes(active.state.steps[index]),
    ]);
    const now = JSON.stringify(changes);
    // Nothing was counted since: the first look after a start writes nothing either.
    if (now === this.written || (this.written === "" && changes.every(([, count]) => count === 0))) return;
    try {
      await this.write(await textOf(durable, active.state));
      this.written = now;
      this.problem = "";
    } catch (problem) {
      const { code, message } = problem as NodeJS.ErrnoException;
      this.problem = `what is used cannot be kept in ${this.path} (${code ?? message}): a restart would begin afresh`;
    }
  }

  private async write(text: string): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    const beside = `${this.path}.${process.pid}.new`;
    const file = await open(beside, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(beside, this.path);
  }
}

/** Entries may change meanwhile: each is as it was at some moment of the writing, and what came later is written next. */
async function textOf(steps: readonly PlanStep[], state: State): Promise<string> {
  const parts: string[] = [];
  for (const { identity, policy, config, index } of steps) {
    const own = state.steps[index];
    const head: unknown = policy.durable?.head(config, own);
    const entries: string[] = [];
    for (const entry of policy.durable?.entries(own) ?? []) {
      entries.push(JSON.stringify(entry));
      if (entries.length % SLICE === 0) await new Promise(setImmediate);
    }
    parts.push(
      `{"identity":${JSON.stringify(identity)},"head":${JSON.stringify(head)},"entries":[\n${entries.join(",\n")}]}`,
    );
  }
  return `{"version":1,"kept":[\n${parts.join(",\n")}]}\n`;
}

function parse(text: string): readonly Kept[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { version, kept } = (value ?? {}) as { version?: unknown; kept?: unknown };
  if (version !== 1 || !Array.isArray(kept)) return undefined;
  return kept.every(isKept) ? kept : undefined;
}

function isKept(value: unknown): value is Kept {
  const { identity, head, entries } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof identity === "string" &&
    typeof head === "object" &&
    head !== null &&
    Array.isArray(entries) &&
    entries.every((entry) => Array.isArray(entry) && typeof entry[0] === "string" && Number.isFinite(entry[1]))
  );
}
