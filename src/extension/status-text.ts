/**
 * The gateway's state in a few characters, gravest first. Must not know VS Code.
 */
import type { GatewayStatus } from "../contract/status.ts";
import type { WhatIfView } from "../contract/what-if.ts";
import type { GatewayState } from "./controller.ts";
import { previewMarkdown, statusOfPreview } from "./editor/ghost-text.ts";

export interface StatusText {
  readonly text: string;
  /** Markdown. */
  readonly tooltip: string;
  readonly grave?: "error" | "warning";
}

/** @param preview of an unsaved policy. */
export function statusText(state: GatewayState, status: GatewayStatus | undefined, preview?: WhatIfView): StatusText {
  if (state === "starting") return { text: "$(sync~spin) starting", tooltip: "The gateway is starting." };
  if (state === "stopping") return { text: "$(sync~spin) stopping", tooltip: "The gateway lets open requests end." };
  if (state === "lost")
    return {
      text: "$(error) gateway lost",
      tooltip: "The gateway's process ended. Click to start it again.",
      grave: "error",
    };
  if (state === "stopped" || status === undefined)
    return { text: "$(circle-outline) Switchyard off", tooltip: "The gateway does not run. Click to start it." };

  const address = status.listeners.map(({ port }) => `:${port}`).join(" ") || "no listener";
  const load = `${status.perSecond >= 10 ? Math.round(status.perSecond) : Number(status.perSecond.toFixed(1))} rps`;
  const tooltip = [
    `**Switchyard** on ${status.listeners.map(({ url }) => url).join(", ")}`,
    `${load}, ${status.rejected} rejected in the last 10 s`,
    status.unhealthy.length === 0 ? "all replicas healthy" : `not all healthy: ${status.unhealthy.join(", ")}`,
    ...(status.simulations ?? []).map(({ service, label, words }) => `simulated: ${service} ${label} ${words}`),
    ...(status.frozen ?? []).map(({ name, key }) => `frozen by hand: ${name} ${key}`),
    `policy revision ${status.policy.revision}${status.policy.invalid ? "; the saved file is invalid" : ""}`,
  ].join("\n\n");

  if (status.policy.invalid) return { text: "$(error) policy invalid: serving last good", tooltip, grave: "error" };
  const change = preview && statusOfPreview(preview);
  if (preview !== undefined && change !== undefined)
    return { text: `$(beaker) ${change}`, tooltip: `${previewMarkdown(preview)}\n\n${tooltip}` };
  const simulations = status.simulations ?? [];
  if (simulations.length > 0) return { text: `$(beaker) simulating ${simulations.length}`, tooltip, grave: "warning" };
  const frozen = status.frozen ?? [];
  if (frozen.length > 0)
    return {
      text: `$(debug-pause) ${frozen.length} ${frozen.length === 1 ? "bucket" : "buckets"} frozen`,
      tooltip,
      grave: "warning",
    };
  if (status.unhealthy.length > 0) return { text: `$(warning) ${status.unhealthy[0]}`, tooltip, grave: "warning" };
  if (status.rejected > 0) return { text: `$(shield) ${address} ${status.rejected} rejected`, tooltip };
  return { text: `$(radio-tower) ${address} ${load}`, tooltip };
}
