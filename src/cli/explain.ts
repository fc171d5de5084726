/**
 * `switchyard explain`: the decision on a request that is not sent, in words.
 * Must not send anything to a service.
 */
import type { ExplainRequest } from "../contract/explaining.ts";
import type { Detail, TimelineStep } from "../contract/detail.ts";
import { decideDescribed } from "./described.ts";
import { diagnosticLines } from "./diagnostics.ts";
import { paintFor, printable, type Paint } from "./paint.ts";
import { NoPolicy } from "./policy-text.ts";
import { DEFAULT_FILE, readWords, Usage } from "./usage.ts";

export async function explain(words: string[]): Promise<number> {
  const { values, positionals } = readWords(words, {
    header: { type: "string", short: "H", multiple: true },
    client: { type: "string" },
    json: { type: "boolean" },
  });
  if (positionals.length < 2 || positionals.length > 3)
    throw new Usage("explain takes a method and a URL, as in: switchyard explain GET http://localhost:8080/orders");
  const [method, url] = positionals.slice(-2);
  const file = positionals.length === 3 ? positionals[0] : DEFAULT_FILE;
  const headers = headersOf(values.header ?? []);
  try {
    const detail = await decide(file, { method, url, headers, clientIp: values.client });
    if (detail === undefined) return 1;
    process.stdout.write(
      values.json ? `${JSON.stringify(detail, null, 2)}\n` : story(detail, paintFor(process.stdout)),
    );
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof NoPolicy ? 1 : 2;
  }
}

async function decide(file: string, request: ExplainRequest): Promise<Detail | undefined> {
  const decided = await decideDescribed(file, request);
  if ("detail" in decided) return decided.detail;
  process.stderr.write(diagnosticLines(decided.diagnostics, paintFor(process.stderr)));
  return undefined;
}

export function headersOf(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(line);
    if (match === null) throw new Usage(`"${line}" is no header: write -H 'name: value'.`);
    const [, name, value] = match;
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return headers;
}

const GLYPHS: Readonly<Record<TimelineStep["state"], string>> = {
  ok: "✓",
  stop: "✕",
  off: "–",
  shadow: "~",
  skipped: "·",
};

function story({ row, verdict, gateway, balancer, routes, balance }: Detail, paint: Paint): string {
  const out: string[] = [];
  const head = verdict.refused ? paint.bad(verdict.title) : paint.good(verdict.title);
  const at = paint.faint(`(listener ${row.listener})`);
  out.push(`${paint.strong(printable(`${row.method} ${row.path}`))}  ${at}\n${head}`, printable(verdict.sentence));
  if (verdict.location !== undefined) out.push(`  at ${verdict.location.file}:${verdict.location.line}`);
  for (const fix of verdict.fixes) out.push(`  fix: ${fix.title}: ${fix.newText} (line ${fix.location.line})`);
  out.push("");
  for (const step of [...gateway, ...balancer]) out.push(stepLine(step, paint));
  const losers = routes.filter((route) => route.verdict === "lost");
  if (losers.length > 0) out.push("", "Routes that lost:");
  for (const { route, match, why, location } of losers)
    out.push(`  ${route} (${match}): ${why}${location === undefined ? "" : paint.faint(`  :${location.line}`)}`);
  if (balance !== undefined) {
    out.push("", `${balance.algorithm}: ${balance.sentence}`);
    for (const { label, verdict: word, why, inFlight, weight } of balance.candidates)
      out.push(`  ${label.padEnd(8)} ${word.padEnd(8)} weight ${weight}, ${inFlight} in flight  ${why}`);
  }
  return `${out.join("\n")}\n`;
}

function stepLine(step: TimelineStep, paint: Paint): string {
  const ink = step.state === "stop" ? paint.bad : step.state === "ok" ? paint.good : paint.faint;
  const place = step.location === undefined ? "" : paint.faint(`  :${step.location.line}`);
  return `  ${ink(GLYPHS[step.state])} ${step.phase.padEnd(9)} ${step.label.padEnd(18)} ${printable(step.sentence)}${place}`;
}
