/**
 * Packed rows that stand beside the ring: each keeps the number that it had, whatever the ring evicts.
 * A row comes here by being taken apart into a recording and packed again, so that filters, explanation and export read
 * it like any other. Must not decide what is kept: pins.ts and imports.ts do, each within its bounds.
 */
import { Chunk, Tag, type PayloadPlace } from "./chunk.ts";
import { decisionOf, passageOf } from "./passage.ts";
import type { RowPlace } from "./recorder.ts";
import type { Recording } from "./recording.ts";

export class Shelf {
  private chunk: Chunk | undefined;
  private readonly places = new Map<number, number>();

  get size(): number {
    return this.places.size;
  }

  /** Ids in the order in which they were put here. */
  get ids(): IterableIterator<number> {
    return this.places.keys();
  }

  get bytes(): number {
    return this.chunk?.bytes ?? 0;
  }

  has(id: number): boolean {
    return this.places.has(id);
  }

  place(id: number): RowPlace | undefined {
    const index = this.places.get(id);
    return index === undefined || this.chunk === undefined ? undefined : { chunk: this.chunk, index };
  }

  /** @returns false when the shelf is full. */
  put(id: number, recording: Recording, state: number, tags: number, payload: PayloadPlace): boolean {
    this.chunk ??= Chunk.numbered();
    if (this.chunk.full) return false;
    const index = this.chunk.begin(recording);
    this.chunk.ids[index] = id;
    this.chunk.end(index, recording, state, tags, payload);
    this.places.set(id, index);
    return true;
  }

  /** Keeps the rows that pass, and gives the memory of the others back. @returns ids of those that went. */
  retain(test: (id: number) => boolean): number[] {
    const gone = [...this.places.keys()].filter((id) => !test(id));
    if (gone.length === 0) return gone;
    const kept = [...this.places].filter(([id]) => test(id));
    const { chunk } = this;
    this.clear();
    if (chunk !== undefined) for (const [id, index] of kept) this.copy(id, { chunk, index });
    return gone;
  }

  clear(): void {
    this.chunk = undefined;
    this.places.clear();
  }

  /** The same row again, from the ring or from another shelf. @param payload where its bytes stand now. */
  copy(id: number, place: RowPlace, payload: PayloadPlace = payloadOf(place), tags = 0): boolean {
    const { chunk, index } = place;
    return this.put(id, unpacked(place), chunk.state[index], chunk.tags[index] | tags, payload);
  }
}

function payloadOf({ chunk, index }: RowPlace): PayloadPlace {
  return { segment: chunk.segment[index], offset: chunk.offset[index] };
}

/** A packed row as the engine had it, but for heads and bodies. */
function unpacked(place: RowPlace): Recording {
  const { chunk, index } = place;
  const { arrival, caller, facts } = passageOf(place, undefined, "");
  const start = chunk.start[index];
  const body = (bytes: number) => ({ bytes, kept: undefined, keptBytes: 0 });
  const tags = chunk.tags[index];
  return {
    id: 0,
    at: chunk.at[index],
    start,
    end: start + Math.max(0, chunk.duration[index]),
    revision: chunk.revision[index],
    seed: chunk.seed[index],
    arrival: { ...arrival, listener: chunk.listener[index] },
    caller,
    facts,
    decision: decisionOf(place),
    requestHead: "",
    upstreamHead: "",
    responseHead: "",
    replyHead: "",
    requestBody: body(chunk.requestBytes[index]),
    responseBody: body(chunk.responseBytes[index]),
    attempts: chunk.unpackAttempts(index),
    status: chunk.status[index],
    failure: chunk.failure[index],
    refusal: chunk.words[chunk.refusal[index]],
    refusalDetail: chunk.words[chunk.refusalDetail[index]],
    upgraded: (tags & Tag.Upgraded) !== 0,
    protocol: tags & Tag.Grpc ? "grpc" : tags & Tag.Http2 ? "h2" : "http/1.1",
    grpcStatus: chunk.grpcStatus[index] - 1,
    ending: chunk.words[chunk.ending[index]] || undefined,
  };
}
