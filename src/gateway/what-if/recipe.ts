/**
 * What a plan is made of, as plain data: the thread that asks "what if" makes the same plan again from it.
 * Must not look at the disk for what the gateway has read: files may have changed since.
 */
import type { Plan } from "../../model/plan.ts";
import type { Diagnostic } from "../../policyfile/diagnostic.ts";
import { read, type Sources } from "../../policyfile/read.ts";
import { firstPorts, withReplicas } from "../../policyfile/replicas.ts";

/** What reading a text asked for and got; undefined values: there was none. */
export interface SeenSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files: Readonly<Record<string, string | undefined>>;
}

/** Ports of the replicas that the gateway runs, by service. */
export type ReplicaPorts = Readonly<Record<string, readonly number[]>>;

export interface PlanRecipe {
  readonly revision: number;
  readonly text: string;
  /** Path of the policy file as shown to people. */
  readonly file: string;
  readonly sources: SeenSources;
  readonly ports: ReplicaPorts;
}

export function portsOf(plan: Plan): ReplicaPorts {
  const managed = plan.services.filter(({ run }) => run !== undefined);
  return Object.fromEntries(managed.map(({ name, endpoints }) => [name, endpoints.map(({ port }) => port)]));
}

/** @param beyond asked for what the recipe has not seen: an edited text may name new files. */
export function readRecipe(
  { text, file, sources, ports }: Omit<PlanRecipe, "revision">,
  beyond?: Sources,
): { readonly plan?: Plan; readonly diagnostics: readonly Diagnostic[] } {
  const { plan, diagnostics } = read(text, file, {
    env: (name) => (Object.hasOwn(sources.env, name) ? sources.env[name] : beyond?.env(name)),
    file: (path) => (Object.hasOwn(sources.files, path) ? sources.files[path] : beyond?.file(path)),
  });
  if (plan === undefined) return { diagnostics };
  const replicas = withReplicas(plan, ({ name, run }) => ports[name] ?? (run && firstPorts(run)));
  return { plan: replicas, diagnostics };
}
