/**
 * `list_rejections`: what the gateway refused, newest first, and the same grouped by cause.
 * Must not walk the whole ring: a hundred thousand rows are nothing that an agent reads.
 */
import type * as z from "zod/mini";
import type { Row } from "../contract/traffic.ts";
import type { listInput, listOutput } from "./declarations.ts";
import { requestView } from "./view.ts";
import { AgentProblem, type AgentTraffic, type AgentWorld } from "./world.ts";

type Rejections = z.output<typeof listOutput>;

const MOST_COUNTED = 2000;
/** Rows that are asked for at once: the most that the gateway gives. */
const WINDOW = 500;
const DEFAULT_LIMIT = 20;
const MOST_GROUPS = 20;

export async function listRejections(
  world: AgentWorld,
  { filter = "", limit = DEFAULT_LIMIT, before = Infinity }: z.output<typeof listInput>,
): Promise<Rejections> {
  const { rows, all } = await newestRejected(await world.traffic(), filter, before);
  const shown = rows.slice(0, limit);
  const more = rows.length > limit || !all;
  return {
    counted: rows.length,
    groups: groupsOf(rows),
    rejections: shown.map(requestView),
    more,
    next: nextOf(shown, more, filter),
  };
}

function nextOf(shown: readonly Row[], more: boolean, filter: string): string {
  const last = shown.at(-1);
  if (last === undefined)
    return filter === ""
      ? "No recorded request was refused. Have one sent through the gateway, or describe one to explain_request."
      : "None matches: leave the filter out to see all.";
  const page = more ? ` Older ones: before ${last.id}.` : "";
  return `explain_request or propose_fix with the id of one.${page}`;
}

/** Newest first. `all`: there are no others. */
async function newestRejected(
  traffic: AgentTraffic,
  filter: string,
  before: number,
): Promise<{ rows: Row[]; all: boolean }> {
  if (filter !== "") await checkFilter(traffic, filter);
  const rows: Row[] = [];
  let from = -WINDOW;
  let count = WINDOW;
  while (rows.length < MOST_COUNTED) {
    const window = await traffic.rows({ filter: `is:rejected ${filter}`.trim(), from, count });
    // Alternatives of the filter stand beside `is:rejected`, not under it; imported rows have numbers below 0.
    rows.push(...window.rows.filter((row) => row.state === "rejected" && row.id > 0 && row.id < before).toReversed());
    count = Math.min(WINDOW, window.from - window.first);
    if (count <= 0 || window.rows.length === 0) return { rows, all: true };
    from = window.from - count;
  }
  return { rows: rows.slice(0, MOST_COUNTED), all: false };
}

async function checkFilter(traffic: AgentTraffic, filter: string): Promise<void> {
  const { ok, problem } = await traffic.parseFilter(filter);
  if (!ok)
    throw new AgentProblem(
      `The filter was not understood: ${problem?.message ?? filter}`,
      "Write terms such as route:orders, policy:per-user or status:429, or leave the filter out.",
    );
}

function groupsOf(rows: readonly Row[]): Rejections["groups"] {
  const groups = new Map<string, Rejections["groups"][number]>();
  for (const { id, status, route, policy, why } of rows) {
    const key = JSON.stringify([status, route, policy]);
    const known = groups.get(key);
    if (known !== undefined) known.count++;
    else
      groups.set(key, {
        count: 1,
        status,
        ...(route !== undefined && { route }),
        ...(policy !== undefined && { policy }),
        why,
        newest: id,
      });
  }
  return [...groups.values()].toSorted((a, b) => b.count - a.count).slice(0, MOST_GROUPS);
}
