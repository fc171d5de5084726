/**
 * Everything about one request, made when somebody opens it: the story, headers, bodies, timing, attempts, a curl line.
 * Secrets are masked by place and by value unless `reveal`, which a person must have asked for.
 * Must not keep what it made: details are large and rare.
 */
import type { Detail, Verdict } from "../../contract/detail.ts";
import type { Row } from "../../contract/traffic.ts";
import { seedWords } from "../../decide/explain-balance.ts";
import { explain } from "../../decide/explain.ts";
import { entriesOf } from "../../decide/refusals.ts";
import { failureWords } from "../../decide/failures.ts";
import type { Story, StoryStep } from "../../decide/story.ts";
import { STATUS_CODES } from "node:http";
import type { Plan } from "../../model/plan.ts";
import { bodyViewOf } from "./body-view.ts";
import { RowStateCode } from "./chunk.ts";
import { connectionView } from "./connection-view.ts";
import { layersOf } from "./layers.ts";
import { layersView } from "./layers-view.ts";
import { curlForPowerShell, curlOf, type CurlInput } from "./curl.ts";
import { fieldsOf, startLine } from "./heads.ts";
import { journeyOf, type Journey } from "./journey.ts";
import type { Mask } from "./mask.ts";
import { endingWords } from "./ending.ts";
import { decisionOf, passageOf } from "./passage.ts";
import type { Payload } from "./payload-ring.ts";
import type { Recorder, RowPlace } from "./recorder.ts";
import { storyOf, type RowMaker } from "./row.ts";
import { storyParts, verdictOf, type PlainVerdict } from "./story-view.ts";
import { attemptsOf, timingOf } from "./timing.ts";

export interface DetailContext {
  readonly recorder: Recorder;
  readonly rows: RowMaker;
  readonly mask: Mask;
  /** Port that listener `index` really has. */
  port(listener: string): number;
}

const NOTHING_KEPT: Payload = {
  requestHead: "",
  upstreamHead: "",
  responseHead: "",
  replyHead: "",
  requestBody: Buffer.alloc(0),
  responseBody: Buffer.alloc(0),
};

/** @returns undefined when the row was evicted. */
export function detailOf(context: DetailContext, id: number, reveal: boolean): Detail | undefined {
  const place = context.recorder.place(id);
  const row = context.rows.row(id);
  if (place === undefined || row === undefined) return undefined;
  const payload = context.recorder.payload(place);
  const kept = payload ?? NOTHING_KEPT;
  const mask = context.mask.with(kept.requestHead, kept.upstreamHead, kept.responseHead, kept.replyHead);
  const shown: Shown = reveal ? SHOW_ALL : mask;
  const detail = assemble({ context, place, row, payload, kept, shown, mask: reveal ? undefined : mask });
  return reveal ? detail : mask.deep(detail);
}

/** What decides how a value is shown. */
type Shown = Pick<Mask, "field" | "target" | "bytes">;

const SHOW_ALL: Shown = {
  field: (_name, value) => value,
  target: (target) => target,
  bytes: (bytes) => bytes,
};

interface Parts {
  readonly context: DetailContext;
  readonly place: RowPlace;
  readonly row: Row;
  readonly payload: Payload | undefined;
  readonly kept: Payload;
  readonly shown: Shown;
  readonly mask: Mask | undefined;
}

function assemble(parts: Parts): Detail {
  const { context, place, kept, payload, shown, mask } = parts;
  const { chunk, index } = place;
  const plan = context.recorder.plans.get(chunk.revision[index])?.plan;
  const story = storyOf(explain, context.recorder, place);
  const plain = plainVerdict(place);
  const attempts = chunk.unpackAttempts(index);
  const start = chunk.start[index];
  const end = start + Math.max(0, chunk.duration[index]);
  // The row's own path is masked for the table.
  const row = mask === undefined ? { ...parts.row, path: chunk.words[chunk.path[index]] } : parts.row;
  const body = (head: string, bytes: Buffer, size: number) =>
    bodyViewOf({ head, bytes: payload === undefined ? undefined : bytes, size, mask });
  const journey = payload === undefined || chunk.protocol[index] !== 0 ? NO_JOURNEY : journeyIn(parts, plan);
  return {
    row,
    verdict: chunk.protocol[index] === 0 ? verdictOf(story, plan, plain) : connectionVerdict(story, plan, plain),
    ...storyParts(story, (step) => shapeWords(journey, plan, chunk.route[index], step)),
    ...(chunk.protocol[index] === 0 ? {} : { connection: connection(parts) }),
    ...layers(parts),
    ...children(parts),
    fields: journey.fields,
    requestBody: body(kept.requestHead, kept.requestBody, row.requestBytes),
    responseBody: body(kept.responseHead || kept.replyHead, kept.responseBody, row.responseBytes),
    timing: row.state === "pending" ? [] : timingOf(start, start + chunk.decidedAfter[index], end, attempts),
    attempts: attemptsOf(attempts, {
      service: plan?.services[chunk.service[index]],
      route: plan?.routes[chunk.route[index]],
      method: row.method,
      entries: entriesOf(decisionOf(place)),
      layer4: chunk.protocol[index] !== 0,
    }),
    curl: chunk.protocol[index] === 0 ? curlOf(curlInput(parts, row, shown)) : "",
    curlPowerShell: chunk.protocol[index] === 0 ? curlForPowerShell(curlInput(parts, row, shown)) : "",
    revealed: mask === undefined,
  };
}

const NO_JOURNEY: Journey = { fields: [], changes: new Map() };

/** What a step did to the request or its answer, instead of what such a step does in general. */
function shapeWords({ changes }: Journey, plan: Plan | undefined, route: number, told: StoryStep): string | undefined {
  const step = plan?.steps.find(({ source }) => source === told.source);
  const words = step && changes.get(step);
  if (step === undefined || words === undefined || told.state !== "ok") return undefined;
  const judges = step.listener !== undefined || plan?.routes[route]?.steps.includes(step.index) === true;
  if (judges) return words.length === 0 ? undefined : `${told.sentence}; ${words.join("; ")}`;
  return words.length === 0 ? "found nothing to change" : words.join("; ");
}

/** The request's own number as the backend or the client was told it: it ends in the seed. */
function requestIdIn({ upstreamHead, replyHead }: Payload, seed: number): string {
  const told = new RegExp(`\\b[0-9a-z]+-${seedWords(seed)}\\b`);
  return (told.exec(upstreamHead) ?? told.exec(replyHead))?.[0] ?? "";
}

function journeyIn({ place, kept, shown }: Parts, plan: Plan | undefined): Journey {
  const { chunk, index } = place;
  return journeyOf({
    payload: kept,
    plan,
    route: chunk.route[index],
    match: chunk.match[index],
    seen: passageOf(place, kept.requestHead, requestIdIn(kept, chunk.seed[index])),
    show: (name, value) => shown.field(name, value),
  });
}

/** Of a connection that was let pass, how it ended is the news; why it went where it went stands below. */
function connectionVerdict(story: Story | undefined, plan: Plan | undefined, plain: PlainVerdict): Verdict {
  const verdict = verdictOf(story, plan, plain);
  return verdict.refused || plain.sentence === "" ? verdict : { ...verdict, sentence: plain.sentence };
}

function connection({ place, row, kept }: Parts): Detail["connection"] {
  const { chunk, index } = place;
  return connectionView({
    row,
    arrival: passageOf(place, undefined, "").arrival,
    ending: chunk.words[chunk.ending[index]],
    received: kept.requestHead,
    sent: kept.upstreamHead,
  });
}

/** What was sent on its behalf began soon after it: so many rows are looked through. */
const LOOKED_THROUGH = 4096;

function children({ context, row }: Parts): Pick<Detail, "children"> {
  const { recorder, rows } = context;
  const found: Row[] = [];
  const end = Math.min(recorder.next, row.id + LOOKED_THROUGH);
  for (let id = row.id + 1; id < end; id++) {
    const place = recorder.place(id);
    if (place === undefined || place.chunk.parentOf(place.index) !== row.id) continue;
    const child = rows.row(id);
    if (child !== undefined) found.push(child);
  }
  return found.length === 0 ? {} : { children: found };
}

function layers({ context, row, shown }: Parts): Pick<Detail, "layers"> {
  const { recorder, rows, port } = context;
  const found = layersOf(recorder, row.id, port);
  const field = (name: string, value: string): string => shown.field(name, value);
  const view = layersView({ recorder, row: (id) => rows.row(id), field }, found, row.id);
  return view.length === 0 ? {} : { layers: view };
}

function curlInput({ context, kept }: Parts, row: Row, shown: Shown): CurlInput {
  const host = row.host === "" ? "localhost" : row.host;
  const named = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const target = startLine(kept.requestHead).split(" ")[1] ?? row.path;
  const path = shown.target(target.startsWith("/") ? target : row.path);
  return {
    method: row.method || "GET",
    url: `http://${named}:${context.port(row.listener)}${path}`,
    fields: fieldsOf(kept.requestHead).map(({ name, value }) => ({ name, value: shown.field(name, value) })),
    body: shown.bytes(kept.requestBody),
    complete: kept.requestBody.length === row.requestBytes,
  };
}

function plainVerdict({ chunk, index }: RowPlace): PlainVerdict {
  const status = chunk.status[index];
  const urn = chunk.words[chunk.refusal[index]];
  const failure = failureWords(chunk.failure[index]);
  const title = status === 0 ? "No answer" : `${status} ${STATUS_CODES[status] ?? ""}`.trim();
  if (urn !== "")
    return {
      refused: chunk.state[index] === RowStateCode.Rejected,
      status,
      title,
      sentence: chunk.words[chunk.refusalDetail[index]],
      type: urn,
    };
  if (chunk.protocol[index] !== 0) {
    const ending = chunk.words[chunk.ending[index]];
    const sentence = ending === "" ? "The connection is open." : sentenceOf(endingWords(ending));
    return { refused: false, status: 0, title: ending === "" ? "Open" : "Ended", sentence };
  }
  if (chunk.state[index] === RowStateCode.Pending)
    return { refused: false, status: 0, title: "On its way", sentence: "The request has not ended yet." };
  return { refused: false, status, title, sentence: failure };
}

/** "the client closed first" -> "The client closed first." */
function sentenceOf(words: string): string {
  return words === "" ? "" : `${words[0].toUpperCase()}${words.slice(1)}.`;
}
