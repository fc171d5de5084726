/**
 * Recorded requests as an HTTP Archive (HAR 1.2, https://w3c.github.io/web-performance/specs/HAR/Overview.html), each with
 * its decision trace under `_switchyard`, the place that the format leaves to its writers.
 * Must not unmask: it is made of details that were masked, so that an archive can be sent to somebody.
 */
import type { BodyView, Detail, FieldJourney, TimingSpan } from "../../contract/detail.ts";

export interface HarEntry {
  readonly startedDateTime: string;
  /** Milliseconds. */
  readonly time: number;
  readonly request: object;
  readonly response: object;
  readonly cache: object;
  readonly timings: object;
  readonly serverIPAddress?: string;
  readonly comment?: string;
  readonly _switchyard: object;
}

/** @returns the whole document as text. @param comment what was left out, when anything was. */
export function harText(version: string, entries: readonly HarEntry[], comment: string): string {
  const creator = { name: "Switchyard", version };
  return JSON.stringify({ log: { version: "1.2", creator, entries, ...(comment === "" ? {} : { comment }) } }, null, 1);
}

/** @param origin "http://localhost:8080": where the listener is reached. */
export function harEntryOf(detail: Detail, origin: string): HarEntry {
  const { row, verdict } = detail;
  const httpVersion = row.protocol === "h2" || row.protocol === "grpc" ? "HTTP/2" : "HTTP/1.1";
  const request = fieldsOf(detail, "request", ({ client }) => client);
  const reply = fieldsOf(detail, "response", ({ reply: value }) => value);
  const url = new URL(row.path.startsWith("/") ? `${origin}${row.path}` : origin);
  return {
    startedDateTime: new Date(row.at).toISOString(),
    time: Math.max(0, row.duration),
    request: {
      method: row.method,
      url: url.href,
      httpVersion,
      cookies: [],
      headers: request,
      queryString: [...url.searchParams].map(([name, value]) => ({ name, value })),
      ...(detail.requestBody.size === 0 ? {} : { postData: postDataOf(detail.requestBody) }),
      headersSize: -1,
      bodySize: row.requestBytes,
    },
    response: {
      status: row.status,
      statusText: "",
      httpVersion,
      cookies: [],
      headers: reply,
      content: contentOf(detail.responseBody),
      redirectURL: reply.find(({ name }) => name.toLowerCase() === "location")?.value ?? "",
      headersSize: -1,
      bodySize: row.responseBytes,
      ...(verdict.refused ? { comment: verdict.sentence } : {}),
    },
    cache: {},
    timings: timingsOf(detail.timing),
    ...(row.evicted ? { comment: "Heads and bodies had left the ring before this was exported." } : {}),
    _switchyard: {
      row,
      timing: detail.timing,
      verdict,
      why: row.why,
      listener: row.listener,
      route: row.route,
      service: row.service,
      endpoint: row.endpoint,
      caller: row.caller,
      revision: row.revision,
      gateway: detail.gateway,
      balancer: detail.balancer,
      routes: detail.routes,
      balance: detail.balance,
      attempts: detail.attempts,
      fields: detail.fields,
    },
  };
}

function fieldsOf(detail: Detail, side: FieldJourney["side"], value: (field: FieldJourney) => string | undefined) {
  return detail.fields
    .filter((field) => field.side === side && !field.name.startsWith(":"))
    .flatMap((field) => {
      const text = value(field);
      return text === undefined ? [] : [{ name: field.name, value: text }];
    });
}

function postDataOf(body: BodyView) {
  const { text, encoding, comment } = textOf(body);
  // postData knows no encoding: bytes that are no text go where a reader of this format looks for them.
  return {
    mimeType: body.contentType,
    params: [],
    ...(encoding === undefined ? { text } : { text: "", _base64: text }),
    ...(comment === "" ? {} : { comment }),
  };
}

function contentOf(body: BodyView) {
  const { text, encoding, comment } = textOf(body);
  return {
    size: body.size,
    mimeType: body.contentType,
    ...(body.base64 === undefined ? {} : { text }),
    ...(encoding === undefined ? {} : { encoding }),
    ...(comment === "" ? {} : { comment }),
  };
}

function textOf({ base64, size, captured, evicted }: BodyView) {
  const bytes = Buffer.from(base64 ?? "", "base64");
  const text = bytes.toString("utf8");
  const plain = Buffer.from(text, "utf8").equals(bytes);
  const part = captured < size ? `Only the first ${captured} of ${size} bytes were captured.` : "";
  const comment = evicted ? "The body had left the ring." : part;
  return plain ? { text, encoding: undefined, comment } : { text: base64 ?? "", encoding: "base64", comment };
}

/** The sums over all attempts; -1 = did not happen, as the format has it. */
function timingsOf(spans: readonly TimingSpan[]) {
  const sum = (...names: readonly TimingSpan["name"][]) => {
    const found = spans.filter(({ name }) => names.includes(name));
    return found.length === 0 ? -1 : found.reduce((total, { duration }) => total + duration, 0);
  };
  const needed = (...names: readonly TimingSpan["name"][]) => Math.max(0, sum(...names));
  return {
    blocked: sum("decide", "queue"),
    dns: -1,
    connect: sum("connect"),
    ssl: -1,
    send: needed("send"),
    wait: needed("wait"),
    receive: needed("receive"),
  };
}
