/**
 * The TLS terminators of a plan's HTTPS listeners: made before the plan serves, kept over an edit that leaves their
 * certificates alone, closed when no plan wants them.
 * Must not accept connections.
 */
import type { Plan, PlanListener } from "../../model/plan.ts";
import type { PlanTls } from "../../model/tls.ts";
import { Terminator } from "./terminator.ts";

/** What this gateway speaks inside TLS, in order of preference. */
const PROTOCOLS = ["h2", "http/1.1"];

export class Terminators {
  private readonly directory: string;
  private readonly wallClock: () => number;
  private serving = new Map<string, Terminator>();

  /** @param directory where relative paths begin. */
  constructor(directory: string, wallClock: () => number) {
    this.directory = directory;
    this.wallClock = wallClock;
  }

  /** @param failed says which listener could not be made. @returns by index of the listener. Nothing is swapped yet. */
  async prepare(plan: Plan, failed: (listener: PlanListener, problem: string) => Error): Promise<Prepared> {
    const prepared = new Prepared();
    for (const [index, listener] of plan.listeners.entries()) {
      if (listener.tls === undefined) continue;
      const hostnames = hostnamesOf(plan, index);
      const identity = JSON.stringify([
        listener.name,
        listener.tls,
        listener.tls.certificate === "auto" ? hostnames : [],
      ]);
      try {
        const known = this.serving.get(identity) ?? (await this.open(listener.tls, hostnames));
        if (!this.serving.has(identity)) prepared.fresh.push(known);
        prepared.byIdentity.set(identity, known);
        prepared.byListener.set(index, known);
      } catch (error) {
        prepared.withdraw();
        throw failed(listener, (error as Error).message);
      }
    }
    return prepared;
  }

  /** The prepared ones serve from now on. Connections that others have accepted live on. */
  swap(prepared: Prepared): void {
    const old = this.serving;
    this.serving = prepared.byIdentity;
    for (const [identity, terminator] of old) if (!this.serving.has(identity)) terminator.close();
  }

  close(): void {
    this.swap(new Prepared());
  }

  private open(tls: PlanTls, hostnames: readonly string[]): Promise<Terminator> {
    const { directory, wallClock } = this;
    return Terminator.open({ tls, hostnames, directory, wallClock }, PROTOCOLS);
  }
}

export class Prepared {
  readonly byListener = new Map<number, Terminator>();
  readonly byIdentity = new Map<string, Terminator>();
  readonly fresh: Terminator[] = [];

  /** The plan will not serve. */
  withdraw(): void {
    for (const terminator of this.fresh) terminator.close();
  }
}

function hostnamesOf(plan: Plan, listener: number): string[] {
  const names = plan.routes.filter((route) => route.listeners.includes(listener)).flatMap((route) => route.hostnames);
  return [...new Set(names)].toSorted();
}
