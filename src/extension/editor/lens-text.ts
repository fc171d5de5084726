/**
 * What stands above a route, a limit and a service of the policy while the gateway runs: one line each, always there,
 * numbers padded so that the text below never moves. Must not know VS Code or a clock.
 */
import type { LimitsView, LimitView } from "../../contract/limits.ts";
import type { ServicesView, ServiceView } from "../../contract/services.ts";
import type { LiveBlock } from "../../policyfile/blocks.ts";
import { milliseconds } from "../trees/leaf.ts";

export interface LensAction {
  readonly title: string;
  /** What it does, and what with. */
  readonly act: "start" | "send" | "traffic" | "preview" | "keys" | "reset" | "none";
  readonly argument?: string;
}

/** Of one block: the first says, the others act. */
export type LensLine = readonly LensAction[];

export interface LiveNumbers {
  readonly running: boolean;
  readonly services: ServicesView | undefined;
  readonly limits: LimitsView | undefined;
}

export function lensLine(block: LiveBlock, live: LiveNumbers): LensLine {
  if (!live.running) return [says("— gateway stopped"), { title: "Start", act: "start" }];
  if (block.kind === "route") return routeLine(block, live);
  return block.kind === "service" ? serviceLine(block, live) : limitLine(block, live);
}

/** Every limit of the gateway that a block of the text is: a named one may stand in several places. */
export function limitsOf(block: LiveBlock, limits: LimitsView | undefined): readonly LimitView[] {
  if (block.kind !== "limit" || limits === undefined) return [];
  if (block.owner === undefined) return limits.limits.filter(({ name }) => name === block.name);
  const owner = block.owner.replace("/", " ");
  const there = limits.limits.filter((limit) => limit.owner === owner && limit.name === block.name);
  return there.slice(block.nth, (block.nth ?? 0) + 1);
}

const SEND: LensAction = { title: "Send Test", act: "send" };

function routeLine({ name }: LiveBlock, { services }: LiveNumbers): LensLine {
  const route = services?.routes.find((each) => each.name === name);
  const traffic: LensAction = { title: "Traffic", act: "traffic", argument: `route:${name}` };
  const preview: LensAction = { title: "What-if", act: "preview" };
  if (route === undefined) return [says(services === undefined ? "…" : "not saved yet"), preview];
  if (route.total === 0) return [says("no traffic yet"), SEND];
  const p95 = route.p95 === undefined || route.p95 < 0 ? "" : ` · p95 ${padded(milliseconds(route.p95), 6)}`;
  return [says(`${perSecond(route.perSecond)}${p95} · ${share(route.rejectedShare)} rejected`), traffic, preview];
}

function serviceLine({ name }: LiveBlock, { services }: LiveNumbers): LensLine {
  const service = services?.services.find((each) => each.name === name);
  if (service === undefined) return [says(services === undefined ? "…" : "not saved yet")];
  const traffic: LensAction = { title: "Traffic", act: "traffic", argument: `service:${name}` };
  return [says(`${service.healthy}/${service.total} healthy${illness(service)}`), traffic];
}

/** The first replica that is not well, in few words. */
function illness({ endpoints }: ServiceView): string {
  const ill = endpoints.find(({ health }) => health !== "up" && health !== "unknown");
  return ill === undefined
    ? ""
    : ` · ${ill.label} ${ill.sentence === "" ? ill.health : ill.sentence.split(" after ")[0]}`;
}

function limitLine(block: LiveBlock, { limits }: LiveNumbers): LensLine {
  const own = limitsOf(block, limits);
  const preview: LensAction = { title: "What-if", act: "preview" };
  if (own.length === 0) return [says(limits === undefined ? "…" : "not used yet"), preview];
  const keys = sum(own, ({ keyCount }) => keyCount);
  if (keys === 0) return [says("no traffic yet"), SEND];
  const empty = sum(own, ({ emptyCount }) => emptyCount);
  const rejected = sum(own, ({ keys: told }) => sum(told, (key) => key.rejected));
  const shown = own.flatMap(({ keys: told }) => told);
  const left = sum(shown, (key) => Math.max(0, key.left));
  const capacity = sum(shown, (key) => key.capacity);
  const full = capacity === 0 ? 0 : Math.round((100 * left) / capacity);
  return [
    says(
      `${padded(`${full}%`, 4)} full · ${padded(`${empty}/${keys}`, 2 * String(keys).length + 1)} keys empty · ${padded(String(rejected), 3)} rejected`,
    ),
    { title: "Keys", act: "keys" },
    { title: "Reset", act: "reset" },
    preview,
  ];
}

function says(text: string): LensAction {
  return { title: `▸ ${text}`, act: "none" };
}

function perSecond(rate: number): string {
  return `${padded(rate >= 100 ? String(Math.round(rate)) : rate.toFixed(1), 5)} rps`;
}

function share(part: number): string {
  return padded(`${(part * 100).toFixed(1)}%`, 5);
}

/** With figure spaces, which are as wide as a digit. */
function padded(text: string, width: number): string {
  return text.padStart(width, "\u2007");
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
