/**
 * What a route sends more than once: from `retry`, `hedge` and `mirror` that are all right to their part of the Plan.
 * Must not check the shape of fields: their declarations do.
 */
import type { SourceRange } from "../model/basics.ts";
import { mayRepeat } from "../model/methods.ts";
import type { PlanHedge, PlanRetry, PlanRoute } from "../model/plan.ts";
import type { PolicyRequest } from "../model/policy.ts";
import type { HedgeConfig, RetryConfig } from "./sending-fields.ts";
import type { Problems } from "./problems.ts";
import { removal } from "./removal.ts";
import type { Path } from "./tree.ts";

export function planRetry(config: RetryConfig, source: SourceRange): PlanRetry {
  const { attempts, codes, budget, perTry = 0, backoff, methods } = config;
  return {
    attempts,
    codes: new Set(codes),
    budget,
    perTry,
    backoff,
    methods: methods === undefined ? undefined : new Set(methods),
    source,
  };
}

export function planHedge({ after, max, budget }: HedgeConfig, source: SourceRange): PlanHedge {
  return { after, max, budget, source };
}

/**
 * The route of a route's copies: no listener leads to it. It changes requests as the route itself does, but none of its
 * policies judges a second time; those of the mirror's own service do.
 * @param arranged the mirror's service steps. @param shapes of the route itself.
 */
export function mirrorRoute(
  of: PlanRoute,
  index: number,
  service: number,
  arranged: Pick<PlanRoute, "steps" | "shapes" | "needs">,
  source: SourceRange,
): PlanRoute {
  return {
    index,
    name: `mirror/${of.name}`,
    listeners: [],
    hostnames: of.hostnames,
    matches: of.matches,
    ...arranged,
    shapes: [...of.shapes, ...arranged.shapes.filter((step) => !of.shapes.includes(step))],
    backends: [{ service, weight: 1, source }],
    totalWeight: 1,
    timeouts: of.timeouts,
    mirrors: of.index,
    source,
  };
}

/**
 * The route of a request that a policy sends by itself. None of the route's policies judges it; those of a service of its
 * own do.
 * @param service index of it; undefined = where the route sends its own requests, as the route changes them.
 */
export function childRoute(
  of: PlanRoute,
  index: number,
  { name, timeout }: PolicyRequest,
  service: number | undefined,
  arranged: Pick<PlanRoute, "steps" | "shapes" | "needs"> | undefined,
): PlanRoute {
  const { source } = of;
  const timeouts = timeout === undefined ? of.timeouts : { ...of.timeouts, request: timeout };
  return {
    index,
    name: `${of.name}/${name}`,
    listeners: [],
    hostnames: of.hostnames,
    matches: of.matches,
    ...(arranged ?? { steps: [], shapes: of.shapes, needs: [] }),
    backends: service === undefined ? of.backends : [{ service, weight: 1, source }],
    totalWeight: service === undefined ? of.totalWeight : 1,
    timeouts,
    source,
  };
}

/** Methods that a backend may have acted upon must not be sent twice, unless somebody means it: a warning each. */
export function checkRetry(problems: Problems, config: RetryConfig, path: Path): void {
  const { methods = [] } = config;
  for (const [position, method] of methods.entries()) {
    if (mayRepeat(method)) continue;
    const rest = methods.length > 1;
    const at = [...path, "methods", position];
    const message = `\`${method}\` is not idempotent (RFC 9110 section 9.2.2): sent again after a lost answer, it may be done twice - two orders instead of one. Without it here, a \`${method}\` of which nothing was sent is still retried.`;
    const fixes = rest
      ? removal(problems.tree, at, `Do not repeat ${method}`)
      : removal(problems.tree, [...path, "methods"], "Retry the idempotent methods only");
    problems.value("SY205", at, message, fixes);
  }
}
