/**
 * The ring of recorded requests: packed rows, and behind them heads, bodies and decisions, within byte budgets.
 * It runs inside every request, so it copies numbers and interned words and leaves formatting to whoever looks
 * (row.ts, detail.ts). Must not mask, format, or throw into the engine.
 */
import type { Arrival } from "../../model/arrival.ts";
import { BuiltIn, Decision } from "../../model/decision.ts";
import { Failure } from "../../model/state.ts";
import { Chunk, CHUNK_ROWS, RowStateCode, Tag, traceTags } from "./chunk.ts";
import { Analytics } from "../analytics/analytics.ts";
import { Ending } from "../analytics/series.ts";
import { wasKilled } from "./ending.ts";
import { isCallersFault } from "./grpc-status.ts";
import { PayloadRing, type Payload } from "./payload-ring.ts";
import { PlanBook } from "./plan-book.ts";
import { Durations, Rate } from "./rates.ts";
import { wasRetried, type Captured, type RecordKeeper, type Recording } from "./recording.ts";

export interface RecorderOptions {
  /** Monotonic milliseconds. */
  now(): number;
  /** Rows kept; the oldest go in chunks of 4,096. Default 100,000. */
  readonly rows?: number;
  /** Bytes for rows, traces and their words. Default 40 MiB. */
  readonly rowBytes?: number;
  /** Bytes for heads and bodies. Default 8 MiB: rows and these together stay well below 64 MiB. */
  readonly payloadBytes?: number;
  /** Bytes kept of each body. Default 64 KiB. */
  readonly bodyBytes?: number;
}

/** Told of what happens to rows; called in the request's path, so it must only take a note. */
export interface RecorderListener {
  began(id: number): void;
  /** A pending row shows more than it did. */
  progressed?(id: number): void;
  ended(id: number): void;
  /** Rows before `first` are gone. */
  evicted(first: number): void;
  cleared(): void;
}

/** Captured bodies of requests that have not ended may hold this much in all; beyond it nothing more is captured. */
const PENDING_CAPTURE_BYTES = 16 * 1_048_576;
const POOL = 512;

/** A body that comes in one piece of at most this many bytes is kept as text: cheaper than a buffer of its own. */
const SMALL_BODY = 2048;

const NOTHING: Arrival = { layer: 7, listener: -1, clientIp: "", clientPort: 0, header: () => undefined };
const NO_GROUPS: readonly string[] = [];
const NOBODY: Recording["caller"] = { consumer: undefined, groups: NO_GROUPS, jwt: undefined, label: undefined };
const NO_FACTS: Recording["facts"] = {};

class CapturedBody implements Captured {
  bytes = 0;
  text = "";
  kept: Buffer | undefined = undefined;
  keptBytes = 0;
}

/**
 * Made for each request: an object that lives as shortly as its request costs less than one that is reused, since every
 * string written into an old object must be told to the garbage collector. Only the decision, with its trace, is lent.
 */
class LiveRecording implements Recording {
  id = 0;
  /** Recorded at all (recording may be switched off), and begun. */
  kept = false;
  at = 0;
  start = 0;
  end = 0;
  revision = 0;
  seed = 0;
  arrival = NOTHING;
  caller = NOBODY;
  facts = NO_FACTS;
  decision: Decision;
  readonly ownDecision: Decision;
  requestHead = "";
  upstreamHead = "";
  responseHead = "";
  replyHead = "";
  readonly requestBody = new CapturedBody();
  readonly responseBody = new CapturedBody();
  attempts: Recording["attempts"] = [];
  status = 0;
  failure = 0;
  refusal = "";
  refusalDetail = "";
  upgraded = false;
  protocol: Recording["protocol"] = "http/1.1";
  grpcStatus = -1;
  ending: string | undefined = undefined;

  constructor(decision: Decision) {
    this.decision = this.ownDecision = decision;
  }
}

/** Where one row is. */
export interface RowPlace {
  readonly chunk: Chunk;
  readonly index: number;
}

/** Rows that are not in the ring, or that are and are not to be listed: keeping.ts. */
export interface RowsBeside {
  /** Grows whenever the list of all rows is another one for reasons that the ring does not know. */
  readonly changes: number;
  /** Ids of the rows that are not in the ring, in the order in which they are listed before it. */
  readonly ids: readonly number[];
  /** Rows of the ring that a person took out of the list. */
  readonly taken: number;
  place(id: number): RowPlace | undefined;
}

const NOTHING_BESIDE: RowsBeside = { changes: 0, ids: [], taken: 0, place: () => undefined };

export class Recorder implements RecordKeeper {
  beside = NOTHING_BESIDE;
  readonly plans = new PlanBook();
  readonly rate = new Rate();
  readonly durations = new Durations();
  readonly analytics: Analytics;
  readonly payloads: PayloadRing;
  readonly now: () => number;
  private readonly maximumRows: number;
  private readonly maximumBytes: number;
  private readonly bodyBytes: number;
  private readonly chunks: Chunk[] = [];
  /** The chunk that went last: the next one is made of it. */
  private spare: Chunk | undefined;
  private readonly listeners = new Set<RecorderListener>();
  /** Decisions that nobody has at the moment. */
  private readonly decisions: Decision[] = [];
  private nextId = 1;
  private unkept = 0;
  private base = 1;
  private pendingCapture = 0;
  private droppedRows = 0;
  private latestRejection = 0;
  recording = true;

  constructor(options: RecorderOptions) {
    this.now = options.now;
    this.analytics = new Analytics(options.now());
    this.maximumRows = options.rows ?? 100_000;
    this.maximumBytes = options.rowBytes ?? 40 * 1_048_576;
    this.bodyBytes = options.bodyBytes ?? 65_536;
    this.payloads = new PayloadRing(options.payloadBytes ?? 8 * 1_048_576);
  }

  // ---- What the engine calls ------------------------------------------------------------------------------------

  open(): Recording {
    return new LiveRecording(this.decisions.pop() ?? new Decision());
  }

  began(recording: Recording): void {
    const live = recording as LiveRecording;
    if (!this.recording) {
      // The journal tells requests apart also while nobody keeps them.
      if (live.id === 0) live.id = --this.unkept;
      return;
    }
    if (live.kept) return;
    live.kept = true;
    let chunk = this.chunks[this.chunks.length - 1];
    if (chunk === undefined || chunk.full) chunk = this.nextChunk();
    chunk.begin(recording);
    live.id = this.nextId++;
    for (const listener of this.listeners) listener.began(live.id);
  }

  captureRequest(recording: Recording, bytes: Buffer, start: number, end: number): void {
    this.capture(recording.requestBody, bytes, start, end);
  }

  captureResponse(recording: Recording, bytes: Buffer, start: number, end: number): void {
    this.capture(recording.responseBody, bytes, start, end);
  }

  progressed(recording: Recording): void {
    const live = recording as LiveRecording;
    const place = live.kept ? this.place(live.id) : undefined;
    if (place === undefined) return;
    place.chunk.progress(place.index, recording);
    for (const listener of this.listeners) listener.progressed?.(live.id);
  }

  ended(recording: Recording): void {
    const live = recording as LiveRecording;
    const state = stateOf(live);
    this.countEnd(live, state);
    if (!live.kept && this.recording) this.began(live);
    if (live.kept && live.id >= this.base) this.pack(live, state);
    this.pendingCapture -= sizeOf(live.requestBody) + sizeOf(live.responseBody);
    if (this.decisions.length < POOL) {
      live.ownDecision.clear();
      this.decisions.push(live.ownDecision);
    }
  }

  // ---- What watchers ask ----------------------------------------------------------------------------------------

  /** Id of the oldest row kept. */
  get first(): number {
    return this.base;
  }

  /** Id that the next row will get: rows are `first` to `next - 1`. */
  get next(): number {
    return this.nextId;
  }

  get total(): number {
    return this.nextId - this.base;
  }

  /** Rows that were evicted since the start or the last clear. */
  get dropped(): number {
    return this.droppedRows;
  }

  /** Id of the latest refused request that is still kept; 0 = none. */
  get lastRejection(): number {
    return this.latestRejection >= this.base ? this.latestRejection : 0;
  }

  /** Bytes held for rows, heads and bodies. */
  get bytes(): number {
    return this.rowBytes() + this.payloads.bytes;
  }

  place(id: number): RowPlace | undefined {
    if (id < this.base || id >= this.nextId) return this.beside.place(id);
    const offset = id - this.chunks[0].firstId;
    const chunk = this.chunks[Math.floor(offset / CHUNK_ROWS)];
    return chunk === undefined ? undefined : { chunk, index: offset % CHUNK_ROWS };
  }

  /** Every chunk, oldest first: for filters. */
  get all(): readonly Chunk[] {
    return this.chunks;
  }

  payload({ chunk, index }: RowPlace): Payload | undefined {
    return this.payloads.read(chunk.segment[index], chunk.offset[index]);
  }

  listen(listener: RecorderListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  clear(): void {
    this.chunks.length = 0;
    this.spare = undefined;
    this.base = this.nextId;
    this.droppedRows = 0;
    this.payloads.clear();
    for (const listener of this.listeners) listener.cleared();
  }

  // ---- Inside ---------------------------------------------------------------------------------------------------

  private nextChunk(): Chunk {
    const chunk = this.spare?.renew(this.nextId) ?? new Chunk(this.nextId);
    this.spare = undefined;
    this.chunks.push(chunk);
    this.evict();
    return chunk;
  }

  private evict(): void {
    const before = this.base;
    while (this.chunks.length > 1) {
      const beyondOldest = (this.chunks.length - 2) * CHUNK_ROWS;
      if (beyondOldest < this.maximumRows && this.rowBytes() <= this.maximumBytes) break;
      const gone = this.chunks.shift()!;
      this.spare = gone;
      this.droppedRows += gone.count;
      this.base = this.chunks[0].firstId;
    }
    if (this.base === before) return;
    this.plans.keepFrom(Math.min(...this.chunks.map((chunk) => chunk.lowestRevision)));
    for (const listener of this.listeners) listener.evicted(this.base);
  }

  private rowBytes(): number {
    let sum = this.spare?.bytes ?? 0;
    for (const chunk of this.chunks) sum += chunk.bytes;
    return sum;
  }

  private capture(body: Captured, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    body.bytes += length;
    if (!this.recording || body.keptBytes >= this.bodyBytes || length <= 0) return;
    if (body.keptBytes === 0 && length <= SMALL_BODY && length <= this.bodyBytes) {
      if (this.pendingCapture + length > PENDING_CAPTURE_BYTES) return;
      this.pendingCapture += length;
      body.text = bytes.toString("latin1", start, end);
      body.keptBytes = length;
      return;
    }
    const wanted = Math.min(length, this.bodyBytes - body.keptBytes);
    if (body.kept === undefined || body.keptBytes + wanted > body.kept.length) {
      const size = Math.min(this.bodyBytes, Math.max(wanted + body.keptBytes, 2 * sizeOf(body)));
      const grown = size - sizeOf(body);
      if (this.pendingCapture + grown > PENDING_CAPTURE_BYTES) return;
      this.pendingCapture += grown;
      const larger = Buffer.allocUnsafe(size);
      if (body.kept === undefined) larger.write(body.text ?? "", 0, "latin1");
      else body.kept.copy(larger, 0, 0, body.keptBytes);
      body.kept = larger;
      body.text = "";
    }
    bytes.copy(body.kept, body.keptBytes, start, start + wanted);
    body.keptBytes += wanted;
  }

  private countEnd(recording: Recording, state: number): void {
    const { decision, end, attempts } = recording;
    const rejected = state === RowStateCode.Rejected;
    this.rate.count(end, rejected);
    // How long a connection stays open says nothing about how fast anything is.
    if (recording.arrival.layer === 7) this.durations.count(end, end - recording.start);
    const page = this.plans.get(recording.revision);
    if (page === undefined) return;
    page.routes[decision.route]?.count(end, rejected);
    this.analytics.count(recording, page.plan, endingOf(state));
    for (let k = 0; k < attempts.length; k++) {
      const { endpoint, startedAt, firstByteAt, failure, status } = attempts[k];
      const firstByte = firstByteAt < 0 ? -1 : firstByteAt - startedAt;
      const grpc = k === attempts.length - 1 ? blamedGrpc(recording) : 0;
      const failed = failure !== 0 || status >= 500 || grpc !== 0;
      page.endpoints[decision.service]?.[endpoint]?.attempt(end, failed, firstByte, grpc);
    }
  }

  private isMock({ decision, revision }: LiveRecording): boolean {
    return this.plans.get(revision)?.plan.steps[decision.answer]?.policy.mocks === true;
  }

  private pack(recording: LiveRecording, state: number): void {
    const place = this.place(recording.id);
    if (place === undefined) return;
    this.payloads.write(recording);
    const { attempts } = recording;
    let tags = 0;
    for (let k = 0; k < attempts.length; k++) if (attempts[k].simulated === true) tags |= Tag.Simulated;
    if (attempts.length > 1) tags |= attemptTags(attempts);
    if (recording.upgraded) tags |= Tag.Upgraded;
    if (recording.protocol !== "http/1.1") tags |= recording.protocol === "grpc" ? Tag.Grpc : Tag.Http2;
    tags |= traceTags(recording.decision);
    if (recording.refusal !== "") tags |= Tag.EngineRefused;
    if (recording.decision.answer >= 0 && this.isMock(recording)) tags |= Tag.Mock;
    place.chunk.end(place.index, recording, state, tags, this.payloads);
    if (state === RowStateCode.Rejected) this.latestRejection = recording.id;
    for (const listener of this.listeners) listener.ended(recording.id);
  }
}

function attemptTags(attempts: Recording["attempts"]): number {
  return (
    (attempts.some(wasRetried) ? Tag.Retried : 0) | (attempts.some(({ hedge }) => hedge === true) ? Tag.Hedged : 0)
  );
}

function sizeOf(body: Captured): number {
  return body.kept?.length ?? 0;
}

function endingOf(state: number): number {
  if (state === RowStateCode.Rejected) return Ending.Rejected;
  return state === RowStateCode.UpstreamError ? Ending.Failed : Ending.Well;
}

/** gRPC status that the backend gave and that speaks against it; 0 = none. */
function blamedGrpc({ grpcStatus, failure, refusal, decision }: Recording): number {
  if (grpcStatus <= 0 || failure !== Failure.None || refusal !== "" || decision.refused) return 0;
  return isCallersFault(grpcStatus) ? 0 : grpcStatus;
}

/** Refusals for which the backend is to blame and not the request. */
function ofBackend(builtIn: number): boolean {
  return builtIn === BuiltIn.NoEndpoint || builtIn === BuiltIn.CircuitOpen;
}

/** How a request ended, in the words of the contract's RowState. */
export function stateOf(recording: Recording): number {
  const { decision, failure, status } = recording;
  if (decision.step >= 0) return RowStateCode.Rejected;
  if (decision.builtIn !== BuiltIn.None)
    return ofBackend(decision.builtIn) ? RowStateCode.UpstreamError : RowStateCode.Rejected;
  if (failure === Failure.ClientGone) return RowStateCode.Aborted;
  if (wasKilled(recording.ending)) return RowStateCode.Aborted;
  if (failure !== Failure.None) return RowStateCode.UpstreamError;
  if (recording.arrival.layer === 4) return recording.refusal === "" ? RowStateCode.Ok : RowStateCode.Rejected;
  if (recording.refusal !== "") return status >= 500 ? RowStateCode.UpstreamError : RowStateCode.Rejected;
  if (status >= 500 || status === 0) return RowStateCode.UpstreamError;
  // Every gRPC answer has the status 200: how the call went stands in its trailers.
  if (recording.grpcStatus > 0)
    return isCallersFault(recording.grpcStatus) ? RowStateCode.ClientError : RowStateCode.UpstreamError;
  return status >= 400 ? RowStateCode.ClientError : RowStateCode.Ok;
}
