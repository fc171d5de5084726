/**
 * Live numbers of one block of the policy, for its hover. Markdown. Must not know VS Code.
 */
import type { LimitView } from "../../contract/limits.ts";
import type { ServicesView } from "../../contract/services.ts";
import type { LiveBlock } from "../../policyfile/blocks.ts";
import { milliseconds, percent, plain, rate } from "../trees/leaf.ts";

const MOST_KEYS = 3;

/** undefined = the gateway knows nothing of it. */
export function liveMarkdown(
  { kind, name }: LiveBlock,
  services: ServicesView | undefined,
  limits: readonly LimitView[],
): string | undefined {
  if (kind === "route") {
    const route = services?.routes.find((each) => each.name === name);
    if (route === undefined) return undefined;
    const p95 = route.p95 === undefined ? "" : ` · p95 ${milliseconds(route.p95)}`;
    return `**Now** ${rate(route.perSecond)}${p95} · ${percent(route.rejectedShare)} rejected in the last minute · ${route.total} requests in all`;
  }
  if (kind === "service") {
    const service = services?.services.find((each) => each.name === name);
    if (service === undefined) return undefined;
    const replicas = service.endpoints.map(
      ({ label, sentence, health, inFlight, share }) =>
        `- \`${plain(label)}\` ${plain(sentence || health)}, ${inFlight} in flight, ${percent(share)} of the traffic`,
    );
    return [
      `**Now** ${service.healthy}/${service.total} healthy · ${rate(service.perSecond)}`,
      ...(service.sentence === undefined ? [] : [plain(service.sentence)]),
      replicas.join("\n"),
    ].join("\n\n");
  }
  if (limits.length === 0) return undefined;
  return limits.map(limitMarkdown).join("\n\n");
}

function limitMarkdown({ owner, text, keys, keyCount, emptyCount }: LimitView): string {
  const top = keys
    .slice(0, MOST_KEYS)
    .map(
      ({ key, left, capacity, rejected }) =>
        `\`${plain(key)}\` ${Math.floor(left)}/${capacity}${rejected > 0 ? `, ${rejected} rejected` : ""}`,
    );
  const told =
    top.length === 0 ? "no traffic yet" : `${emptyCount} of ${keyCount} keys empty · emptiest: ${top.join(" · ")}`;
  return `**Now** on ${plain(owner)} (saved: ${plain(text)}): ${told}`;
}
