/**
 * Plans by revision, kept while rows need them, with the rates of their routes and endpoints.
 * An old row is explained by the policy that judged it; a rate outlives an edit because it goes by name.
 * Must not decide which plan serves: the engine does.
 */
import type { Plan } from "../../model/plan.ts";
import { EndpointRecord } from "./endpoint-record.ts";
import { Rate } from "./rates.ts";

/** More revisions than this are not kept: the rows of older ones stay, their explanation does not. */
const MAX_REVISIONS = 256;

export interface PlanPage {
  readonly revision: number;
  readonly plan: Plan;
  /** Epoch milliseconds of acceptance. */
  readonly acceptedAt: number;
  readonly routes: readonly Rate[];
  readonly endpoints: readonly (readonly EndpointRecord[])[];
}

export class PlanBook {
  private readonly pages = new Map<number, PlanPage>();
  private routes = new Map<string, Rate>();
  private endpoints = new Map<string, EndpointRecord>();
  private latestPage: PlanPage | undefined;
  /** Revisions that rows beside the ring need. */
  held: ReadonlySet<number> = new Set();

  get latest(): PlanPage | undefined {
    return this.latestPage;
  }

  get size(): number {
    return this.pages.size;
  }

  add(revision: number, plan: Plan, acceptedAt: number): PlanPage {
    const routes = new Map<string, Rate>();
    const endpoints = new Map<string, EndpointRecord>();
    const page: PlanPage = {
      revision,
      plan,
      acceptedAt,
      routes: plan.routes.map((route) => keep(routes, this.routes, route.name, Rate)),
      endpoints: plan.services.map((service) =>
        service.endpoints.map((endpoint) =>
          keep(endpoints, this.endpoints, `${service.name}\n${endpoint.url}`, EndpointRecord),
        ),
      ),
    };
    this.routes = routes;
    this.endpoints = endpoints;
    this.pages.set(revision, page);
    this.latestPage = page;
    for (const known of this.pages.keys()) {
      if (this.pages.size <= MAX_REVISIONS) break;
      if (!this.held.has(known)) this.pages.delete(known);
    }
    return page;
  }

  /** The plan could not be served: the one before is the latest again. */
  withdraw(revision: number): void {
    this.pages.delete(revision);
    this.latestPage = [...this.pages.values()].at(-1);
    if (this.latestPage === undefined) return;
    const { plan, routes, endpoints } = this.latestPage;
    this.routes = new Map(plan.routes.map((route) => [route.name, routes[route.index]]));
    this.endpoints = new Map(
      plan.services.flatMap((service) =>
        service.endpoints.map((endpoint) => [
          `${service.name}\n${endpoint.url}`,
          endpoints[service.index][endpoint.index],
        ]),
      ),
    );
  }

  get(revision: number): PlanPage | undefined {
    return this.pages.get(revision);
  }

  /** Every plan that some row may need, the latest included. */
  all(): Iterable<PlanPage> {
    return this.pages.values();
  }

  /** Forgets what no row refers to any more. */
  keepFrom(revision: number): void {
    for (const known of this.pages.keys()) {
      if (known >= revision || known === this.latestPage?.revision) break;
      if (!this.held.has(known)) this.pages.delete(known);
    }
  }
}

function keep<Kept>(to: Map<string, Kept>, from: Map<string, Kept>, key: string, Fresh: new () => Kept): Kept {
  const kept = to.get(key) ?? from.get(key) ?? new Fresh();
  to.set(key, kept);
  return kept;
}
