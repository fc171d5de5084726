/**
 * An archive in the place of a gateway's recording: its requests decided by a policy in the order in which they came, with
 * an empty state at the first. It answers the same questions, by the same replay.
 * Must not guess: what the archive does not hold is said among the assumptions.
 */
import type { AgentTraffic } from "../../agents/world.ts";
import { AgentProblem } from "../../agents/world.ts";
import type { Detail } from "../../contract/detail.ts";
import type { FilterVerdict } from "../../contract/filter.ts";
import type { Row, TrafficQuery, TrafficWindow } from "../../contract/traffic.ts";
import type { PassingFix, WhatIfResult, WhatIfView } from "../../contract/what-if.ts";
import { enter } from "../../decide/enter.ts";
import { explain } from "../../decide/explain.ts";
import type { PolicyReader } from "../../gateway/control/policy-reader.ts";
import { describedDetail, passageFor, type WhatIfContext } from "../../gateway/control/what-if.ts";
import { FactGatherer } from "../../gateway/facts/gatherer.ts";
import { Mask } from "../../gateway/record/mask.ts";
import type { FactRequest, Passage } from "../../model/arrival.ts";
import { Decision } from "../../model/decision.ts";
import { freshState } from "../../model/fresh.ts";
import type { JournalEvent } from "../../model/journal.ts";
import type { Plan } from "../../model/plan.ts";
import { Failure } from "../../model/state.ts";
import { smallestChanges } from "../../replay/smallest-change.ts";
import { assess, runUnder, type Assessment, type Recorded } from "../../replay/what-if.ts";
import type { Replayed } from "../../replay/replay.ts";
import type { Archive, ArchivedRequest } from "./archive.ts";

/** Zero means "never" in some states. */
const BEGIN = 1_000_000;
const MOST_TOLD = 200;

export class ArchiveTraffic implements AgentTraffic {
  readonly #archive: Archive;
  readonly #reader: PolicyReader;
  readonly #context: WhatIfContext;
  readonly #recorded: Recorded;
  /** By id, which counts from 1. */
  readonly #decided = new Map<number, Replayed>();

  private constructor(
    archive: Archive,
    reader: PolicyReader,
    context: WhatIfContext,
    journal: readonly JournalEvent[],
  ) {
    const { plan } = context;
    this.#archive = archive;
    this.#reader = reader;
    this.#context = context;
    this.#recorded = { journal, plan, at: BEGIN, state: () => freshState(plan), planOf: () => plan };
    runUnder(this.#recorded, plan, (request) => this.#decided.set(request.id, request));
  }

  static async decide(archive: Archive, reader: PolicyReader, plan: Plan): Promise<ArchiveTraffic> {
    const facts = new FactGatherer({ baseDirectory: reader.directory });
    const context: WhatIfContext = {
      plan,
      state: freshState(plan),
      revision: 1,
      facts,
      mask: Mask.of([plan]),
      now: () => BEGIN,
      wallClock: () => archive.requests[0]?.at ?? 0,
      seed: () => 1,
    };
    try {
      return new ArchiveTraffic(archive, reader, context, await journalOf(archive.requests, context));
    } finally {
      facts.close();
    }
  }

  parseFilter(_filter: string): FilterVerdict {
    const message = "an archive cannot be filtered, only the recording of a gateway that runs";
    return { ok: false, description: "", problem: { message, start: 0, end: 0 } };
  }

  rows({ from, count }: TrafficQuery): TrafficWindow {
    const rejected = this.#rejected();
    const begin = Math.max(0, from < 0 ? rejected.length + from : from);
    return {
      stamp: { generation: "archive", seq: 0 },
      total: this.#archive.requests.length,
      matched: rejected.length,
      first: 0,
      dropped: 0,
      recording: false,
      perSecond: 0,
      rejectedShare: rejected.length / Math.max(1, this.#archive.requests.length),
      p95: -1,
      from: begin,
      rows: rejected.slice(begin, begin + count).map((request) => this.#detail(request).row),
    };
  }

  detail(id: number): Detail | undefined {
    const request = this.#decided.get(id);
    return request && this.#detail(request);
  }

  lastRejection(): Detail | undefined {
    const newest = this.#rejected().at(-1);
    return newest && this.#detail(newest);
  }

  whatIf(text: string): WhatIfResult {
    const { plan, diagnostics } = this.#reader.read(text);
    if (plan === undefined) {
      const wrong = diagnostics.find(({ severity }) => severity === "error");
      return { kind: "invalid", message: wrong?.message ?? "", line: wrong?.location.line ?? 1 };
    }
    if (this.#decided.size === 0) return { kind: "nothing" };
    const found = assess(this.#recorded, this.#context.plan, plan);
    const shifts = found.differences.slice(-MOST_TOLD).flatMap(({ id, before, after, change }) => {
      if (change === "unknown") return [];
      const word = change === "newly refused" ? "rejected" : change === "newly admitted" ? "admitted" : "elsewhere";
      const told = { before: before?.status ?? 0, after: after?.status ?? 0, why: after?.why ?? "" };
      return [{ id, change: word, ...told, assumed: after !== undefined && after.assumed !== 0 } as const];
    });
    return { kind: "compared", view: this.#view(found), shifts };
  }

  passingFixes(id: number, text: string | null): PassingFix[] {
    const { plan } = this.#context;
    if (text === null) throw new AgentProblem("An archive has no policy of its own.", "Name the text.");
    const fixes = smallestChanges({
      recorded: this.#recorded,
      text,
      plan,
      request: id,
      read: (edited) => this.#reader.read(edited).plan,
    });
    return fixes.map(({ plan: fixed, ...fix }) => ({ ...fix, view: this.#view(assess(this.#recorded, plan, fixed)) }));
  }

  #rejected(): Replayed[] {
    return [...this.#decided.values()].filter(({ decision }) => decision.refused).toSorted((a, b) => a.id - b.id);
  }

  #detail({ id, decision, passage, plan }: Replayed): Detail {
    const asked = this.#archive.requests[id - 1];
    const detail = describedDetail(this.#context, passage, decision, explain(decision, plan, passage), asked);
    const status = detail.verdict.refused ? detail.row.status : asked.status;
    const row: Row = { ...detail.row, id, at: asked.at, tags: ["archive"], status };
    return { ...detail, row };
  }

  #view(found: Assessment): WhatIfView {
    const { newlyRefused: rejected, newlyAdmitted: admitted, unknown, same, differences } = found;
    const { masked, requests } = this.#archive;
    const leftOut = this.#archive.leftOut + requests.length - this.#decided.size;
    const assumptions = [
      "every limit was full and every replica up when the archive begins",
      ...found.assumptions,
      ...(masked > 0 ? [`${masked} requests of the archive were left out, because secrets are masked in them`] : []),
      ...(leftOut > 0
        ? [`${leftOut} entries of the archive were left out: too many, or no requests that could come to a listener`]
        : []),
    ];
    const elsewhere = differences.length - rejected - admitted - unknown;
    return { total: this.#decided.size, rejected, admitted, elsewhere, unknown, same, assumptions, milliseconds: 0 };
  }
}

/** Looked up on this machine, or by keys that a policy names. Nobody is asked again about a request of long ago. */
const LOOKED_UP: ReadonlySet<FactRequest["kind"]> = new Set(["token", "password", "certificate", "cache"]);

/** What a gateway would have written down, had the requests come to it at those times. */
async function journalOf(requests: readonly ArchivedRequest[], context: WhatIfContext): Promise<JournalEvent[]> {
  const { plan, facts } = context;
  const start = requests[0]?.at ?? 0;
  const events: JournalEvent[] = [];
  for (const [index, request] of requests.entries()) {
    const id = index + 1;
    const at = BEGIN + (request.at - start);
    const passage = passageOf(request, id, context);
    // It could not have come in: no listener of this policy takes it, or the gateway would have answered 400.
    if (passage === undefined) continue;
    const { arrival, seed, wallClock } = passage;
    events.push({ kind: "enter", id, at, wallClock, seed, arrival });
    const decision = new Decision();
    enter(passage, plan, freshState(plan), at, decision);
    if (!decision.over && decision.route >= 0) {
      const needs = plan.routes[decision.route].needs.filter(({ kind }) => LOOKED_UP.has(kind));
      events.push({ kind: "decide", id, at, facts: await facts.gather(needs, passage) });
    }
    const failure = request.status === 0 ? Failure.ConnectFailed : Failure.None;
    const outcome = { status: request.status, failure, firstByte: request.duration };
    events.push({ kind: "settle", id, at: at + request.duration, outcome, ...(request.refused && { sent: null }) });
  }
  return events.toSorted((a, b) => timeOf(a) - timeOf(b));
}

function passageOf(request: ArchivedRequest, id: number, context: WhatIfContext): Passage | undefined {
  try {
    return passageFor({ ...context, wallClock: () => request.at, seed: () => id }, request);
  } catch {
    return undefined;
  }
}

function timeOf(event: JournalEvent): number {
  return "at" in event ? event.at : 0;
}
