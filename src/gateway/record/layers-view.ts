/**
 * One request as each listener of a chain saw it, side by side: what was known there, what could not be known, and what
 * was decided with it. The words for a layer-4 and a layer-7 listener stand together here, so that they can be compared.
 * Must not find the rows (layers.ts) or decide anything; values go through the mask given.
 */
import type { LayerView } from "../../contract/detail.ts";
import type { Row } from "../../contract/traffic.ts";
import { explain } from "../../decide/explain.ts";
import type { PlanListener } from "../../model/plan.ts";
import { HIDDEN_AT_4, HIDDEN_BY_TLS } from "./connection-view.ts";
import { fieldOf } from "./heads.ts";
import type { Layer } from "./layers.ts";
import type { Recorder, RowPlace } from "./recorder.ts";
import { storyOf } from "./row.ts";

export interface LayersContext {
  readonly recorder: Recorder;
  row(id: number): Row | undefined;
  /** Shows the value of a header field; masks it unless the person asked to see. */
  field(name: string, value: string): string;
}

const LINKS: Readonly<Record<Layer["link"], string>> = {
  outermost: "",
  port: "it came over the connection that the layer before had opened (same port)",
  proxy: "its PROXY header names the same client as the layer before (same address and port)",
};

/** @param current the row that is being looked at. @returns none when the request passed one listener only. */
export function layersView(context: LayersContext, layers: readonly Layer[], current: number): LayerView[] {
  if (layers.length < 2) return [];
  return layers.flatMap((layer) => {
    const place = context.recorder.place(layer.id);
    const row = context.row(layer.id);
    return place === undefined || row === undefined ? [] : [layerView(context, layer, place, row, current)];
  });
}

function layerView(
  { recorder, field }: LayersContext,
  layer: Layer,
  place: RowPlace,
  row: Row,
  current: number,
): LayerView {
  const { chunk, index } = place;
  const plan = recorder.plans.get(chunk.revision[index])?.plan;
  const listener = plan?.listeners[chunk.listener[index]];
  const story = storyOf(explain, recorder, place);
  const layer4 = chunk.protocol[index] !== 0;
  const head = recorder.payload(place)?.requestHead ?? "";
  return {
    id: layer.id,
    depth: layer.depth,
    listener: row.listener,
    layer: layer4 ? 4 : 7,
    speaks: listener?.protocol ?? "",
    current: layer.id === current,
    state: row.state,
    status: row.status,
    termination: row.termination,
    what: layer4 ? `${row.method} connection` : `${row.method} ${row.path}`,
    link: LINKS[layer.link],
    more: layer.more,
    knows: layer4 ? known4(place, row, listener, head) : known7({ place, row, listener, head, field }),
    hidden: layer4 ? [...HIDDEN_AT_4, ...(row.protocol === "tls" ? HIDDEN_BY_TLS : [])] : [],
    steps: (story?.gateway ?? []).map(({ label, sentence, state }) => ({ label, sentence, state })),
    balance: story?.balance?.sentence ?? row.why,
    target: row.endpoint === undefined ? "" : `${row.service} ${row.endpoint}`,
    duration: row.duration,
  };
}

type Known = LayerView["knows"];

function known4(place: RowPlace, row: Row, listener: PlanListener | undefined, head: string): Known {
  return [
    { name: "client", value: clientOf(place, listener) },
    { name: "connected to", value: row.path },
    ...(row.host === "" ? [] : [{ name: "server name (SNI)", value: row.host }]),
    ...(head === "" ? [] : [{ name: "PROXY header", value: head.trim() }]),
    { name: "bytes", value: `${row.requestBytes} in, ${row.responseBytes} out` },
  ];
}

interface Seen {
  readonly place: RowPlace;
  readonly row: Row;
  readonly listener: PlanListener | undefined;
  readonly head: string;
  field(name: string, value: string): string;
}

function known7({ place, row, listener, head, field }: Seen): Known {
  const told = (name: string): Known => {
    const value = fieldOf(head, name);
    return value === undefined
      ? []
      : [{ name: name.replace("x-f", "X-F").replace("-for", "-For"), value: field(name, value) }];
  };
  return [
    { name: "client", value: clientOf(place, listener) },
    ...told("x-forwarded-for"),
    ...(listener?.protocol === "HTTPS" ? [{ name: "TLS", value: "ended here" }] : []),
    ...(row.host === "" ? [] : [{ name: "host", value: row.host }]),
    { name: "method", value: row.method },
    { name: "path", value: row.path },
    { name: "caller", value: row.caller ?? "nobody was asked who they are" },
    ...told("traceparent"),
  ];
}

function clientOf({ chunk, index }: RowPlace, listener: PlanListener | undefined): string {
  const ip = chunk.words[chunk.client[index]];
  const port = chunk.clientPort[index];
  const place = ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
  return listener?.proxyProtocol === undefined ? place : `${place}, as the PROXY header says`;
}
