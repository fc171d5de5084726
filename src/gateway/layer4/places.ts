/**
 * Which address of an endpoint answered last: `localhost` may be two. Forgotten with the plan that has the endpoint.
 * Must not be believed: whoever uses it tries the others as well.
 */
import type { PlanEndpoint } from "../../model/endpoint.ts";

const winners = new WeakMap<PlanEndpoint, string>();

export function remembered(endpoint: PlanEndpoint): string | undefined {
  return winners.get(endpoint);
}

export function remember(endpoint: PlanEndpoint, address: string | undefined): void {
  if (address === undefined) winners.delete(endpoint);
  else winners.set(endpoint, address);
}
