/**
 * Every header field on its way: client, after the policies, to the replica, and back - with who changed it.
 * The route's shapes run once more over the recorded heads, one policy at a time, so that each change has its owner.
 * Must not show a secret: values go through the mask given.
 */
import type { FieldJourney } from "../../contract/detail.ts";
import type { Passage } from "../../model/arrival.ts";
import type { Plan, PlanStep } from "../../model/plan.ts";
import type { PathMatch } from "../../model/path-match.ts";
import type { ContentCoding } from "../../model/body.ts";
import type { ReplyEdit, RequestEdit, Shape } from "../../model/policy.ts";
import { canEncode } from "../facts/codings.ts";
import { bodyChanges } from "./body-changes.ts";
import { fieldsOf, startLine } from "./heads.ts";
import { locationOf } from "./location.ts";
import type { Payload } from "./payload-ring.ts";

export interface JourneyInput {
  readonly payload: Payload;
  readonly plan: Plan | undefined;
  /** Indexes into the plan; -1 = none. */
  readonly route: number;
  readonly match: number;
  readonly seen: Passage;
  /** Shows a value; masks it unless the person asked to see. */
  show(name: string, value: string): string;
}

/** What the shapes did, by the step that did it, in words: "x-user set to alice". A step that ran has an entry. */
type Changes = Map<PlanStep, string[]>;

/** Fields as a shape sees and changes them, with the step that changed each one last. */
class TracedFields implements ReplyEdit {
  readonly values = new Map<string, string[]>();
  readonly owners = new Map<string, PlanStep>();
  step: PlanStep | undefined;
  readonly status: number;
  protected readonly changes: Changes;
  protected readonly show: JourneyInput["show"];

  constructor(head: string, changes: Changes, show: JourneyInput["show"]) {
    this.changes = changes;
    this.show = show;
    this.status = Number(startLine(head).split(" ")[1]) || 0;
    for (const { name, value } of fieldsOf(head)) this.list(name).push(value);
  }

  get(name: string): string | undefined {
    const values = this.values.get(name.toLowerCase());
    return values === undefined || values.length === 0 ? undefined : values.join(", ");
  }

  all(name: string): readonly string[] {
    return this.values.get(name.toLowerCase()) ?? [];
  }

  set(name: string, value: string): void {
    this.values.set(name.toLowerCase(), [value]);
    this.own(name, `${name} set to ${this.show(name, value)}`);
  }

  add(name: string, value: string): void {
    this.list(name).push(value);
    this.own(name, `${name} added: ${this.show(name, value)}`);
  }

  remove(name: string): void {
    if (this.values.delete(name.toLowerCase())) this.own(name, `${name} removed`);
  }

  encode(coding: ContentCoding): boolean {
    if (!canEncode(coding)) return false;
    this.set("Content-Encoding", coding);
    return true;
  }

  protected own(name: string, words: string): void {
    if (this.step === undefined) return;
    this.owners.set(name.toLowerCase(), this.step);
    this.tell(this.step, words);
  }

  protected tell(step: PlanStep, words: string): void {
    this.changes.get(step)?.push(words);
  }

  private list(name: string): string[] {
    const low = name.toLowerCase();
    const values = this.values.get(low) ?? [];
    this.values.set(low, values);
    return values;
  }
}

const TARGET = ":target";

class TracedRequest extends TracedFields implements RequestEdit {
  private target: { path: string; query: string | undefined };

  constructor(head: string, seen: Passage, changes: Changes, show: JourneyInput["show"]) {
    super(head, changes, show);
    this.target = { path: seen.arrival.path ?? "", query: seen.arrival.query };
  }

  get path(): string {
    return this.target.path;
  }

  set path(path: string) {
    const before = this.whole;
    this.target.path = path;
    this.retarget(before);
  }

  get query(): string | undefined {
    return this.target.query;
  }

  set query(query: string | undefined) {
    const before = this.whole;
    this.target.query = query;
    this.retarget(before);
  }

  private retarget(before: string): void {
    if (before !== this.whole) this.own(TARGET, `${this.show(TARGET, before)} → ${this.show(TARGET, this.whole)}`);
  }

  get authority(): string {
    return this.get("host") ?? "";
  }

  set authority(authority: string) {
    this.set("host", authority);
  }

  get whole(): string {
    return this.target.query === undefined ? this.target.path : `${this.target.path}?${this.target.query}`;
  }
}

export interface Journey {
  readonly fields: readonly FieldJourney[];
  readonly changes: ReadonlyMap<PlanStep, readonly string[]>;
}

export function journeyOf(input: JourneyInput): Journey {
  const { payload, show } = input;
  const changes: Changes = new Map();
  const request = new TracedRequest(payload.requestHead, input.seen, changes, show);
  runShapes(input, request, changes, (shape, matched) => shape.request?.(input.seen, request, matched));
  const reply = new TracedFields(payload.responseHead, changes, show);
  if (payload.responseHead !== "") runShapes(input, reply, changes, (shape) => shape.response?.(input.seen, reply));
  tellBodies(input, changes);
  return { fields: [...requestFields(input, request), ...replyFields(input, reply)], changes };
}

function tellBodies({ plan, route, seen, payload }: JourneyInput, changes: Changes): void {
  if (plan?.routes[route]?.bodies === undefined) return;
  try {
    for (const { step, words } of bodyChanges(plan, route, seen, payload)) {
      // A step whose `when` was false has no entry.
      changes.get(step)?.push(...words);
    }
  } catch {
    // The head is evicted: what could not be run again is not told.
  }
}

type Run = (shape: Shape, matched: PathMatch) => void;

function runShapes(input: JourneyInput, fields: TracedFields, changes: Changes, run: Run): void {
  const route = input.plan?.routes[input.route];
  const match = route?.matches[input.match];
  if (input.plan === undefined || route === undefined || match === undefined) return;
  for (const index of route.shapes) {
    const step = input.plan.steps[index];
    fields.step = step;
    try {
      if (step.listener !== undefined && step.listener !== input.seen.arrival.listener) continue;
      if (step.when?.(input.seen) === false) continue;
      if (!changes.has(step)) changes.set(step, []);
      run(step.act as Shape, match.path);
    } catch {
      // The head is evicted or cut: what could not be run again is shown without its owner.
    }
  }
  fields.step = undefined;
}

function requestFields(input: JourneyInput, edit: TracedRequest): FieldJourney[] {
  const { payload, show } = input;
  const client = gather(payload.requestHead);
  const upstream = gather(payload.upstreamHead);
  const sent = payload.upstreamHead !== "";
  const fields: FieldJourney[] = [];
  const target = startLine(payload.requestHead).split(" ")[1];
  const upstreamTarget = startLine(payload.upstreamHead).split(" ")[1];
  if (target !== undefined && sent && target !== upstreamTarget)
    fields.push({
      name: TARGET,
      side: "request",
      client: show(TARGET, target),
      gateway: show(TARGET, edit.whole),
      upstream: upstreamTarget === undefined ? undefined : show(TARGET, upstreamTarget),
      ...ownerOf(edit, TARGET, true),
    });
  for (const name of new Set([...client.keys(), ...edit.values.keys(), ...upstream.keys()])) {
    const value = (of: string | undefined) => (of === undefined ? undefined : show(name, of));
    const changed = sent && client.get(name)?.value !== upstream.get(name)?.value;
    fields.push({
      name: client.get(name)?.name ?? upstream.get(name)?.name ?? name,
      side: "request",
      client: value(client.get(name)?.value),
      gateway: value(edit.get(name)),
      upstream: value(upstream.get(name)?.value),
      ...ownerOf(edit, name, changed),
    });
  }
  return fields;
}

function replyFields(input: JourneyInput, edit: TracedFields): FieldJourney[] {
  const { payload, show } = input;
  const upstream = gather(payload.responseHead);
  const reply = gather(payload.replyHead);
  return [...new Set([...upstream.keys(), ...edit.values.keys(), ...reply.keys()])].map((name) => {
    const value = (of: string | undefined) => (of === undefined ? undefined : show(name, of));
    const changed = upstream.get(name)?.value !== reply.get(name)?.value;
    return {
      name: reply.get(name)?.name ?? upstream.get(name)?.name ?? name,
      side: "response",
      upstream: value(upstream.get(name)?.value),
      gateway: value(edit.get(name)),
      reply: value(reply.get(name)?.value),
      ...ownerOf(edit, name, changed),
    };
  });
}

function ownerOf(edit: TracedFields, name: string, changed: boolean): Pick<FieldJourney, "changedBy" | "location"> {
  if (!changed) return {};
  const step = edit.owners.get(name);
  return step === undefined ? { changedBy: "gateway" } : { changedBy: step.name, location: locationOf(step.source) };
}

interface Gathered {
  readonly name: string;
  readonly value: string;
}

/** Fields of one name joined, in the order of the head. */
function gather(head: string): Map<string, Gathered> {
  const fields = new Map<string, Gathered>();
  for (const { name, value } of fieldsOf(head)) {
    const low = name.toLowerCase();
    const before = fields.get(low);
    fields.set(low, before === undefined ? { name, value } : { name: before.name, value: `${before.value}, ${value}` });
  }
  return fields;
}
