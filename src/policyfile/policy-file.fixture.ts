/**
 * Policy files for tests: one that uses every field, one for each policy and balancer from its own example, and the
 * sources they need. Must not be imported by anything but tests.
 */
import { balancers } from "../balancers/index.ts";
import { policies } from "../policies/index.ts";
import type { Sources } from "./secrets.ts";

/** What the examples of policies name that has a form of its own. */
const documents: Readonly<Record<string, string>> = {
  "./openapi.yaml": "openapi: 3.1.0\npaths: {}\n",
};

export const sources: Sources = {
  env: (name) => (name.startsWith("MISSING") ? undefined : `value of ${name}`),
  file: (path) => (path.includes("missing") ? undefined : (documents[path] ?? `content of ${path}\n`)),
};

/** Uses every field of the document itself. */
export const whole = `# yaml-language-server: $schema=./node_modules/switchyard/media/switchyard.schema.json
version: 1

listeners:
  - name: edge
    port: 8080                       # loopback
    protocol: HTTP
    policies: [{ ipFilter: { allow: [127.0.0.0/8, "::1"] } }]
  - { name: inner, port: 8081, address: 127.0.0.1 }

consumers:
  - { name: mobile, apiKey: { env: MOBILE_KEY }, groups: [partner] }
  - { name: batch, apiKey: { file: ./batch.key } }

services:
  orders:
    endpoints:
      - { url: http://localhost:4001 }
      - { url: "http://[::1]:4002", weight: 2, admin: Drain }
    loadBalancer: { type: LeastRequest }
    healthCheck:
      active: { path: /healthz, interval: 2s, timeout: 500ms, healthyThreshold: 1, unhealthyThreshold: 3 }
      passive: { consecutive5xx: 5, baseEjectionTime: 30s, maxEjectionPercent: 50 }
    panicThreshold: 40%
    policies: [{ responseHeaders: { remove: [x-powered-by] } }]
  orders-v2:
    endpoints: [{ url: http://127.0.0.1:4003 }]

policies:
  per-client: { rateLimit: { key: client.ip, requests: 20, per: 1m, when: "request.method != 'OPTIONS'" } }

routes:
  - name: orders
    listeners: [edge]
    hostnames: ["*.shop.localhost", shop.localhost]
    matches:
      - path: { prefix: /orders/ }    # the same as /orders
        methods: [GET, POST]
        headers: { X-Api-Version: "2" }
        query: { debug: "1" }
      - path: { exact: /order }
      - path: { regex: "/o/[0-9]+" }
    policies:
      - per-client
      - apiKey: { header: x-api-key, shadow: true }
    timeouts: { request: 5s, backendRequest: 2s, idle: 60s }
    retry: { attempts: 2, codes: [502, 503], budget: 20%, perTry: 1s, backoff: 25ms }
    backendRefs:                     # canary
      - { service: orders, weight: 90 }
      - { service: orders-v2, weight: 10 }
`;

/** A file in which one policy stands where it may. */
export function fileWith(policyExample: string, onListener: boolean): string {
  const item = policyExample.trimEnd().replaceAll("\n", "\n        ");
  const consumers = "consumers:\n  - { name: mobile, apiKey: { env: MOBILE_KEY }, groups: [partner] }";
  const place = onListener
    ? `  - name: edge\n    port: 8080\n    policies:\n      - ${item}`
    : "  - { name: edge, port: 8080 }";
  const route = onListener ? "" : `    policies:\n      - ${item}\n`;
  return `version: 1
listeners:
${place}
${consumers}
services:
  orders: { endpoints: [{ url: http://localhost:4001 }] }
routes:
  - name: orders
${route}    backendRefs: [{ service: orders }]
`;
}

/** Every valid policy file that the lists of policies and balancers make. */
export function examples(): { readonly name: string; readonly text: string }[] {
  return [
    { name: "whole", text: whole },
    ...policies.map(({ kind, example }) => ({ name: kind, text: fileWith(example, false) })),
    ...balancers.map(({ type, example }) => ({
      name: type,
      text: `version: 1
listeners: [{ name: edge, port: 8080 }]
services:
  orders:
    endpoints: [{ url: http://localhost:4001 }, { url: http://localhost:4002 }]
    loadBalancer:
      ${example.trimEnd().replaceAll("\n", "\n      ")}
routes:
  - { name: orders, backendRefs: [{ service: orders }] }
`,
    })),
  ];
}
