/**
 * `simulate_edit`: the recorded requests decided again under an edited policy. Edits name the text that they replace.
 * Must not save anything, and must not let an agent find out a secret by asking whether it stands in the policy.
 */
import type * as z from "zod/mini";
import type { WhatIfResult } from "../contract/what-if.ts";
import type { simulateInput, simulateOutput } from "./declarations.ts";
import { outcomeView } from "./view.ts";
import { AgentProblem, type AgentPolicy, type AgentTraffic, type AgentWorld } from "./world.ts";

type Simulated = z.output<typeof simulateOutput>;
type Edits = readonly { readonly oldText: string; readonly newText: string }[];

const MOST_CHANGES = 20;
/** Somebody who types asks too, and the newest question wins. */
const TRIES = 4;

export async function simulateEdit(
  world: AgentWorld,
  { edits, policy: whole }: z.output<typeof simulateInput>,
): Promise<Simulated> {
  if ((edits === undefined) === (whole === undefined))
    throw new AgentProblem(
      "Give either edits or policy.",
      "edits replace texts of the policy as it is; policy is a whole new one.",
    );
  const policy = await world.policy();
  const text = edits === undefined ? (whole ?? "") : await edited(world, policy, edits);
  const { mark } = policy;
  const problem = await world.problem(text);
  if (problem !== undefined) return invalid(problem, mark);
  const traffic = await trafficFor(world);
  const result = await whatIf(traffic, text);
  if (result.kind === "invalid") return invalid(result, mark);
  if (result.kind === "nothing") return { valid: true, mark, next: NOTHING_RECORDED };
  if (result.kind === "superseded")
    throw new AgentProblem(
      "The policy is being edited at this moment, and that question came later.",
      "Ask again in a few seconds.",
    );
  const { view, shifts } = result;
  const shown = shifts.slice(-MOST_CHANGES);
  return {
    valid: true,
    outcome: outcomeView(view),
    changes: await Promise.all(shown.map((shift) => changeView(traffic, shift))),
    moreChanges: view.total - view.same - view.unknown - shown.length,
    assumptions: [...view.assumptions],
    mark,
    next:
      view.total === view.same
        ? "Every recorded request would be decided the same."
        : "Nothing was saved. Tell the person what would change before the edit is made.",
  };
}

function invalid({ line, message }: { readonly line: number; readonly message: string }, mark: string): Simulated {
  const next = `The edited policy cannot be used: mend line ${line} and ask again.`;
  return { valid: false, problem: { line, message }, mark, next };
}

/** @throws AgentProblem that says what was found out all the same. */
async function trafficFor(world: AgentWorld): Promise<AgentTraffic> {
  try {
    return await world.traffic();
  } catch (error) {
    if (!(error instanceof AgentProblem)) throw error;
    throw new AgentProblem(`The edited policy is valid, but it cannot be tried: ${error.message}`, error.next);
  }
}

const NOTHING_RECORDED =
  "The edited policy is valid, but no request is recorded to try it on: have some sent through the gateway, then ask again.";

/** A row that has been evicted keeps its number. */
async function changeView(
  traffic: AgentTraffic,
  shift: Extract<WhatIfResult, { kind: "compared" }>["shifts"][number],
): Promise<NonNullable<Simulated["changes"]>[number]> {
  const { id, change, before, after, why, assumed } = shift;
  const detail = await traffic.detail(id);
  const request = detail && `${detail.row.method} ${detail.row.path}`;
  return { id, ...(request !== undefined && { request }), change, before, after, why, assumed };
}

async function whatIf(traffic: AgentTraffic, text: string): Promise<WhatIfResult> {
  let result: WhatIfResult = { kind: "superseded" };
  for (let tried = 0; tried < TRIES && result.kind === "superseded"; tried++)
    result = await traffic.whatIf(text, false);
  return result;
}

/** @throws AgentProblem that never tells more about a secret than that the text was not found. */
async function edited(world: AgentWorld, policy: AgentPolicy, edits: Edits): Promise<string> {
  let { text } = policy;
  const secrets = await world.secrets(text);
  for (const [index, { oldText, newText }] of edits.entries()) {
    const hidden = secrets.flatMap((secret) => placesOf(text, secret).map((at) => ({ at, end: at + secret.length })));
    const places = placesOf(text, oldText).filter(
      (start) => !hidden.some(({ at, end }) => start < end && at < start + oldText.length),
    );
    const nth = `oldText of edit ${index + 1}`;
    if (places.length === 0)
      throw new AgentProblem(
        `${nth} does not occur in ${policy.file} (values of secrets do not count).`,
        "Read the file anew and copy the text exactly, with its indentation and without any secret.",
      );
    if (places.length > 1)
      throw new AgentProblem(
        `${nth} occurs ${places.length} times in ${policy.file}.`,
        "Give more of the text around it, so that it occurs once.",
      );
    text = text.slice(0, places[0]) + newText + text.slice(places[0] + oldText.length);
  }
  return text;
}

function placesOf(text: string, part: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) places.push(at);
  return places;
}
