/**
 * The policy files of the forwarding benches: one bare, and one with the policy kinds that the example shop began with, limits
 * set so high that none refuses. Kinds added since stay out, so that figures of different days are of the same work.
 */
import { createHmac } from "node:crypto";

const secret = "a secret for benches only, thirty-two bytes and more";

export const barePolicy = `version: 1
listeners:
  - { name: edge, port: {port}, protocol: HTTP }
services:
  orders:
    endpoints:
      - { url: "http://127.0.0.1:{backend}" }
routes:
  - name: orders
    matches: [{ path: { prefix: /orders } }]
    backendRefs: [{ service: orders }]
`;

export const fullPolicy = `version: 1
listeners:
  - name: edge
    port: {port}
    protocol: HTTP
    policies: [{ ipFilter: { allow: [127.0.0.0/8, "::1"] } }]
consumers:
  - { name: web, apiKey: demo-web-key, groups: [first-party] }
services:
  orders:
    endpoints:
      - { url: "http://127.0.0.1:{backend}" }
      - { url: "http://localhost:{backend}" }
      - { url: "http://127.0.0.2:{backend}", admin: Drain }
    loadBalancer: { type: LeastRequest }
routes:
  - name: catalog
    matches: [{ path: { prefix: /catalog } }]
    backendRefs: [{ service: orders }]
  - name: orders
    matches: [{ path: { prefix: /orders }, methods: [GET, POST] }]
    policies:
      - apiKey: { header: x-api-key }
      - jwt: { issuer: "https://dev.shop.local/", audiences: [shop], secret: "${secret}", algorithms: [HS256] }
      - authorization: { rules: [{ name: can-read, allow: "'orders:read' in jwt.scope" }] }
      - rateLimit: { key: jwt.sub, requests: 100000000, per: 1m, algorithm: tokenBucket }
      - requestHeaders: { set: { x-user: "\${jwt.sub}" } }
      - urlRewrite: { prefix: /v1/orders }
      - responseHeaders: { set: { x-served-by: switchyard }, remove: [server] }
    backendRefs: [{ service: orders }]
`;

/** Valid for a day; the same for all requests of a run, as a client's token is. */
export function benchToken(): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: "https://dev.shop.local/",
    aud: "shop",
    sub: "alice",
    scope: "orders:read",
    iat: now,
    exp: now + 86400,
  };
  const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
