/**
 * A whole request, its decision and its answer as a text that any editor and screen reader can read.
 * Must not know VS Code; masks stay as they came.
 */
import type { BodyView, Detail, FieldJourney, TimelineStep } from "../contract/detail.ts";
import type { Location } from "../contract/location.ts";

export function requestText(detail: Detail): string {
  const { row, verdict } = detail;
  const sections = [
    [
      `# ${row.method} ${row.path}`,
      `${new Date(row.at).toISOString()} from ${row.client}${row.caller ? ` as ${row.caller}` : ""}, on ${row.host}`,
      `${row.status === 0 ? row.state : row.status} ${verdict.title}`.trim(),
      verdict.sentence + at(verdict.location),
    ],
    ["## Gateway: who is calling, and what may they do?", ...detail.gateway.flatMap(step)],
    ["## Balancer: where should it go?", ...detail.balancer.flatMap(step)],
    [
      "## Routes considered",
      ...detail.routes.map(
        ({ route, match, verdict: result, why, location }) => `- ${result}: ${route} (${match}) ${why}${at(location)}`,
      ),
    ],
    detail.balance === undefined
      ? []
      : [
          `## Replicas considered (${detail.balance.algorithm}, seed ${detail.balance.seed})`,
          detail.balance.sentence,
          ...detail.balance.candidates.map(
            ({ label, verdict: result, why, inFlight, weight, location }) =>
              `- ${result}: ${label} ${why} (${inFlight} in flight, weight ${weight})${at(location)}`,
          ),
        ],
    ["## Request fields", ...detail.fields.filter(({ side }) => side === "request").map(field)],
    body("## Request body", detail.requestBody),
    ["## Response fields", ...detail.fields.filter(({ side }) => side === "response").map(field)],
    body("## Response body", detail.responseBody),
    [
      "## Attempts",
      ...detail.attempts.map(
        ({ number, endpoint, outcome, then, reusedConnection }) =>
          `- ${number}: ${endpoint} ${outcome}${reusedConnection ? ", connection reused" : ""}${then ? `; ${then}` : ""}`,
      ),
    ],
    [
      "## Timing",
      ...detail.timing.map(
        ({ name, attempt, start, duration }) =>
          `- ${name}${attempt > 1 ? ` (attempt ${attempt})` : ""}: ${duration.toFixed(2)} ms, from ${start.toFixed(2)} ms`,
      ),
    ],
    connectionLines(detail),
    detail.curl === "" ? [] : ["## Send it again", "```sh", detail.curl, "```"],
  ];
  return `${sections
    .filter((lines) => lines.length > 1 || lines[0]?.startsWith("# "))
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** What layer 4 has instead of headers. */
function connectionLines({ connection }: Detail): string[] {
  if (connection === undefined) return [];
  const { client, destination, server, serverName, proxyReceived, proxySent, termination, ended } = connection;
  const named = { client, "connected to": destination, server, "server name": serverName };
  const all = { ...named, "PROXY header received": proxyReceived, "PROXY header sent": proxySent };
  const facts = Object.entries(all).filter(([, value]) => value !== undefined && value !== "");
  return [
    "## Connection",
    ...facts.map(([name, value]) => `- ${name}: ${value}`),
    `- ended: ${termination === "" ? "still open" : `${termination}, ${ended}`}`,
    `- seen: ${connection.sees.join("; ")}`,
    `- not seen: ${connection.hidden.join("; ")}`,
  ];
}

/** A request on one line, for lists. */
export function requestLine({ row }: { row: Detail["row"] }): string {
  const status = row.status === 0 ? "…" : String(row.status);
  return `${status} ${row.method} ${row.path}`;
}

function step({ phase, label, sentence, state, location, facts }: TimelineStep): string[] {
  const mark = {
    ok: "passed",
    stop: "REFUSED",
    off: "not reached",
    shadow: "would refuse (shadow)",
    skipped: "skipped",
  };
  return [
    `- ${phase} ${label}: ${mark[state]}. ${sentence}${at(location)}`,
    ...facts.map(({ name, value }) => `  - ${name}: ${value}`),
  ];
}

function field({ name, client, gateway, upstream, reply, changedBy, location }: FieldJourney): string {
  const values = [client, gateway, upstream, reply].filter((value) => value !== undefined);
  const journey = [...new Set(values)].join(" → ") || "(removed)";
  return `- ${name}: ${journey}${changedBy ? `, changed by ${changedBy}` : ""}${at(location)}`;
}

function body(title: string, view: BodyView): string[] {
  if (view.size === 0) return [];
  const kind = [view.contentType, view.contentEncoding].filter(Boolean).join(", ");
  const head = `${title} (${view.size} bytes${kind ? `, ${kind}` : ""})`;
  if (view.evicted || view.base64 === undefined) return [head, "No longer kept."];
  const bytes = Buffer.from(view.base64, "base64");
  const text = bytes.toString("utf8");
  const readable = view.contentEncoding === "" && !text.includes("\uFFFD");
  const cut = view.captured < view.size ? [`(the first ${view.captured} bytes)`] : [];
  return [head, "```", readable ? text : bytes.toString("hex"), "```", ...cut];
}

function at(location: Location | undefined): string {
  return location === undefined ? "" : ` [${location.file}:${location.line}]`;
}
