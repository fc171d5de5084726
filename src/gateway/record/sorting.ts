/**
 * Requests in the order of a column, as they are at one moment. A hundred thousand of them take longer than a request
 * may wait, so the work is cut into slices of a few milliseconds with everybody else's turn between them.
 * Must not follow what happens meanwhile: whoever sorts tells as of when.
 */
import type { SortKey } from "../../contract/traffic.ts";
import { RowStateCode } from "./chunk.ts";
import { IMPORTED_REVISION, type NamedParts } from "./filter/compile.ts";
import type { Recorder, RowPlace } from "./recorder.ts";
import { protocolOf } from "./row.ts";

/** Rows sorted, or merged, between two turns. */
const SLICE = 4096;

type Key = number | string | undefined;

/** What a request is sorted by; undefined = it has no such thing, and comes last either way. */
export function sortKeyOf(recorder: Recorder, imported: NamedParts, by: SortKey): (id: number) => Key {
  const read = reader(by);
  return (id) => {
    const place = recorder.place(id);
    if (place === undefined) return undefined;
    const revision = place.chunk.revision[place.index];
    const parts = revision === IMPORTED_REVISION ? imported : recorder.plans.get(revision)?.plan;
    return read(place, parts);
  };
}

type Read = (place: RowPlace, parts: NamedParts | undefined) => Key;

function reader(by: SortKey): Read {
  switch (by) {
    case "time":
      return ({ chunk, index }) => chunk.at[index];
    case "status":
      return ({ chunk, index }) => chunk.status[index] || undefined;
    case "duration":
      return ({ chunk, index }) => (chunk.state[index] === RowStateCode.Pending ? undefined : chunk.duration[index]);
    case "ttfb":
      return ({ chunk, index }) => (chunk.firstByte[index] < 0 ? undefined : chunk.firstByte[index]);
    case "size":
      return ({ chunk, index }) => chunk.responseBytes[index];
    case "sent":
      return ({ chunk, index }) => chunk.requestBytes[index];
    case "attempts":
      return ({ chunk, index }) => chunk.attempts[index];
    case "method":
      return ({ chunk, index }) => chunk.words[chunk.method[index]] || undefined;
    case "path":
      return ({ chunk, index }) => chunk.words[chunk.path[index]] || undefined;
    case "host":
      return ({ chunk, index }) => chunk.words[chunk.host[index]] || undefined;
    case "client":
      return ({ chunk, index }) => chunk.words[chunk.client[index]] || undefined;
    case "key":
      return ({ chunk, index }) => chunk.words[chunk.caller[index]] || undefined;
    case "protocol":
      return protocolOf;
    case "route":
      return ({ chunk, index }, parts) => parts?.routes[chunk.route[index]]?.name;
    case "policy":
      return ({ chunk, index }, parts) => parts?.steps[chunk.step[index]]?.name;
    case "replica":
      return ({ chunk, index }, parts) => {
        const service = parts?.services[chunk.service[index]];
        return service && `${service.name} ${service.endpoints[chunk.endpoint[index]]?.label ?? ""}`;
      };
  }
}

/** @param turn lets others run. @param ids in the order that requests with equal keys keep. */
export async function sortIds(
  ids: readonly number[],
  keyOf: (id: number) => Key,
  descending: boolean,
  turn: () => Promise<unknown>,
): Promise<number[]> {
  const known: number[] = [];
  const keys: (number | string)[] = [];
  const without: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (i % SLICE === 0) await turn();
    const key = keyOf(ids[i]);
    if (key === undefined) without.push(ids[i]);
    else {
      known.push(ids[i]);
      keys.push(key);
    }
  }
  const sign = descending ? -1 : 1;
  const compare = (a: number, b: number): number => {
    if (keys[a] === keys[b]) return a - b;
    return keys[a] < keys[b] ? -sign : sign;
  };
  const order = await sortedIndexes(known.length, compare, turn);
  const sorted: number[] = [];
  for (const index of order) sorted.push(known[index]);
  for (const id of without) sorted.push(id);
  return sorted;
}

/** Merge sort from runs of one slice upwards. */
async function sortedIndexes(
  count: number,
  compare: (a: number, b: number) => number,
  turn: () => Promise<unknown>,
): Promise<Uint32Array> {
  let from = Uint32Array.from({ length: count }, (_, i) => i);
  let to = new Uint32Array(count);
  for (let begin = 0; begin < count; begin += SLICE) {
    await turn();
    from.subarray(begin, begin + SLICE).sort(compare);
  }
  for (let width = SLICE; width < count; width *= 2) {
    for (let begin = 0; begin < count; begin += 2 * width) {
      const middle = Math.min(begin + width, count);
      const end = Math.min(begin + 2 * width, count);
      let left = begin;
      let right = middle;
      for (let at = begin; at < end; at++) {
        if (at % SLICE === 0) await turn();
        const takeLeft = right >= end || (left < middle && compare(from[left], from[right]) <= 0);
        to[at] = takeLeft ? from[left++] : from[right++];
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
