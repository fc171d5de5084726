/**
 * An HTTP Archive (HAR 1.2) as requests that can be decided: what was asked, when, and how it ended.
 * Must not read more of it than that: bodies and answers stay where they are.
 */
import { readFileSync, statSync } from "node:fs";
import * as z from "zod/mini";
import type { ExplainRequest } from "../../contract/explaining.ts";
import { MASK_INLINE } from "../../gateway/record/mask.ts";

export interface ArchivedRequest extends ExplainRequest {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Milliseconds. */
  readonly duration: number;
  /** 0 = there was no answer. */
  readonly status: number;
  /** The gateway itself answered: how a backend would have is not known. */
  readonly refused: boolean;
}

export interface Archive {
  /** Oldest first. */
  readonly requests: readonly ArchivedRequest[];
  /** Left out because their secrets are masked: nobody knows who sent them. */
  readonly masked: number;
  /** Left out because they are none, or past the most. */
  readonly leftOut: number;
}

const MOST_BYTES = 64 * 1_048_576;
const MOST_REQUESTS = 5000;

const fields = z.array(z.object({ name: z.string(), value: z.string() }));
const entryForm = z.object({
  startedDateTime: z.string(),
  time: z.number(),
  request: z.object({ method: z.string(), url: z.string(), headers: fields }),
  response: z.object({ status: z.number() }),
  _switchyard: z.optional(z.object({ verdict: z.object({ refused: z.boolean() }) })),
});
const archiveForm = z.object({ log: z.object({ entries: z.array(z.unknown()) }) });

/** @throws Error in words when the file is no archive. */
export function readArchive(path: string): Archive {
  if (statSync(path).size > MOST_BYTES) throw new Error(`${path} is larger than ${MOST_BYTES / 1_048_576} MiB.`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`${path} is no JSON: ${(error as Error).message}`, { cause: error });
  }
  const read = archiveForm.safeParse(value);
  if (!read.success) throw new Error(`${path} is no HTTP Archive: it has no log.entries.`);
  const { entries } = read.data.log;
  const found = entries.flatMap((entry) => requestOf(entry) ?? []).toSorted((a, b) => a.at - b.at);
  const known = found.filter((request) => !JSON.stringify([request.url, request.headers]).includes(MASK_INLINE));
  const requests = known.slice(-MOST_REQUESTS);
  const masked = found.length - known.length;
  return { requests, masked, leftOut: entries.length - masked - requests.length };
}

function requestOf(entry: unknown): ArchivedRequest | undefined {
  const read = entryForm.safeParse(entry);
  if (!read.success) return undefined;
  const { startedDateTime, time, request, response, _switchyard: own } = read.data;
  const at = Date.parse(startedDateTime);
  if (Number.isNaN(at)) return undefined;
  const headers: Record<string, string> = {};
  for (const { name, value } of request.headers) {
    // HTTP/2 pseudo-fields are in the URL already.
    if (name.startsWith(":")) continue;
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return {
    method: request.method,
    url: request.url.replace(/^https:/, "http:"),
    headers,
    at,
    duration: Math.max(0, Math.min(time, 3_600_000)),
    status: Math.trunc(response.status),
    refused: own?.verdict.refused === true,
  };
}
