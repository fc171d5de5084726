/**
 * Live numbers of one block of the policy, for its hover. Markdown. Must not know VS Code.
 */
import type { LimitView } from "../../contract/limits.ts";
import type { ServicesView } from "../../contract/services.ts";
import type { SeriesView } from "../../contract/analytics.ts";
import type { Plan } from "../../model/plan.ts";
import type { LiveBlock } from "../../policyfile/blocks.ts";
import { milliseconds, percent, plain, rate } from "../trees/leaf.ts";

const MOST_KEYS = 3;
const MINUTES = 5;
const BARS = "▁▂▃▄▅▆▇█";

interface BlockNumbers {
  readonly services: ServicesView | undefined;
  readonly limits: readonly LimitView[];
  /** Requests by minute, oldest first. */
  readonly history?: readonly number[];
  /** What the limit would be once the text is saved; undefined = as it is. */
  readonly unsaved?: string;
  /** Link to the page about it. */
  readonly docs: string;
}

/** undefined = the gateway knows nothing of it. */
export function liveMarkdown({ kind, name }: LiveBlock, numbers: BlockNumbers): string | undefined {
  const { services, limits } = numbers;
  const spark = numbers.history === undefined ? "" : ` · 5 min ${sparkline(numbers.history)}`;
  const links = `[What-if](command:switchyard.previewPolicy) · [Docs](${numbers.docs})`;
  if (kind === "route") {
    const route = services?.routes.find((each) => each.name === name);
    if (route === undefined) return undefined;
    const p95 = route.p95 === undefined ? "" : ` · p95 ${milliseconds(route.p95)}`;
    return `**Now** ${rate(route.perSecond)}${p95} · ${percent(route.rejectedShare)} rejected in the last minute${spark} · ${route.total} requests in all · ${links}`;
  }
  if (kind === "service") {
    const service = services?.services.find((each) => each.name === name);
    if (service === undefined) return undefined;
    const replicas = service.endpoints.map(
      ({ label, sentence, health, inFlight, share }) =>
        `- \`${plain(label)}\` ${plain(sentence || health)}, ${inFlight} in flight, ${percent(share)} of the traffic`,
    );
    return [
      `**Now** ${service.healthy}/${service.total} healthy · ${rate(service.perSecond)}${spark} · ${links}`,
      ...(service.sentence === undefined ? [] : [plain(service.sentence)]),
      replicas.join("\n"),
    ].join("\n\n");
  }
  if (limits.length === 0) return undefined;
  const acts = `[Keys](command:switchyard.limits.focus) · ${links}`;
  return limits.map((limit) => limitMarkdown(limit, numbers.unsaved, spark, acts)).join("\n\n");
}

function limitMarkdown(
  { owner, text, keys, keyCount, emptyCount }: LimitView,
  unsaved: string | undefined,
  spark: string,
  acts: string,
): string {
  const size =
    unsaved === undefined || unsaved === text ? plain(text) : `${plain(unsaved)} unsaved (saved ${plain(text)})`;
  const busiest = keys.filter(({ rejected }) => rejected > 0).toSorted((a, b) => b.rejected - a.rejected);
  const top = busiest.slice(0, MOST_KEYS).map(({ key, rejected }) => `\`${plain(key)}\` ${rejected}`);
  const emptiest = keys
    .slice(0, MOST_KEYS)
    .map(({ key, left, capacity }) => `\`${plain(key)}\` ${Math.floor(left)}/${capacity}`);
  const told =
    keyCount === 0
      ? "no traffic yet"
      : `${emptyCount} of ${keyCount} keys empty · emptiest: ${emptiest.join(" · ")}${top.length > 0 ? ` · top rejected ${top.join(", ")}` : ""}`;
  return `**${size}** on ${plain(owner)}${spark} · ${told} · ${acts}`;
}

/** The last five minutes of what the block is about: of a limit, of everything that it stands on. undefined = not known. */
export function historyOf(
  { kind, name }: LiveBlock,
  limits: readonly LimitView[],
  series: readonly SeriesView[],
): readonly number[] | undefined {
  const owners = new Set(kind === "limit" ? limits.map(({ owner }) => owner) : [`${kind} ${name}`]);
  const whole = [...owners].some((owner) => owner.startsWith("listener "));
  const own = series.filter((one) => (whole ? one.kind === "gateway" : owners.has(`${one.kind} ${one.name}`)));
  if (own.length === 0) return undefined;
  return Array.from({ length: MINUTES }, (_, minute) =>
    own.reduce((sum, { history }) => sum + (history.at(minute - MINUTES) ?? 0), 0),
  );
}

/** Each bar an eighth of the highest; nothing at all is the lowest. */
function sparkline(values: readonly number[]): string {
  const highest = Math.max(1, ...values);
  return values.map((value) => BARS[Math.min(7, Math.floor((8 * value) / (highest + 1)))]).join("");
}

/** A limit as the plan of an unsaved text has it, in the words of the Limits view. */
export function unsavedLimit({ name, owner, nth }: LiveBlock, plan: Plan | undefined): string | undefined {
  const there = (plan?.steps ?? []).filter(
    (step) => step.name === name && (owner === undefined || step.identity.startsWith(`${owner}/`)),
  );
  const step = there[nth ?? 0];
  return step?.policy.gauge?.describe(step.config).text;
}
