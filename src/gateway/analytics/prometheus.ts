/**
 * The counts since the start as Prometheus text (exposition format 0.0.4): one series per route, service, policy and the
 * bounded number of consumers. Buckets end at powers of two, since that is where the sketch knows counts exactly.
 * Must not name a path, an address or anything else that strangers choose without end.
 */
import type { Millis } from "../../model/basics.ts";
import type { Plan } from "../../model/plan.ts";
import type { Analytics } from "./analytics.ts";
import type { PolicyCosts } from "./costs.ts";
import type { Series, Slice } from "./series.ts";
import { countBelow, freshBins } from "./sketch.ts";

/** Exponents of milliseconds: 1 ms to 16.4 s. */
const EXPONENTS = Array.from({ length: 15 }, (_, i) => i);
const NO_BINS = freshBins();

type Labels = Readonly<Record<string, string>>;

export function prometheusText(analytics: Analytics, costs: PolicyCosts, plan: Plan, now: Millis): string {
  const text = new Exposition();
  const slices = (from: ReadonlyMap<string, Series>): (readonly [string, Slice])[] =>
    [...from].map(([name, series]) => [name, series.over(now, "all")]);
  const groups = [
    ["route", slices(analytics.routes)],
    ["service", slices(analytics.services)],
    ["consumer", slices(analytics.consumers)],
  ] as const;
  for (const [kind, all] of groups) {
    text.family(`switchyard_${kind}_requests_total`, "counter", `Requests by ${kind} and how they ended.`);
    for (const [name, slice] of all) outcomes(text, `switchyard_${kind}_requests_total`, { [kind]: name }, slice);
  }
  for (const [kind, all] of groups) {
    const name = `switchyard_${kind}_request_duration_seconds`;
    text.family(name, "histogram", `From the request head to the last byte of the answer, by ${kind}.`);
    for (const [label, slice] of all) histogram(text, name, { [kind]: label }, slice);
  }
  for (const [direction, words, part] of [
    ["in", "Bytes of request bodies, by route.", "bytesIn"],
    ["out", "Bytes of answers' bodies, by route.", "bytesOut"],
  ] as const) {
    text.family(`switchyard_route_body_bytes_${direction}_total`, "counter", words);
    for (const [route, slice] of groups[0][1])
      text.sample(`switchyard_route_body_bytes_${direction}_total`, { route }, slice[part]);
  }
  policies(text, analytics, costs, plan);
  return text.toString();
}

function outcomes(text: Exposition, name: string, labels: Labels, { requests, failed, rejected }: Slice): void {
  text.sample(name, { ...labels, outcome: "ok" }, requests - failed - rejected);
  text.sample(name, { ...labels, outcome: "failed" }, failed);
  text.sample(name, { ...labels, outcome: "rejected" }, rejected);
}

function histogram(text: Exposition, name: string, labels: Labels, { bins = NO_BINS, timed, duration }: Slice): void {
  for (const exponent of EXPONENTS)
    text.sample(`${name}_bucket`, { ...labels, le: String(2 ** exponent / 1000) }, countBelow(bins, exponent));
  text.sample(`${name}_bucket`, { ...labels, le: "+Inf" }, timed);
  text.sample(`${name}_sum`, labels, duration / 1000);
  text.sample(`${name}_count`, labels, timed);
}

function policies(text: Exposition, analytics: Analytics, costs: PolicyCosts, plan: Plan): void {
  text.family("switchyard_policy_verdicts_total", "counter", "What each policy said of requests.");
  for (const [policy, { judged, refused, shadowed }] of analytics.tallies) {
    text.sample("switchyard_policy_verdicts_total", { policy, verdict: "admitted" }, judged - refused - shadowed);
    text.sample("switchyard_policy_verdicts_total", { policy, verdict: "refused" }, refused);
    text.sample("switchyard_policy_verdicts_total", { policy, verdict: "shadow" }, shadowed);
  }
  const name = "switchyard_policy_cost_microseconds";
  text.family(name, "gauge", "Mean time that a policy takes for one request, of those measured.");
  for (const { identity: policy } of plan.steps) {
    const cost = costs.of(policy);
    if (cost !== undefined && cost.samples > 0) text.sample(name, { policy }, Math.round(cost.mean * 100) / 100);
  }
}

class Exposition {
  #text = "";

  family(name: string, type: string, help: string): void {
    this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }

  sample(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    this.#text += `${name}{${pairs.join(",")}} ${value}\n`;
  }

  toString(): string {
    return this.#text;
  }
}

function escaped(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}
