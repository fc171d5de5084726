/**
 * Asks a port whether it speaks HTTP, by GET of the usual health paths and nothing else: a probe must have no effect.
 * Must not follow redirects, send credentials, or wait long.
 */
import { request } from "node:http";
import type { Answer } from "./services.ts";
import type { Listening } from "../../machine/listening.ts";

const PATHS = ["/healthz", "/health", "/health/ready"] as const;
/** Milliseconds for each path: a service that has just started is slow. A port that keeps silent costs one of them. */
const PATIENCE = 4000;

/** The first path that answers 2xx, else what the first one answered. undefined = it does not speak HTTP. */
export async function probe({ port, ipv4 }: Listening): Promise<Answer | undefined> {
  let first: Answer | undefined;
  for (const path of PATHS) {
    const status = await statusOf(ipv4 ? "127.0.0.1" : "::1", port, path);
    if (status === undefined) return first;
    if (status >= 200 && status < 300) return { path, status };
    first ??= { path, status };
  }
  return first;
}

function statusOf(host: string, port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sent = request(
      { host, port, path, agent: false, headers: { "user-agent": "switchyard-detect" } },
      (response) => {
        resolve(response.statusCode);
        response.on("error", () => {});
        response.destroy();
      },
    );
    sent.on("error", () => resolve(undefined));
    const late = setTimeout(() => sent.destroy(), PATIENCE);
    sent.on("close", () => {
      clearTimeout(late);
      resolve(undefined);
    });
    sent.end();
  });
}
