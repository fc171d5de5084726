/**
 * The counts leave a gateway that runs in a terminal only as its options say: `--metrics PORT` is a loopback page for
 * Prometheus, `--otlp URL` sends to a collector. Options and no fields of the policy file: that file is shared, and whoever
 * opens it must not open ports or send anything by that. Must not send anything unasked.
 */
import { otlpAddress, sendMetrics, serveMetrics } from "../gateway/analytics/export.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { Paint } from "./paint.ts";
import { Usage } from "./usage.ts";

interface Wanted {
  readonly port: number | undefined;
  readonly to: URL | undefined;
}

/** @throws Usage */
export function collectorOf(text: string | undefined): URL | undefined {
  if (text === undefined) return undefined;
  try {
    return otlpAddress(text);
  } catch (error) {
    throw new Usage((error as Error).message);
  }
}

/** @returns how to end them; undefined when the port could not be had, and that has been said. */
export async function startExports(
  gateway: Gateway,
  { port, to }: Wanted,
  paint: Paint,
): Promise<(() => Promise<void>) | undefined> {
  const ends: (() => Promise<void>)[] = [];
  const say = (words: string): void => void process.stdout.write(paint.faint(`${words}\n`));
  if (port !== undefined) {
    try {
      const page = await serveMetrics(port, () => gateway.metricsText());
      say(`Metrics for Prometheus: http://127.0.0.1:${page.port}/metrics`);
      ends.push(() => page.close());
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why = code === "EADDRINUSE" ? `port ${port} is in use` : message;
      process.stderr.write(`Metrics cannot be served: ${why}.\n`);
      return undefined;
    }
  }
  if (to !== undefined) {
    say(`Metrics go to ${to.href} every 10 s.`);
    ends.push(sendMetrics(to, () => gateway.otlpMetrics(), say));
  }
  return async () => {
    for (const end of ends) await end();
  };
}
