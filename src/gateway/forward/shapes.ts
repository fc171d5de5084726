/**
 * Runs a route's shapes over a head: what the backend sees, what the caller sees.
 * Must not judge: shapes run after every verdict.
 */
import { sessionField } from "../../decide/session.ts";
import type { Decision } from "../../model/decision.ts";
import type { Passage } from "../../model/arrival.ts";
import type { ContentCoding } from "../../model/body.ts";
import type { Plan, PlanStep } from "../../model/plan.ts";
import type { Answer, ReplyEdit, Shape } from "../../model/policy.ts";
import { Mark } from "../../model/decision.ts";
import { canEncode } from "../facts/codings.ts";
import type { Head } from "../http1/head.ts";
import { HeadEdit, RequestHeadEdit } from "../http1/edit.ts";
import { replyLines } from "../refuse/refuse.ts";

/** Reused by its connection. */
export class Shaping {
  readonly request = new RequestHeadEdit();
  readonly reply = new HeadEdit(canEncode);

  /** Sets `request.path`, `.query` and `.authority` in any case. @returns the edit when a shape changed fields. */
  shapeRequest(head: Head, path: string, x: Passage, plan: Plan, decision: Decision): RequestHeadEdit | undefined {
    const { request } = this;
    request.path = path;
    request.query = head.query;
    request.authority = head.hostHeader;
    const route = plan.routes[decision.route];
    if (route.shapes.length === 0) return undefined;
    request.begin(head);
    const matched = route.matches[decision.match].path;
    for (const index of route.shapes) {
      const step = plan.steps[index];
      const act = step.act as Shape;
      if (act.request !== undefined && appliesTo(step, x, decision)) act.request(x, request, matched);
    }
    return request.changed ? request : undefined;
  }

  /** @returns the edit when a shape changed fields. */
  shapeReply(head: Head, x: Passage, plan: Plan, decision: Decision): HeadEdit | undefined {
    const route = plan.routes[decision.route];
    if (route.shapes.length === 0) return undefined;
    const { reply } = this;
    let begun = false;
    for (const index of route.shapes) {
      const step = plan.steps[index];
      const act = step.act as Shape;
      // A policy that is only tried out changes nothing that the caller sees.
      if (act.response === undefined || step.shadow || !appliesTo(step, x, decision)) continue;
      if (!begun) reply.begin(head);
      begun = true;
      act.response(x, reply);
    }
    return begun && reply.changed ? reply : undefined;
  }
}

/** Whether a step has a say in this request: its `when`, its service and its listener. */
export function appliesTo(step: PlanStep, x: Passage, decision: Decision): boolean {
  if (step.service !== undefined && step.service !== decision.service) return false;
  if (step.listener !== undefined && step.listener !== x.arrival.listener) return false;
  if (step.bypassedBy !== undefined && step.bypassedBy.has(x.arrival.listener)) return false;
  return step.when === undefined || step.when(x);
}

type Field = readonly [string, string];

/** Fields of an answer that a policy gives itself, as the shapes behind it may change them. */
export class AnswerEdit implements ReplyEdit {
  fields: readonly Field[];
  readonly status: number;
  coding: ContentCoding | undefined;

  constructor(fields: readonly Field[], status: number) {
    this.fields = fields;
    this.status = status;
  }

  encode(coding: ContentCoding): boolean {
    if (!canEncode(coding)) return false;
    this.coding = coding;
    this.set("Content-Encoding", coding);
    return true;
  }

  get(name: string): string | undefined {
    const found = this.all(name);
    return found.length === 0 ? undefined : found.join(", ");
  }

  all(name: string): readonly string[] {
    return this.fields.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  }

  set(name: string, value: string): void {
    this.remove(name);
    this.add(name, value);
  }

  add(name: string, value: string): void {
    this.fields = [...this.fields, [name, value]];
  }

  remove(name: string): void {
    this.fields = this.fields.filter(([other]) => other.toLowerCase() !== name.toLowerCase());
  }
}

/** @param decision one that a policy of the listener or of the route answers. */
export function shapeAnswer(answer: Answer, x: Passage, plan: Plan, decision: Decision): AnswerEdit {
  const edit = new AnswerEdit(answer.fields, answer.status);
  if (decision.route < 0) return edit;
  for (const index of plan.routes[decision.route].shapes) {
    const step = plan.steps[index];
    const act = step.act as Shape;
    if (act.response !== undefined && !step.shadow && appliesTo(step, x, decision)) act.response(x, edit);
  }
  return edit;
}

const MARK_UNIT = 1048576;
/** Lowest code of a step's entry in a trace. */
const FIRST_STEP = Mark.Step * MARK_UNIT;

/** Header lines of every policy that spoke and has any for its answer (RateLimit, WWW-Authenticate). */
export function policyLines(x: Passage, plan: Plan, decision: Decision): string {
  const { numbers, length } = decision.trace;
  let lines = "";
  for (let i = 0; i < length; i++) {
    const code = numbers[i * 3];
    if (code < FIRST_STEP || code >= FIRST_STEP + MARK_UNIT) continue;
    const index = (code - FIRST_STEP) >> 8;
    if (plan.steps[index].replyFields === undefined) continue;
    lines += replyLines(plan, index, code & 255, numbers[i * 3 + 1], numbers[i * 3 + 2], x);
  }
  return lines;
}

/** The header line that tells the client its session; "" when it knows it, or there is none. */
export function sessionLine(plan: Plan, decision: Decision): string {
  const field = sessionField(plan.services[decision.service], decision);
  return field === undefined ? "" : `${field[0]}: ${field[1]}\r\n`;
}
