/**
 * `healthCheck.active`: how endpoints are asked whether they are well. Its words are Envoy Gateway's.
 * Must not know endpoints: what is asked by default follows from their urls, and is told by `planCheck`.
 */
import * as z from "zod/mini";
import type { PlanEndpoint } from "../model/endpoint.ts";
import type { ActiveCheck } from "../model/plan.ts";
import { described, duration } from "../model/scalars.ts";

export const activeCheck = z
  .strictObject({
    type: z.optional(
      described(
        z.enum(["HTTP", "TCP", "GRPC"], { error: "must be HTTP, TCP or GRPC" }),
        "What is asked. `HTTP`: GET `path`. `TCP`: whether it accepts a connection. `GRPC`: `grpc.health.v1.Health/Check`; healthy is who says SERVING. Default: HTTP, and TCP where every endpoint is tcp:// and no `path` is given.",
        { examples: ["GRPC"] },
      ),
    ),
    path: z.optional(
      described(
        z.string().check(z.regex(/^\/[\x21-\x7e]*$/, { error: "must start with / and hold no blanks" })),
        "HTTP: path that is asked with GET; an answer below 400 means healthy. Default: /",
        { examples: ["/healthz"] },
      ),
    ),
    service: z.optional(
      described(
        z.string().check(z.regex(/^[A-Za-z0-9._-]{1,256}$/, { error: "must be the name of a gRPC service" })),
        "GRPC: the service that is asked about. Default: the server as a whole.",
        { examples: ["shop.Orders"] },
      ),
    ),
    interval: described(z.prefault(duration({ least: 50 }), "5s"), "Time between two probes of one endpoint."),
    timeout: described(z.prefault(duration({ least: 10 }), "1s"), "A probe without an answer in this time has failed."),
    healthyThreshold: described(
      z.prefault(z.int().check(z.minimum(1), z.maximum(100)), 1),
      "Successful probes in a row that bring an endpoint back.",
    ),
    unhealthyThreshold: described(
      z.prefault(z.int().check(z.minimum(1), z.maximum(100)), 3),
      "Failed probes in a row that take an endpoint out.",
    ),
  })
  .check(
    z.refine((check) => check.service === undefined || check.type === "GRPC", {
      error: "takes `service` with `type: GRPC` only",
    }),
    z.refine((check) => check.path === undefined || check.type === undefined || check.type === "HTTP", {
      error: "takes `path` with `type: HTTP` only",
    }),
  );

/** @param endpoints of the service. @param proxyProtocol their connections begin with a PROXY header: probes' too. */
export function planCheck(
  { type, path, service, ...times }: z.output<typeof activeCheck>,
  endpoints: readonly PlanEndpoint[],
  proxyProtocol: 1 | 2 | undefined,
): ActiveCheck {
  const bytesOnly = endpoints.length > 0 && endpoints.every(({ url }) => url.startsWith("tcp:"));
  return {
    type: type ?? (bytesOnly && path === undefined ? "TCP" : "HTTP"),
    path: path ?? "/",
    ...(service === undefined ? {} : { service }),
    ...times,
    ...(proxyProtocol === undefined ? {} : { proxyProtocol }),
  };
}
