/**
 * Gives a stored answer to the client: 304 where the client's own condition is met, else whole, with its Age.
 * The policies of the reply have their say as for any answer. Must not judge whether it may be given.
 */
import { Failure } from "../../model/state.ts";
import type { Head } from "../http1/head.ts";
import type { Recording } from "../record/recording.ts";
import { httpDate } from "../../policies/cache-control.ts";
import { takesAnswer } from "../forward/reply-body.ts";
import type { Run } from "../forward/run.ts";
import { policyLines, Shaping } from "../forward/shapes.ts";
import type { Host } from "../forward/visit.ts";
import type { Entry } from "./entry.ts";

/** Finishes the host. @param age in seconds. @param lines to go with it, each with its CRLF. */
export function giveStored(host: Host, entry: Entry, age: number, lines: string): void {
  const { exchange, passage, decision, services } = host;
  const { plan } = host.active;
  const recording = host.recording as Recording;
  const unchanged = meetsCondition(host, entry);
  const head = unchanged ? entry.notModified : entry.head;
  const edit =
    plan.routes[decision.route].shapes.length === 0
      ? undefined
      : new Shaping().shapeReply(head, passage, plan, decision);
  const all = `Age: ${Math.floor(age)}\r\n${services.viaLine}${policyLines(passage, plan, decision)}${lines}`;
  recording.status = head.status;
  if (!unchanged) recording.responseHead = entry.head.text;
  if (host.body !== undefined && takesAnswer(host as Run, head, all, edit, () => {})) {
    return giveThrough(host as Run, head, entry);
  }
  recording.replyHead = exchange.respond(head, all, edit);
  if (!unchanged && passage.arrival.method !== "HEAD") {
    const { body } = entry;
    services.recorder.captureResponse(recording, body, 0, body.length);
    exchange.body(body, 0, body.length);
  }
  exchange.end("");
  host.finish(head.status, Failure.None);
}

/** By way of the policies that work on bodies, as if a backend had just said it. */
function giveThrough(run: Run, head: Head, { body }: Entry): void {
  const { reply, services } = run;
  if (reply === undefined) {
    run.exchange.end("");
    return run.finish(head.status, Failure.None);
  }
  services.recorder.captureResponse(run.recording as Recording, body, 0, body.length);
  reply.write(body, 0, body.length);
  reply.read();
  reply.end("");
}

/** RFC 9110 section 13.2.2 with RFC 9111 section 4.3.2: only of a stored 200, and If-None-Match goes first. */
function meetsCondition({ arrival, passage }: Host, entry: Entry): boolean {
  if (entry.fact.status !== 200) return false;
  const tags = arrival.header("if-none-match");
  if (tags !== undefined) return tags.trim() === "*" || matchesTag(tags, entry.etag);
  const { wallClock } = passage;
  const since = httpDate(arrival.header("if-modified-since"), wallClock);
  if (since === undefined) return false;
  const modified = httpDate(entry.head.get("last-modified") ?? entry.head.get("date"), wallClock);
  return modified !== undefined && modified <= since;
}

/** Weak comparison (RFC 9110 section 8.8.3.2). */
function matchesTag(list: string, etag: string | undefined): boolean {
  if (etag === undefined) return false;
  const opaque = etag.replace(/^W\//, "");
  for (const [tag] of list.matchAll(/(?:W\/)?"[^"]*"|[^\s,"]+/g)) if (tag.replace(/^W\//, "") === opaque) return true;
  return false;
}
