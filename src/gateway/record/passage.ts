/**
 * A recorded row as the core sees a request: the Passage and Decision from which `explain` words the story.
 * Must not invent what was evicted: header() of an evicted head answers undefined.
 */
import type { Arrival, Passage } from "../../model/arrival.ts";
import { Decision } from "../../model/decision.ts";
import { fieldOf } from "./heads.ts";
import type { RowPlace } from "./recorder.ts";

export function decisionOf({ chunk, index }: RowPlace): Decision {
  const decision = new Decision();
  chunk.unpackDecision(index, decision);
  return decision;
}

/** @param requestHead undefined when it is evicted. @param requestId as the client was told it. */
export function passageOf({ chunk, index }: RowPlace, requestHead: string | undefined, requestId: string): Passage {
  const { caller, facts } = chunk.unpackIdentity(index);
  return {
    arrival: arrivalOf({ chunk, index }, requestHead),
    caller,
    facts,
    seed: chunk.seed[index],
    tried: 0,
    wallClock: chunk.at[index],
    requestId: () => requestId,
  };
}

function arrivalOf({ chunk, index }: RowPlace, requestHead: string | undefined): Arrival {
  const target = chunk.words[chunk.path[index]];
  const mark = target.indexOf("?");
  return {
    layer: 7,
    listener: Math.max(0, chunk.listener[index]),
    clientIp: chunk.words[chunk.client[index]],
    clientPort: chunk.clientPort[index],
    method: chunk.words[chunk.method[index]],
    host: chunk.words[chunk.host[index]],
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? undefined : target.slice(mark + 1),
    header: (name) => (requestHead === undefined ? undefined : fieldOf(requestHead, name)),
  };
}
