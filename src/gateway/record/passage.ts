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
  const protocol = chunk.words[chunk.protocol[index]];
  if (protocol !== "") return arrivalOfLayer4({ chunk, index }, protocol as NonNullable<Arrival["protocol"]>, target);
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

/** @param target "address:port" that the client connected to. */
function arrivalOfLayer4(
  { chunk, index }: RowPlace,
  protocol: NonNullable<Arrival["protocol"]>,
  target: string,
): Arrival {
  const colon = target.lastIndexOf(":");
  const name = chunk.words[chunk.host[index]] || undefined;
  return {
    layer: 4,
    listener: Math.max(0, chunk.listener[index]),
    clientIp: chunk.words[chunk.client[index]],
    clientPort: chunk.clientPort[index],
    protocol,
    localIp: target.slice(0, Math.max(0, colon)).replace(/^\[|\]$/g, ""),
    localPort: Number(target.slice(colon + 1)),
    host: name,
    sni: name,
    header: () => undefined,
  };
}
