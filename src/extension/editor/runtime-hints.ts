/**
 * What the running gateway knows about lines of the policy: replicas that are down, limits that reject much, and limit
 * keys that no recorded request has. Hints, never errors. Must not know VS Code.
 */
import type { LimitsView } from "../../contract/limits.ts";
import type { RouteView, ServicesView } from "../../contract/services.ts";
import type { LiveBlock } from "../../policyfile/blocks.ts";
import { limitsOf } from "./lens-text.ts";

export interface RuntimeHint {
  readonly code: "SY203" | "SY301" | "SY302";
  readonly message: string;
  readonly block: LiveBlock;
}

/** A limit that rejects more of its route's requests is worth a hint. */
const MUCH = 0.2;

export function runtimeHints(
  blocks: readonly LiveBlock[],
  services: ServicesView | undefined,
  limits: LimitsView | undefined,
): RuntimeHint[] {
  return blocks.flatMap((block): RuntimeHint[] => {
    if (block.kind === "service") return downOf(block, services);
    return block.kind === "limit"
      ? [...busyOf(block, services?.routes ?? [], limits), ...strangeOf(block, services?.routes ?? [], limits)]
      : [];
  });
}

function downOf(block: LiveBlock, services: ServicesView | undefined): RuntimeHint[] {
  const service = services?.services.find(({ name }) => name === block.name);
  const ill = (service?.endpoints ?? []).filter(({ health }) => health === "down" || health === "ejected");
  return ill.map(({ label, sentence }) => ({
    code: "SY301",
    message: `Replica ${label} of ${block.name}: ${sentence}.`,
    block,
  }));
}

function busyOf(block: LiveBlock, routes: readonly RouteView[], limits: LimitsView | undefined): RuntimeHint[] {
  return limitsOf(block, limits).flatMap(({ owner, name, keys }): RuntimeHint[] => {
    const route = routeOf(owner, routes);
    const rejected = keys.reduce((sum, key) => sum + key.rejected, 0);
    if (route === undefined || route.rejectedShare <= MUCH || rejected === 0) return [];
    const percent = Math.round(route.rejectedShare * 100);
    const message = `${percent}% of the requests on route ${route.name} were rejected in the last minute; ${name} has rejected ${rejected} of its ${keys.length} emptiest keys.`;
    return [{ code: "SY302", message, block }];
  });
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
