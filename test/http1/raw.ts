/** The 200 odd and hostile byte strings of test/cases/raw-http1.json (from the tests of gunicorn and llhttp, MIT). */
import { readFileSync } from "node:fs";

export interface RawCase {
  readonly id: string;
  readonly expect: "reject" | "either" | "forward";
  readonly why: string;
  readonly bytes: Buffer;
}

interface Entry {
  id: string;
  expect: RawCase["expect"];
  why: string;
  raw_base64: string;
}

const file = new URL("../cases/raw-http1.json", import.meta.url);
const { entries } = JSON.parse(readFileSync(file, "utf8")) as { entries: Entry[] };

export const rawCases: readonly RawCase[] = entries.map(({ id, expect, why, raw_base64 }) => ({
  id,
  expect,
  why,
  bytes: Buffer.from(raw_base64, "base64"),
}));
