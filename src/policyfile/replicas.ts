/**
 * The endpoints of a service that the gateway runs: one per replica, made from its ports.
 * A file says how many replicas to begin with; how many there are, and on which ports, only the gateway knows. So
 * reading counts from `port.from`, and the gateway puts the real ports in: scaling is an edit of the plan, not of the
 * file. Must not look for free ports or start anything.
 */
import { Admin } from "../model/state.ts";
import type { PlanEndpoint } from "../model/endpoint.ts";
import type { Plan, PlanRun, PlanService } from "../model/plan.ts";
import { sessionToken } from "./resilience.ts";

const HIGHEST_PORT = 65_535;

/** The ports that replicas would get if all were free: what an editor shows, and `check`. */
export function firstPorts({ port, replicas }: Pick<PlanRun, "port" | "replicas">): number[] {
  return Array.from({ length: replicas }, (_, i) => Math.min(port.from + i, HIGHEST_PORT)).filter(
    (one, i, all) => all.indexOf(one) === i,
  );
}

/** @param ports one per replica, oldest first. */
export function runEndpoints(run: PlanRun, ports: readonly number[]): PlanEndpoint[] {
  return ports.map((port, index) => ({
    index,
    url: `http://localhost:${port}`,
    host: "localhost",
    port,
    label: `:${port}`,
    weight: 1,
    priority: 0,
    token: sessionToken(`http://localhost:${port}`),
    admin: Admin.Up,
    managed: true,
    source: run.source,
  }));
}

/**
 * The same plan with other replicas. Everything else stays the very object it was, so that state is carried unchanged.
 * @param portsOf the ports of a service's replicas, oldest first, 1 to 32; undefined leaves the service as it is.
 */
export function withReplicas(plan: Plan, portsOf: (service: PlanService) => readonly number[] | undefined): Plan {
  const services = plan.services.map((service) => {
    const ports = service.run && portsOf(service);
    if (service.run === undefined || ports === undefined) return service;
    const endpoints = runEndpoints(service.run, ports);
    return { ...service, endpoints, balancer: service.balancerKind.compile(service.balancerConfig, endpoints) };
  });
  return { ...plan, services };
}
