/**
 * The newest requests of a filter as an HTTP Archive, made in slices so that no request waits for it.
 * Must not hold up the loop: a few entries, then everybody else's turn.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Detail } from "../../contract/detail.ts";
import type { HarExport } from "../../contract/traffic.ts";
import { harEntryOf, harText, type HarEntry } from "../record/har.ts";

/** An archive is for reading; more than this nobody reads. */
export const MOST_ENTRIES = 1000;
const MOST_CHARACTERS = 32 * 1_048_576;
const SLICE = 8;

export interface HarSource {
  /** Ids of the requests that match, oldest first. */
  readonly ids: readonly number[];
  /** undefined = evicted meanwhile. */
  detail(id: number): Detail | undefined;
  origin(listener: string): string;
  readonly version: string;
}

export async function exportHar({ ids, detail, origin, version }: HarSource): Promise<HarExport> {
  const entries: HarEntry[] = [];
  let characters = 0;
  const newest = ids.slice(-MOST_ENTRIES);
  for (let i = newest.length - 1; i >= 0 && characters < MOST_CHARACTERS; i--) {
    if (i % SLICE === 0) await turn();
    const found = detail(newest[i]);
    // A connection of layer 4 is no HTTP; a request that has not ended has no answer to archive.
    if (found === undefined || found.connection !== undefined || found.row.state === "pending") continue;
    const entry = harEntryOf(found, origin(found.row.listener));
    characters += JSON.stringify(entry).length;
    entries.push(entry);
  }
  entries.reverse();
  const left = ids.length - entries.length;
  const comment =
    left === 0 ? "" : `${entries.length} of ${ids.length} matching requests: the newest that fit and ended.`;
  return { text: harText(version, entries, comment), count: entries.length, matched: ids.length };
}
