/**
 * Requests read from archives, kept beside the ring: rows for the table and its filters, details for who opens one.
 * Bounded in number and characters; masked before they are kept, so that nothing of a stranger's file is ever revealed.
 * Must not count as traffic: no rate, no limit, no replay and no "what if" sees them.
 */
import type { Detail } from "../../contract/detail.ts";
import type { ImportResult, Row } from "../../contract/traffic.ts";
import { Decision } from "../../model/decision.ts";
import { RowStateCode, Tag } from "./chunk.ts";
import { IMPORTED_REVISION, type NamedParts, type RowTest } from "./filter/compile.ts";
import { readEntry } from "./har-import.ts";
import type { Mask } from "./mask.ts";
import type { RowPlace } from "./recorder.ts";
import { Next, type Recording } from "./recording.ts";
import { Shelf } from "./shelf.ts";

export const MOST_IMPORTED = 2000;
/** Of details as JSON. */
export const MOST_IMPORTED_CHARACTERS = 32 * 1_048_576;
const MOST_PROBLEMS = 3;

/** -1 stands for "none" wherever ids are compared. */
const FIRST_ID = -2;

const STATE_CODES: Readonly<Record<Row["state"], number>> = {
  pending: RowStateCode.Aborted,
  ok: RowStateCode.Ok,
  clientError: RowStateCode.ClientError,
  upstreamError: RowStateCode.UpstreamError,
  rejected: RowStateCode.Rejected,
  aborted: RowStateCode.Aborted,
};

interface Kept {
  readonly row: Row;
  /** Detail as JSON: a tenth of what its objects take. */
  readonly detail: string;
}

/** A name's place in a growing list. */
class Names<Entry extends { readonly name: string }> {
  readonly list: Entry[] = [];
  private readonly places = new Map<string, number>();

  place(name: string | undefined, make: (name: string) => Entry): number {
    if (name === undefined) return -1;
    const known = this.places.get(name);
    if (known !== undefined) return known;
    this.places.set(name, this.list.length);
    return this.list.push(make(name)) - 1;
  }
}

interface ImportedService {
  readonly name: string;
  readonly endpoints: { index: number; label: string; port: number; url: string }[];
}

export class Imports {
  private readonly shelf = new Shelf();
  private readonly kept = new Map<number, Kept>();
  private readonly routes = new Names<{ readonly name: string }>();
  private readonly services = new Names<ImportedService>();
  private readonly steps = new Names<{ readonly name: string; readonly kind: string }>();
  /** What filters go by: routes, services and policies as the archives name them. */
  readonly names: NamedParts = { routes: this.routes.list, services: this.services.list, steps: this.steps.list };
  private characters = 0;
  private nextId = FIRST_ID;

  get count(): number {
    return this.kept.size;
  }

  /** In the order in which they were read. */
  get ids(): readonly number[] {
    return [...this.kept.keys()];
  }

  place(id: number): RowPlace | undefined {
    return this.shelf.place(id);
  }

  row(id: number): Row | undefined {
    return this.kept.get(id)?.row;
  }

  detail(id: number): Detail | undefined {
    const kept = this.kept.get(id);
    return kept === undefined ? undefined : (JSON.parse(kept.detail) as Detail);
  }

  /** @param first number of the first entry within its file, from 0. */
  add(archive: string, first: number, entries: readonly unknown[], mask: Mask): ImportResult {
    const problems: string[] = [];
    let imported = 0;
    let skipped = 0;
    for (const [offset, entry] of entries.entries()) {
      if (this.kept.size >= MOST_IMPORTED || this.characters >= MOST_IMPORTED_CHARACTERS)
        return { imported, skipped, problems, full: this.fullWords() };
      const read = readEntry(entry, { id: this.nextId, archive, mask });
      if (typeof read === "string") {
        skipped++;
        if (problems.length < MOST_PROBLEMS) problems.push(`entry ${first + offset + 1}: ${read}`);
        continue;
      }
      this.keep(read.row, read.detail);
      imported++;
    }
    return { imported, skipped, problems };
  }

  takeOut(test: RowTest): number[] {
    const gone = this.shelf.retain((id) => {
      const place = this.shelf.place(id);
      return place === undefined || !test(place.chunk, place.index);
    });
    for (const id of gone) this.forget(id);
    return gone;
  }

  clear(): void {
    this.shelf.clear();
    this.kept.clear();
    this.characters = 0;
  }

  private fullWords(): string {
    return this.kept.size >= MOST_IMPORTED
      ? `${MOST_IMPORTED} imported requests are kept at most`
      : `${MOST_IMPORTED_CHARACTERS / 1_048_576} MiB of imported requests are kept at most`;
  }

  private forget(id: number): void {
    this.characters -= this.kept.get(id)?.detail.length ?? 0;
    this.kept.delete(id);
  }

  private keep(row: Row, detail: Detail): void {
    const text = JSON.stringify(detail);
    this.nextId--;
    this.kept.set(row.id, { row, detail: text });
    this.characters += text.length;
    const tags = Tag.Imported | (row.tags.includes("retried") ? Tag.Retried : 0);
    this.shelf.put(row.id, this.recordingOf(row), STATE_CODES[row.state], tags, { segment: 0, offset: 0 });
  }

  /** What filters and sorting look at. */
  private recordingOf(row: Row): Recording {
    const mark = row.path.indexOf("?");
    const decision = new Decision();
    decision.route = decision.match = this.routes.place(row.route, (name) => ({ name }));
    decision.step = this.steps.place(row.policy, (name) => ({ name, kind: "" }));
    decision.service = this.services.place(row.service, (name) => ({ name, endpoints: [] }));
    decision.endpoint = decision.service < 0 ? -1 : this.endpointOf(this.services.list[decision.service], row.endpoint);
    const body = (bytes: number) => ({ bytes, kept: undefined, keptBytes: 0 });
    const attempt = {
      endpoint: -1,
      startedAt: 0,
      connectedAt: -1,
      sentAt: -1,
      firstByteAt: row.firstByte,
      endedAt: -1,
      status: row.status,
      failure: 0,
      reused: false,
      next: Next.Nothing,
    };
    return {
      id: 0,
      at: row.at,
      start: 0,
      end: Math.max(0, row.duration),
      revision: IMPORTED_REVISION,
      seed: 0,
      arrival: {
        layer: 7,
        listener: -1,
        clientIp: row.client,
        clientPort: 0,
        method: row.method,
        host: row.host,
        path: mark === -1 ? row.path : row.path.slice(0, mark),
        query: mark === -1 ? undefined : row.path.slice(mark + 1),
        header: () => undefined,
      },
      caller: { consumer: row.caller, groups: [], jwt: undefined, label: row.caller },
      facts: {},
      decision,
      requestHead: "",
      upstreamHead: "",
      responseHead: "",
      replyHead: "",
      requestBody: body(row.requestBytes),
      responseBody: body(row.responseBytes),
      attempts: Array.from({ length: row.attempts }, () => attempt),
      status: row.status,
      failure: 0,
      refusal: "",
      refusalDetail: "",
      upgraded: row.protocol === "websocket",
      protocol: row.protocol === "grpc" || row.protocol === "h2" ? row.protocol : "http/1.1",
      grpcStatus: row.grpcStatus ?? -1,
    };
  }

  private endpointOf({ endpoints }: ImportedService, label: string | undefined): number {
    if (label === undefined) return -1;
    const known = endpoints.findIndex((endpoint) => endpoint.label === label);
    if (known !== -1) return known;
    const port = Number(/:(\d{1,5})$/.exec(label)?.[1] ?? 0);
    return endpoints.push({ index: endpoints.length, label, port, url: label }) - 1;
  }
}
