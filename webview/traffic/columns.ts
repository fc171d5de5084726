/**
 * The columns of the traffic table: what each shows, how wide it is, and which filter term a cell stands for.
 * One list, from which the head, the rows, the column menu and Alt+click are made.
 * Must not know about scrolling or selection.
 */
import { html, nothing, type TemplateResult } from "lit";
import { SORT_KEYS, type Row, type SortKey } from "../../src/contract/traffic.ts";
import { icon } from "../parts/icon.ts";
import { drawTrack, TRACK_WIDTH } from "../parts/track.ts";
import { shiftedStatus } from "../parts/what-if.ts";
import { bytes, clock, clockExact, day, duration, STATES } from "../parts/words.ts";
import type { ViewSettings } from "../channel/host.ts";

export interface Column {
  readonly name: string;
  readonly title: string;
  /** Pixels; of a flexible column, the least. */
  readonly width: number;
  /** Share of the room that is left; 0 = fixed. */
  readonly grow: number;
  readonly right?: boolean;
  /** Off until asked for. */
  readonly optional?: boolean;
  /** Shown by default only when the table is at least this wide. */
  readonly from?: number;
  cell(row: Row): TemplateResult | string | typeof nothing;
  /** Filter term that this cell stands for; undefined = none. */
  term?(row: Row): string | undefined;
}

/** The column's name as a key of the gateway's sorting; undefined = it cannot be sorted by. */
export function sortKey(column: Column): SortKey | undefined {
  return SORT_KEYS.find((key) => key === column.name);
}

/** What was imported is of another day, as a rule. */
export function timeWords({ at, archive }: Row): string {
  return archive === undefined ? clockExact(at) : `${day(at)} ${clock(at).slice(0, 5)}`;
}

/** A value as the filter's grammar takes it. */
export function quote(value: string): string {
  return /^[^\s"|()]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

function term(key: string, value: string | number | undefined): string | undefined {
  return value === undefined || value === "" || value === 0 ? undefined : `${key}:${quote(String(value))}`;
}

function pathOnly(path: string): string {
  const query = path.indexOf("?");
  return query === -1 ? path : path.slice(0, query);
}

export function pathWords(row: Row): TemplateResult {
  // A layer-4 connection to a server name is known by it, not by the address that all of them share.
  if (row.protocol === "tls" && row.host !== "") return html`${row.host} <span class="dim">${row.path}</span>`;
  const path = pathOnly(row.path);
  return html`${path}<span class="dim">${row.path.slice(path.length)}</span>`;
}

export function methodWord(row: Row): string {
  if (row.protocol === "websocket") return "WS";
  return row.protocol === "grpc" ? "gRPC" : row.method;
}

/** Nobody waits for its answer: it is open until somebody closes it. */
function staysOpen({ protocol }: Row): boolean {
  return protocol === "websocket" || protocol === "tcp" || protocol === "udp" || protocol === "tls";
}

/** A gRPC call is known by its own status: the one of HTTP is always 200. */
function outcome({ status, grpcStatus, state, termination }: Row): string {
  if (grpcStatus !== undefined) return String(grpcStatus);
  return status > 0 ? String(status) : state === "pending" ? "…" : (termination ?? "–");
}

/** Glyph, number and, for who does not see them, the word. */
export function statusWords(row: Row): TemplateResult | typeof nothing {
  if (row.whatIf !== undefined) return shiftedStatus(row);
  const { icon: name, word, tone } = STATES[row.state] ?? STATES.aborted;
  const live = row.status === 101 ? "live" : tone;
  const mark = markOf(row, name);
  return html`<span class="status tone-${live}" title=${word}
    ><span title=${mark.title ?? nothing}>${icon(mark.icon)}</span><span>${outcome(row)}</span
    ><span class="unseen"> ${word}${row.tags.length > 0 ? `, ${row.tags.join(", ")}` : ""}</span></span
  >`;
}

/** How it came to its end, where that is more than its state tells. */
function markOf({ tags }: Row, state: string): { icon: string; title?: string } {
  if (tags.includes("replay")) return { icon: "debug-rerun", title: "sent again by a person" };
  if (tags.includes("mock")) return { icon: "diamond", title: "answered by a mock" };
  return { icon: tags.includes("retried") ? "sync" : state };
}

function statusTerm({ status, grpcStatus }: Row): string | undefined {
  return grpcStatus === undefined ? term("status", status) : `grpc:${grpcStatus}`;
}

/** Why, under the policy that judged it; while one is previewed, why it would be judged otherwise. */
export function whyWords({ why, whatIf }: Row): string {
  return whatIf?.why ?? why;
}

export const COLUMNS: readonly Column[] = [
  {
    name: "time",
    title: "Time",
    width: 92,
    grow: 0,
    cell: (row) => html`<span class="num dim">${timeWords(row)}</span>`,
  },
  {
    name: "method",
    title: "Method",
    width: 50,
    grow: 0,
    cell: (row) => html`<span class="num">${methodWord(row)}</span>`,
    term: (row) => term("method", row.method),
  },
  {
    name: "path",
    title: "Path",
    width: 120,
    grow: 1.6,
    cell: pathWords,
    term: (row) => term("path", pathOnly(row.path)),
  },
  {
    name: "track",
    title: "Track",
    width: TRACK_WIDTH,
    grow: 0,
    cell: (row) => drawTrack(row.track),
    term: (row) => (row.state === "ok" ? "is:ok" : row.state === "rejected" ? "is:rejected" : undefined),
  },
  { name: "status", title: "Status", width: 56, grow: 0, cell: statusWords, term: statusTerm },
  {
    name: "route",
    title: "Route",
    width: 84,
    grow: 0.4,
    from: 940,
    cell: ({ route }) => html`<span class=${route === undefined ? "dim" : ""}>${route ?? "–"}</span>`,
    term: (row) => term("route", row.route),
  },
  {
    name: "replica",
    title: "Replica",
    width: 96,
    grow: 0.3,
    from: 1060,
    cell: ({ service, endpoint }) =>
      html`<span class=${service === undefined ? "dim" : ""}>${service ?? "–"}</span>
        <span class="num dim">${endpoint ?? ""}</span>`,
    term: (row) => term("replica", row.endpoint),
  },
  {
    name: "why",
    title: "Why",
    width: 130,
    grow: 1.7,
    cell: (row) => html`<span title=${whyWords(row)}>${whyWords(row)}</span>`,
    term: (row) => term("policy", row.policy),
  },
  {
    name: "duration",
    title: "Duration",
    width: 66,
    grow: 0,
    right: true,
    cell: (row) =>
      html`<span class="num dim">${row.duration < 0 ? (staysOpen(row) ? "open" : "…") : duration(row.duration)}</span>`,
  },
  {
    name: "size",
    title: "Size",
    width: 66,
    grow: 0,
    right: true,
    from: 880,
    cell: (row) => html`<span class="num dim">${bytes(row.responseBytes)}</span>`,
  },
  {
    name: "key",
    title: "Caller",
    width: 90,
    grow: 0.3,
    optional: true,
    cell: (row) => row.caller ?? "–",
    term: (row) => term("key", row.caller),
  },
  {
    name: "policy",
    title: "Policy",
    width: 90,
    grow: 0.3,
    optional: true,
    cell: (row) => row.policy ?? "–",
    term: (row) => term("policy", row.policy),
  },
  {
    name: "attempts",
    title: "Attempts",
    width: 62,
    grow: 0,
    right: true,
    optional: true,
    cell: (row) => html`<span class="num">${row.attempts}</span>`,
  },
  {
    name: "ttfb",
    title: "First byte",
    width: 74,
    grow: 0,
    right: true,
    optional: true,
    cell: (row) => html`<span class="num dim">${duration(row.firstByte) || "–"}</span>`,
  },
  {
    name: "client",
    title: "Client",
    width: 110,
    grow: 0,
    optional: true,
    cell: (row) => html`<span class="num">${row.client}</span>`,
    term: (row) => term("client", row.client),
  },
  {
    name: "sent",
    title: "Request size",
    width: 86,
    grow: 0,
    right: true,
    optional: true,
    cell: (row) => html`<span class="num dim">${bytes(row.requestBytes)}</span>`,
  },
  {
    name: "host",
    title: "Host",
    width: 110,
    grow: 0.3,
    optional: true,
    cell: (row) => row.host,
    term: (row) => term("host", row.host),
  },
  {
    name: "protocol",
    title: "Protocol",
    width: 74,
    grow: 0,
    optional: true,
    cell: (row) => row.protocol,
    term: (row) => term("proto", row.protocol),
  },
  {
    name: "trace",
    title: "Trace ID",
    width: 120,
    grow: 0.5,
    optional: true,
    cell: (row) =>
      row.traceId === undefined
        ? html`<span class="dim">–</span>`
        : html`<span class="num" title=${row.traceId}>${row.traceId}</span>`,
    term: (row) => term("trace", row.traceId),
  },
];

/** What is shown in a table of this width, in the person's order. */
export function shownColumns(settings: ViewSettings, width: number): Column[] {
  const order = settings.order ?? [];
  const place = (column: Column): number => {
    const index = order.indexOf(column.name);
    return index === -1 ? 1000 + COLUMNS.indexOf(column) : index;
  };
  const shown = COLUMNS.filter((column) => {
    const choice = settings.columns?.[column.name]?.shown;
    if (choice !== undefined) return choice;
    return column.optional !== true && width >= (column.from ?? 0);
  });
  return shown.toSorted((a, b) => place(a) - place(b));
}

/** Settings in which a column stands `by` places further right among those that are shown; negative = left. */
export function moveColumn(settings: ViewSettings, width: number, name: string, by: number): ViewSettings {
  const shown = shownColumns(settings, width).map((column) => column.name);
  const from = shown.indexOf(name);
  const to = Math.max(0, Math.min(shown.length - 1, from + by));
  if (from === -1 || to === from) return settings;
  shown.splice(to, 0, ...shown.splice(from, 1));
  // Those that are not shown at the moment keep their place behind the same neighbour as far as they can.
  const others = COLUMNS.map((column) => column.name).filter((one) => !shown.includes(one));
  return { ...settings, order: [...shown, ...others] };
}

/** @param width undefined = as wide as it is by itself. */
export function resizedColumn(settings: ViewSettings, name: string, width: number | undefined): ViewSettings {
  const { width: _width, ...rest } = settings.columns?.[name] ?? {};
  return {
    ...settings,
    columns: { ...settings.columns, [name]: width === undefined ? rest : { ...rest, width } },
  };
}

/** The grid's `grid-template-columns`. */
export function gridTemplate(columns: readonly Column[], settings: ViewSettings): string {
  return columns
    .map((column) => {
      const width = settings.columns?.[column.name]?.width;
      if (width !== undefined) return `${width}px`;
      return column.grow > 0 ? `minmax(${column.width}px, ${column.grow}fr)` : `${column.width}px`;
    })
    .join(" ");
}
