/**
 * Finds the rows that one request left at several listeners of this gateway, as behind a chain of balancers: outermost
 * first. A row belongs behind another when that one had a connection to this listener at that moment, and the client's
 * port here is the port of that connection; or, where a PROXY header named the client, when both name the same client.
 * Must not guess: two rows without such evidence stay apart. Runs when somebody looks, never in a request's path.
 */
import { fieldOf } from "./heads.ts";
import type { Recorder, RowPlace } from "./recorder.ts";

/** Listeners in a row; a longer chain is a mistake somewhere. */
const DEEPEST = 8;
/** A connection may carry any number of requests: the latest are shown. */
const MOST_BEHIND = 6;
/** Times of attempts are kept as 32-bit floats, and a client's clock tick may fall between. Milliseconds. */
const SLACK = 2;

export interface Layer {
  readonly id: number;
  /** 0 for the outermost. */
  readonly depth: number;
  /** What proves that it belongs behind the layer before it. "port": it came from that one's connection. */
  readonly link: "outermost" | "port" | "proxy";
  /** Requests behind this connection that are not in the list. */
  readonly more: number;
}

type PortOf = (listener: string) => number;

/** @param portOf the port that a listener really has. @returns one layer when there is no other. */
export function layersOf(recorder: Recorder, id: number, portOf: PortOf): Layer[] {
  const above: number[] = [id];
  while (above.length < DEEPEST) {
    const outer = outerOf(recorder, above[0], portOf);
    if (outer === undefined) break;
    above.unshift(outer);
  }
  const layers = above.map((one, depth): Layer => ({
    id: one,
    depth,
    link: depth === 0 ? "outermost" : linkBetween(recorder, above[depth - 1], one, portOf)!,
    more: 0,
  }));
  descend(recorder, layers, layers.length - 1, portOf);
  return layers;
}

/** Adds what is behind layers[at], depth first. */
function descend(recorder: Recorder, layers: Layer[], at: number, portOf: PortOf): void {
  const { id, depth } = layers[at];
  if (depth + 1 >= DEEPEST) return;
  const behind = innerOf(recorder, id, portOf);
  const shown = behind.slice(-MOST_BEHIND);
  layers[at] = { ...layers[at], more: behind.length - shown.length };
  for (const inner of shown) {
    layers.push({ id: inner, depth: depth + 1, link: linkBetween(recorder, id, inner, portOf)!, more: 0 });
    descend(recorder, layers, layers.length - 1, portOf);
  }
}

function linkBetween(recorder: Recorder, outer: number, inner: number, portOf: PortOf): Layer["link"] | undefined {
  const from = recorder.place(outer);
  const to = recorder.place(inner);
  return from === undefined || to === undefined ? undefined : link(recorder, from, to, portOf);
}

function outerOf(recorder: Recorder, inner: number, portOf: PortOf): number | undefined {
  const to = recorder.place(inner);
  if (to === undefined) return undefined;
  const at = to.chunk.start[to.index];
  for (let id = inner - 1; id >= recorder.first; id--) {
    const from = recorder.place(id);
    if (from === undefined || !wasOpen(from, at)) continue;
    if (link(recorder, from, to, portOf) !== undefined) return id;
  }
  return undefined;
}

function innerOf(recorder: Recorder, outer: number, portOf: PortOf): number[] {
  const from = recorder.place(outer);
  if (from === undefined || from.chunk.service[from.index] < 0) return [];
  const { chunk, index } = from;
  const end = chunk.duration[index] < 0 ? Infinity : chunk.start[index] + chunk.duration[index] + SLACK;
  const found: number[] = [];
  for (let id = outer + 1; id < recorder.next; id++) {
    const to = recorder.place(id);
    if (to === undefined) continue;
    if (to.chunk.start[to.index] > end) break;
    if (link(recorder, from, to, portOf) !== undefined) found.push(id);
  }
  return found;
}

function wasOpen({ chunk, index }: RowPlace, at: number): boolean {
  if (chunk.service[index] < 0 && chunk.duration[index] >= 0) return false;
  return (
    chunk.start[index] <= at && (chunk.duration[index] < 0 || chunk.start[index] + chunk.duration[index] + SLACK >= at)
  );
}

/** @returns what proves that `to` is the same traffic one listener further, or undefined. */
function link(recorder: Recorder, from: RowPlace, to: RowPlace, portOf: PortOf): "port" | "proxy" | undefined {
  const plan = recorder.plans.get(from.chunk.revision[from.index])?.plan;
  const service = plan?.services[from.chunk.service[from.index]];
  const listener = recorder.plans.get(to.chunk.revision[to.index])?.plan.listeners[to.chunk.listener[to.index]];
  if (service === undefined || listener === undefined) return undefined;
  const port = portOf(listener.name);
  if (!service.endpoints.some((endpoint) => endpoint.port === port)) return undefined;
  const at = to.chunk.start[to.index];
  const clientPort = to.chunk.clientPort[to.index];
  for (const attempt of from.chunk.unpackAttempts(from.index)) {
    if (service.endpoints[attempt.endpoint]?.port !== port) continue;
    if (attempt.startedAt > at + SLACK || (attempt.endedAt >= 0 && attempt.endedAt + SLACK < at)) continue;
    const named = service.proxyProtocol !== undefined && listener.proxyProtocol !== undefined;
    if (named ? sameClient(from, to) : clientPort !== 0 && attempt.localPort === clientPort) {
      return sameTrace(recorder, from, to) ? (named ? "proxy" : "port") : undefined;
    }
  }
  return undefined;
}

function sameClient(from: RowPlace, to: RowPlace): boolean {
  return (
    from.chunk.clientPort[from.index] === to.chunk.clientPort[to.index] &&
    from.chunk.words[from.chunk.client[from.index]] === to.chunk.words[to.chunk.client[to.index]]
  );
}

/** Requests that share a connection of HTTP/2 differ in their trace; where a head is not kept, nothing speaks against. */
function sameTrace(recorder: Recorder, from: RowPlace, to: RowPlace): boolean {
  const sent = recorder.payload(from)?.upstreamHead ?? "";
  const got = recorder.payload(to)?.requestHead ?? "";
  const trace = fieldOf(sent, "traceparent");
  const other = fieldOf(got, "traceparent");
  return trace === undefined || other === undefined || trace === other;
}
