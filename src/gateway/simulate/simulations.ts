/**
 * What people pretend of single replicas: down, slow, or answering with errors. Kept by service and url beside the plan
 * and State, so that an edit keeps them and a replay sees only their outcomes, which are journalled like any other.
 * They end with the gateway. Must not be forgotten by any view: whoever shows an endpoint asks here.
 */
import type { Simulation, SimulationView } from "../../contract/services.ts";
import { draw } from "../../model/draw.ts";
import type { Seed } from "../../model/basics.ts";
import { Impostor } from "./impostor.ts";

/** Draws of simulations stand far above those of decisions. */
const FIRST_DRAW = 1 << 20;

interface Place {
  readonly host: string;
  readonly port: number;
}

/** What one attempt meets. */
export type Pretence =
  | { readonly kind: "down" }
  | { readonly kind: "latency"; readonly milliseconds: number }
  /** Goes to the impostor, which answers in the replica's place. */
  | { readonly kind: "errors"; readonly place: Place };

interface Kept {
  readonly view: SimulationView;
  readonly place: Place | undefined;
}

export class Simulations {
  private readonly kept = new Map<string, Kept>();
  private readonly impostor = new Impostor();

  /** What the attempt with this number of a request meets; undefined, as a rule, is the endpoint itself. */
  meet(service: string, url: string, seed: Seed, attempt: number): Pretence | undefined {
    if (this.kept.size === 0) return undefined;
    const found = this.kept.get(keyOf(service, url));
    if (found === undefined) return undefined;
    const { view, place } = found;
    const { simulation } = view;
    if (simulation.kind !== "errors") return simulation;
    const drawn = draw(seed, FIRST_DRAW + attempt) * 100;
    return place !== undefined && drawn < simulation.percent ? { kind: "errors", place } : undefined;
  }

  isDown(service: string, url: string): boolean {
    return this.kept.size > 0 && this.kept.get(keyOf(service, url))?.view.simulation.kind === "down";
  }

  /** "down", "300 ms latency"; undefined when nothing is simulated there. */
  words(service: string, url: string): string | undefined {
    return this.kept.get(keyOf(service, url))?.view.words;
  }

  get list(): readonly SimulationView[] {
    return [...this.kept.values()].map(({ view }) => view);
  }

  /** @param simulation null ends the one there is. */
  async set(service: string, url: string, label: string, simulation: Simulation | null): Promise<void> {
    const key = keyOf(service, url);
    if (simulation === null) {
      this.kept.delete(key);
      return;
    }
    const place = simulation.kind === "errors" ? await this.impostor.place(simulation.status) : undefined;
    this.kept.set(key, { view: { service, url, label, simulation, words: wordsOf(simulation) }, place });
  }

  clear(): void {
    this.kept.clear();
  }

  close(): void {
    this.clear();
    this.impostor.close();
  }
}

export function wordsOf(simulation: Simulation): string {
  switch (simulation.kind) {
    case "down":
      return "down";
    case "latency":
      return `${simulation.milliseconds} ms latency`;
    case "errors": {
      const all = simulation.percent === 100;
      return `${simulation.status} for ${all ? "every request" : `${simulation.percent}% of requests`}`;
    }
  }
}

function keyOf(service: string, url: string): string {
  return `${service}\n${url}`;
}
