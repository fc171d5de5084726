/**
 * What the running gateway knows about lines of the policy: replicas that are down, limits that reject much, and limit
 * keys that no recorded request has. Hints, never errors. Must not know VS Code.
 */
import type { SeriesView } from "../../contract/analytics.ts";
import type { LimitsView } from "../../contract/limits.ts";
import type { EndpointView, RouteView, ServicesView } from "../../contract/services.ts";
import type { LiveBlock } from "../../policyfile/blocks.ts";
import { limitsOf } from "./lens-text.ts";

export interface RuntimeHint {
  readonly code: "SY203" | "SY301" | "SY302";
  readonly message: string;
  readonly block: LiveBlock;
}

interface Known {
  readonly routes: readonly RouteView[];
  readonly series: readonly SeriesView[];
}

/** A limit that rejects more of the requests that it stands before is worth a hint. */
const MUCH = 0.2;

export function runtimeHints(
  blocks: readonly LiveBlock[],
  services: ServicesView | undefined,
  limits: LimitsView | undefined,
  /** Of the last minute. */
  series: readonly SeriesView[] = [],
): RuntimeHint[] {
  const routes = services?.routes ?? [];
  return blocks.flatMap((block): RuntimeHint[] => {
    if (block.kind === "service") return downOf(block, services);
    return block.kind === "limit"
      ? [...busyOf(block, { routes, series }, limits), ...strangeOf(block, routes, limits)]
      : [];
  });
}

/** It gets no requests, and nobody wished it so. */
export function isIll(health: EndpointView["health"]): boolean {
  return health === "down" || health === "ejected";
}

function downOf(block: LiveBlock, services: ServicesView | undefined): RuntimeHint[] {
  const service = services?.services.find(({ name }) => name === block.name);
  const ill = (service?.endpoints ?? []).filter(({ health }) => isIll(health));
  return ill.map(({ label, sentence }) => ({
    code: "SY301",
    message: `Replica ${label} of ${block.name}: ${sentence}.`,
    block,
  }));
}

function busyOf(block: LiveBlock, { routes, series }: Known, limits: LimitsView | undefined): RuntimeHint[] {
  return limitsOf(block, limits).flatMap(({ owner, name, keys }): RuntimeHint[] => {
    const rejected = keys.reduce((sum, key) => sum + key.rejected, 0);
    const share = shareOf(owner, routes, series);
    if (share === undefined || share <= MUCH || rejected === 0) return [];
    const percent = Math.round(share * 100);
    const message = `${percent}% of the requests on ${owner} were rejected in the last minute; ${name} has rejected ${rejected} of its ${keys.length} emptiest keys.`;
    return [{ code: "SY302", message, block }];
  });
}

/** Of the requests in the last minute. What stands on a listener is measured by all requests: it sees them first. */
function shareOf(owner: string, routes: readonly RouteView[], series: readonly SeriesView[]): number | undefined {
  const route = routeOf(owner, routes);
  if (route !== undefined) return route.rejectedShare;
  const whole = owner.startsWith("listener ");
  return series.find(({ kind, name }) => (whole ? kind === "gateway" : `${kind} ${name}` === owner))?.rejectedShare;
}

/** Every request of the route came without the key, so they all share one bucket. */
function strangeOf(block: LiveBlock, routes: readonly RouteView[], limits: LimitsView | undefined): RuntimeHint[] {
  return limitsOf(block, limits).flatMap(({ owner, text, keys, keyCount }): RuntimeHint[] => {
    const route = routeOf(owner, routes);
    const by = / by (.*?)(,|$)/.exec(text)?.[1] ?? "";
    if (route === undefined || route.total < 3 || !/^(header\.|jwt\.|consumer)/.test(by)) return [];
    if (keyCount !== 1 || keys[0]?.key !== MISSING) return [];
    return [{ code: "SY203", message: `No recorded request has ${by}: all callers share one bucket.`, block }];
  });
}

/** How a limit names the bucket of those who have no key. */
const MISSING = "(none)";

function routeOf(owner: string, routes: readonly RouteView[]): RouteView | undefined {
  return routes.find(({ name }) => owner === `route ${name}`);
}
