/**
 * A first switchyard.yaml from what was found, every line with where it comes from.
 * Must not know VS Code; the reader of policies must accept what it writes without an error.
 */
import type { DetectedService } from "./services.ts";

/** @param port the gateway's own. */
export function policyText(found: readonly DetectedService[], port: number): string {
  return `# What ran in this folder, found by Switchyard. Each line says where it comes from; nothing else was changed.
version: 1

listeners:
  - { name: edge, port: ${port} } # ${port === 8080 ? "the usual port, which is free" : "the next free port after 8080"}; on this machine only

services:
${found.map(serviceText).join("")}
routes:
${found.map((service) => routeText(service, found.length)).join("")}`;
}

function serviceText({ name, origin, replicas, health }: DetectedService): string {
  const lines = [
    `  ${name}: # ${comment(origin)}`,
    "    endpoints:",
    ...replicas.map(({ url, origin: own }) => `      - { url: "${url}" } # ${comment(own)}`),
  ];
  if (replicas.length > 1)
    lines.push("    loadBalancer: { type: RoundRobin } # one after the other, because nothing is known of them");
  if (health !== undefined) {
    lines.push(`    healthCheck: # every replica answered GET ${health} with 2xx`);
    lines.push(`      active: { path: ${health}, interval: 2s }`);
  }
  return `${lines.join("\n")}\n`;
}

function routeText({ name }: DetectedService, count: number): string {
  const lines = [`  - name: ${name} # from the service`];
  if (count > 1) {
    lines.push("    matches:");
    lines.push(`      - path: { prefix: /${name} } # the service's name, so that each has a path of its own`);
    lines.push("    policies:");
    lines.push(`      - urlRewrite: { prefix: / } # it gets /x for /${name}/x; without this line it gets /${name}/x`);
  }
  lines.push(`    backendRefs: [{ service: ${name} }]${count > 1 ? "" : " # the only service gets every path"}`);
  return `${lines.join("\n")}\n`;
}

/** The path at the gateway that reaches a path of the service. */
export function pathThrough({ name }: DetectedService, path: string, count: number): string {
  return count > 1 ? `/${name}${path}` : path;
}

/** One line without control characters: command lines are written by others. */
function comment(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ");
}
