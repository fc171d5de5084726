/**
 * A recorded request and its decision as a policy test: what it sent, and what became of it.
 * Must not know VS Code, and must not write a secret: masked fields are left out, and named.
 */
import type { Detail } from "../../contract/detail.ts";

export interface RecordedTest {
  readonly value: { readonly name: string; readonly steps: readonly [object] };
  /** Names of request fields that were masked, and so must be filled in by hand. */
  readonly masked: readonly string[];
}

/** Fields that the connection makes, or that no policy judges. */
const OWN = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "connection",
  "content-length",
  "host",
  "sec-fetch-mode",
  "user-agent",
]);

/** @param taken names of the tests that the file has. @returns undefined for a connection of layer 4. */
export function recordedTest(detail: Detail, taken: readonly string[]): RecordedTest | undefined {
  const { row, verdict, connection, fields } = detail;
  if (connection !== undefined || row.method === "") return undefined;
  const sent = fields.filter(
    ({ side, client, name }) => side === "request" && client !== undefined && !OWN.has(name.toLowerCase()),
  );
  const masked = sent.filter(({ client }) => client?.includes("••••")).map(({ name }) => name);
  const headers = Object.fromEntries(
    sent.filter(({ name }) => !masked.includes(name)).map(({ name, client }) => [name.toLowerCase(), client]),
  );
  const body = bodyOf(detail);
  const request = {
    ...(row.method === "GET" ? {} : { method: row.method }),
    path: row.path,
    ...(row.host === "" ? {} : { host: row.host }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
    ...(row.client === "127.0.0.1" ? {} : { client: row.client }),
  };
  const answered = !verdict.refused && row.status !== 0 && row.status !== 200 && row.endpoint !== undefined;
  const step = {
    request,
    ...(answered ? { answer: { status: row.status } } : {}),
    expect: verdict.refused ? refusedAs(detail) : admittedAs(detail),
  };
  return { value: { name: freeName(`${row.method} ${row.path}: ${verdict.title}`, taken), steps: [step] }, masked };
}

function refusedAs({ row, verdict }: Detail): object {
  const reason = verdict.type?.replace(/^urn:switchyard:/, "").replace(":", "/");
  return {
    status: verdict.status,
    decision: "refused",
    ...(row.route === undefined ? {} : { route: row.route }),
    ...(verdict.policy === undefined ? {} : { policy: verdict.policy }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function admittedAs({ row }: Detail): object {
  return {
    ...(row.status === 0 ? {} : { status: row.status }),
    ...(row.route === undefined ? {} : { route: row.route }),
    ...(row.service === undefined ? {} : { service: row.service }),
  };
}

/** Text that was kept whole. */
function bodyOf({ requestBody }: Detail): string | undefined {
  const { size, captured, base64, contentEncoding } = requestBody;
  if (size === 0 || captured < size || base64 === undefined || contentEncoding !== "") return undefined;
  const text = Buffer.from(base64, "base64").toString("utf8");
  return text.includes("\ufffd") || text.includes("••••") ? undefined : text;
}

function freeName(name: string, taken: readonly string[]): string {
  const short = name.length > 180 ? `${name.slice(0, 179)}…` : name;
  let free = short;
  for (let number = 2; taken.includes(free); number++) free = `${short} (${number})`;
  return free;
}
