/**
 * A packed row -> one line of the traffic table, with its track and the word for why.
 * Rows that have ended never change but for their eviction, so the latest ones are kept made.
 * Must not show a secret: every row goes through the mask.
 */
import type { Row, RowState, Track } from "../../contract/traffic.ts";
import { explainBriefly, type explain } from "../../decide/explain.ts";
import { failureWords } from "../../decide/failures.ts";
import type { Story } from "../../decide/story.ts";
import { RowStateCode, Tag } from "./chunk.ts";
import { endingCode, endingWords } from "./ending.ts";
import { blameWords, grpcWords } from "./grpc-status.ts";
import type { Mask } from "./mask.ts";
import { decisionOf, passageOf } from "./passage.ts";
import type { Recorder, RowPlace } from "./recorder.ts";
import { traceIdOf } from "./trace-id.ts";

const STATES: Readonly<Record<number, RowState>> = {
  [RowStateCode.Pending]: "pending",
  [RowStateCode.Ok]: "ok",
  [RowStateCode.ClientError]: "clientError",
  [RowStateCode.UpstreamError]: "upstreamError",
  [RowStateCode.Rejected]: "rejected",
  [RowStateCode.Aborted]: "aborted",
};

const NO_TRACK: Track = {
  phases: [],
  stopped: false,
  warned: -1,
  replicas: 0,
  chosen: -1,
  excluded: [],
  failed: false,
  say: "on its way",
};

const CACHED = 4096;

export class RowMaker {
  private readonly recorder: Recorder;
  private readonly mask: () => Mask;
  private readonly made = new Map<number, Row>();

  constructor(recorder: Recorder, mask: () => Mask) {
    this.recorder = recorder;
    this.mask = mask;
  }

  /** @returns undefined when the row was evicted. */
  row(id: number): Row | undefined {
    const place = this.recorder.place(id);
    if (place === undefined || (place.chunk.tags[place.index] & Tag.Cleared) !== 0) return undefined;
    const evicted = !this.recorder.payloads.has(place.chunk.segment[place.index]);
    const known = this.made.get(id);
    if (known !== undefined) {
      if (known.evicted === evicted) return known;
      const changed = { ...known, evicted };
      this.made.set(id, changed);
      return changed;
    }
    const pending = place.chunk.state[place.index] === RowStateCode.Pending;
    const row = this.mask().deep(makeRow(this.recorder, id, place, evicted && !pending, this.mask()));
    if (!pending) this.keep(id, row);
    return row;
  }

  /** Another mask, or another life of the ring. */
  forget(): void {
    this.made.clear();
  }

  /** A person has marked it. */
  forgetOne(id: number): void {
    this.made.delete(id);
  }

  private keep(id: number, row: Row): void {
    this.made.set(id, row);
    if (this.made.size > CACHED) for (const oldest of this.made.keys()) return void this.made.delete(oldest);
  }
}

function makeRow(recorder: Recorder, id: number, place: RowPlace, evicted: boolean, mask: Mask): Row {
  const { chunk, index } = place;
  const plan = recorder.plans.get(chunk.revision[index])?.plan;
  const service = plan?.services[chunk.service[index]];
  const step = plan?.steps[chunk.step[index]];
  const story = storyOf(explainBriefly, recorder, place);
  const duration = chunk.duration[index];
  return {
    id,
    at: chunk.at[index],
    state: STATES[chunk.state[index]],
    tags: tagsOf(chunk.tags[index]),
    protocol: protocolOf(place),
    method: chunk.words[chunk.method[index]],
    host: chunk.words[chunk.host[index]],
    path: mask.target(chunk.words[chunk.path[index]]),
    status: chunk.status[index],
    ...(chunk.grpcStatus[index] === 0 ? {} : { grpcStatus: chunk.grpcStatus[index] - 1 }),
    listener: plan?.listeners[chunk.listener[index]]?.name ?? "",
    route: plan?.routes[chunk.route[index]]?.name,
    service: service?.name,
    endpoint: service?.endpoints[chunk.endpoint[index]]?.label,
    caller: chunk.words[chunk.caller[index]] || undefined,
    client: chunk.words[chunk.client[index]],
    policy: step?.name,
    why: whyOf(place, story),
    duration: round(duration),
    firstByte: round(chunk.firstByte[index]),
    requestBytes: chunk.requestBytes[index],
    responseBytes: chunk.responseBytes[index],
    attempts: chunk.attempts[index],
    revision: chunk.revision[index],
    track: trackOf(place, story),
    termination: endingCode(chunk.words[chunk.ending[index]]) || undefined,
    evicted,
    ...traced(traceIdOf(recorder, place)),
    ...parentOf(place),
  };
}

function traced(traceId: string | undefined): Pick<Row, "traceId"> {
  return traceId === undefined ? {} : { traceId };
}

function parentOf({ chunk, index }: RowPlace): Pick<Row, "parent"> {
  const parent = chunk.parentOf(index);
  return parent === 0 ? {} : { parent };
}

/** @param tell `explain`, or `explainBriefly` for a row. undefined while pending, when the engine refused before deciding, or when the plan is no longer kept. */
export function storyOf<Told>(
  tell: (...asked: Parameters<typeof explain>) => Told,
  recorder: Recorder,
  place: RowPlace,
  requestId = "",
): Told | undefined {
  const { chunk, index } = place;
  const plan = recorder.plans.get(chunk.revision[index])?.plan;
  if (plan === undefined || chunk.listener[index] < 0) return undefined;
  // An open connection of layer 4 is decided while it lasts; a request's decision is packed when it ends.
  if (chunk.state[index] === RowStateCode.Pending && chunk.numbers[index] === 0) return undefined;
  const decision = decisionOf(place);
  if (decision.trace.length === 0 && decision.builtIn === 0) return undefined;
  const head = recorder.payloads.requestHead(chunk.segment[index], chunk.offset[index]);
  const ended = {
    status: chunk.status[index],
    failure: chunk.failure[index],
    ...(chunk.attempts[index] > 1 ? { tries: chunk.unpackAttempts(index) } : {}),
  };
  return tell(decision, plan, passageOf(place, head, requestId), ended);
}

/** What a row shows of a Story. */
type Brief = Pick<Story, "why" | "track">;

function whyOf({ chunk, index }: RowPlace, story: Brief | undefined): string {
  const detail = chunk.words[chunk.refusalDetail[index]];
  if (detail !== "") return detail;
  const ending = chunk.words[chunk.ending[index]];
  if (ending !== "" && chunk.state[index] !== RowStateCode.Rejected) {
    return [endingWords(ending), story?.why ?? ""].filter((part) => part !== "").join("; ");
  }
  const grpc = chunk.grpcStatus[index] - 1;
  if (grpc > 0 && chunk.state[index] !== RowStateCode.Rejected)
    return [`gRPC status ${grpcWords(grpc)}${blameWords(grpc)}`, story?.why ?? ""]
      .filter((part) => part !== "")
      .join("; ");
  if (story !== undefined) return story.why;
  return failureWords(chunk.failure[index]);
}

function trackOf({ chunk, index }: RowPlace, story: Brief | undefined): Track {
  if (story !== undefined) return { ...story.track };
  if (chunk.state[index] === RowStateCode.Pending) return NO_TRACK;
  const refused = chunk.state[index] === RowStateCode.Rejected;
  return {
    ...NO_TRACK,
    phases: refused ? ["accept"] : [],
    stopped: refused,
    say: refused ? "refused before any route was looked for" : "not decided",
  };
}

export function protocolOf({ chunk, index }: RowPlace): Row["protocol"] {
  const layer4 = chunk.words[chunk.protocol[index]];
  if (layer4 !== "") return layer4 as Row["protocol"];
  const tags = chunk.tags[index];
  if (tags & Tag.Upgraded) return "websocket";
  if (tags & Tag.Grpc) return "grpc";
  return tags & Tag.Http2 ? "h2" : "http/1.1";
}

function tagsOf(bits: number): string[] {
  const tags: string[] = [];
  if (bits & Tag.Retried) tags.push("retried");
  if (bits & Tag.Shadow) tags.push("shadow");
  if (bits & Tag.Simulated) tags.push("simulated");
  if (bits & Tag.Bypassed) tags.push("bypassed");
  if (bits & Tag.Hedged) tags.push("hedged");
  if (bits & Tag.Mirror) tags.push("mirror");
  if (bits & Tag.Child) tags.push("part");
  if (bits & Tag.Replay) tags.push("replay");
  if (bits & Tag.Mock) tags.push("mock");
  if (bits & Tag.Pinned) tags.push("pinned");
  return tags;
}

/** To a thousandth: what a person reads, and shorter in JSON. */
function round(milliseconds: number): number {
  return milliseconds < 0 ? -1 : Math.round(milliseconds * 1000) / 1000;
}
