/**
 * Requests that a person pinned: row, decision, heads and bodies are kept when the ring lets go of them.
 * Bounded in number and bytes: what does not fit is refused in words, and no pin ever pushes out another.
 * Must not cost requests anything: a pin is a copy, made when somebody asks for it.
 */
import { RowStateCode, Tag, type PayloadPlace } from "./chunk.ts";
import type { Recorder, RowPlace } from "./recorder.ts";
import { Shelf } from "./shelf.ts";

export const MOST_PINS = 200;
/** For heads and bodies. */
export const MOST_PIN_BYTES = 16 * 1_048_576;

interface Pin {
  /** Where heads and bodies stood in the ring. */
  readonly origin: PayloadPlace;
  readonly apart: number;
  readonly bytes: number;
}

export class Pins {
  private readonly recorder: Recorder;
  private readonly shelf = new Shelf();
  private readonly pins = new Map<number, Pin>();
  private bytesHeld = 0;

  constructor(recorder: Recorder) {
    this.recorder = recorder;
  }

  get count(): number {
    return this.pins.size;
  }

  get bytes(): number {
    return this.bytesHeld + this.shelf.bytes;
  }

  has(id: number): boolean {
    return this.pins.has(id);
  }

  place(id: number): RowPlace | undefined {
    return this.shelf.place(id);
  }

  /** Ids of pinned requests whose rows the ring has evicted, oldest first. */
  outside(): number[] {
    return [...this.shelf.ids].filter((id) => id < this.recorder.first).toSorted((a, b) => a - b);
  }

  /** @returns why it cannot be pinned; undefined when it is. */
  pin(id: number): string | undefined {
    const { recorder } = this;
    if (this.pins.has(id)) return undefined;
    const place = recorder.place(id);
    if (place === undefined || (place.chunk.tags[place.index] & Tag.Cleared) !== 0)
      return "That request is no longer kept.";
    const { chunk, index } = place;
    if ((chunk.tags[index] & Tag.Imported) !== 0)
      return "It was imported and is not in the ring: it stays until it is cleared, without a pin.";
    if (chunk.state[index] === RowStateCode.Pending) return "It has not ended yet: pin it once it has.";
    if (this.pins.size >= MOST_PINS)
      return `${MOST_PINS} requests are pinned, and more are not kept. Unpin one: is:pinned shows them.`;
    const origin = { segment: chunk.segment[index], offset: chunk.offset[index] };
    const bytes = recorder.payloads.sizeOf(origin.segment, origin.offset);
    if (this.bytesHeld + bytes > MOST_PIN_BYTES)
      return (
        `Pinned requests hold ${mebibytes(this.bytesHeld)} of ${mebibytes(MOST_PIN_BYTES)} MiB, and this one has ` +
        `${mebibytes(bytes)} more. Unpin one: is:pinned shows them.`
      );
    const apart = recorder.payloads.setApart(origin.segment, origin.offset);
    this.shelf.copy(id, place, { segment: apart, offset: 0 }, Tag.Pinned);
    this.pins.set(id, { origin, apart, bytes });
    this.bytesHeld += bytes;
    chunk.tags[index] |= Tag.Pinned;
    // What the ring has of it may go before its row does.
    if (apart !== 0) pointTo(place, { segment: apart, offset: 0 });
    this.holdPlans();
    return undefined;
  }

  /** @returns false when it was not pinned. */
  unpin(id: number): boolean {
    const pin = this.pins.get(id);
    if (pin === undefined) return false;
    this.pins.delete(id);
    this.bytesHeld -= pin.bytes;
    this.shelf.retain((kept) => kept !== id);
    const place = this.recorder.place(id);
    if (place !== undefined) {
      place.chunk.tags[place.index] &= ~Tag.Pinned;
      if (pin.apart !== 0) pointTo(place, pin.origin);
    }
    this.recorder.payloads.drop(pin.apart);
    this.holdPlans();
    return true;
  }

  clear(): void {
    for (const { apart } of this.pins.values()) this.recorder.payloads.drop(apart);
    this.pins.clear();
    this.shelf.clear();
    this.bytesHeld = 0;
    this.holdPlans();
  }

  /** A row is explained by the plan that judged it. */
  private holdPlans(): void {
    const places = [...this.shelf.ids].map((id) => this.shelf.place(id));
    this.recorder.plans.held = new Set(places.map((place) => place!.chunk.revision[place!.index]));
  }
}

function pointTo({ chunk, index }: RowPlace, { segment, offset }: PayloadPlace): void {
  chunk.segment[index] = segment;
  chunk.offset[index] = offset;
}

function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1);
}
