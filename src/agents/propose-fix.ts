/**
 * `propose_fix`: the least edits under which a refused request would have passed; and, where a person allows it, one of
 * them made. Must not edit a text other than the one that the agent was shown: the mark says which.
 */
import type * as z from "zod/mini";
import type { PassingFix } from "../contract/what-if.ts";
import type { editingFixInput, fixOutput } from "./declarations.ts";
import { nothingRefused, notRecorded } from "./explain-request.ts";
import { outcomeView, requestView } from "./view.ts";
import { AgentProblem, type AgentPolicy, type AgentWorld } from "./world.ts";

type Proposed = z.output<typeof fixOutput>;

export async function proposeFix(
  world: AgentWorld,
  { id, apply, mark }: z.output<typeof editingFixInput>,
): Promise<Proposed> {
  const policy = await world.policy();
  const traffic = await world.traffic();
  const detail = id === undefined ? await traffic.lastRejection() : await traffic.detail(id);
  if (detail === undefined) throw id === undefined ? nothingRefused() : notRecorded(id);
  const { row, verdict } = detail;
  if (!verdict.refused)
    throw new AgentProblem(
      `Request ${row.id} was not refused by the gateway: ${verdict.sentence}`,
      "list_rejections gives those that were.",
    );
  const fixes = await traffic.passingFixes(row.id, policy.text);
  const proposed: Proposed = {
    request: requestView(row),
    verdict: verdict.sentence,
    fixes: fixes.map(fixView),
    mark: policy.mark,
    next: nextOf(world, fixes),
  };
  if (apply === undefined) return proposed;
  const made = await make(world, policy, fixes, apply, mark);
  return {
    ...proposed,
    applied: { title: apply, ...made },
    mark: made.mark,
    next: "Have the request sent again to see that it passes now.",
  };
}

function fixView({ title, line, edits, view }: PassingFix): Proposed["fixes"][number] {
  return {
    title,
    line,
    newText: edits.map(({ newText }) => newText).join("\n"),
    outcome: outcomeView(view),
    assumptions: [...view.assumptions],
  };
}

function nextOf(world: AgentWorld, fixes: readonly PassingFix[]): string {
  if (fixes.length === 0)
    return "No small edit lets it pass: the caller has to change the request. explain_request says what it lacked.";
  return world.edit === undefined
    ? "Propose one of them to the person, with what else it changes. This server may not edit; try other edits with simulate_edit."
    : "Propose one of them to the person, with what else it changes; `apply` with its title and `mark` makes it.";
}

async function make(
  world: AgentWorld,
  policy: AgentPolicy,
  fixes: readonly PassingFix[],
  title: string,
  mark: string | undefined,
) {
  if (world.edit === undefined)
    throw new AgentProblem(
      "This server may not edit the policy.",
      "Ask the person to make the edit, or to start it with --allow-edits.",
    );
  if (mark === undefined)
    throw new AgentProblem(
      "apply needs mark.",
      "Call propose_fix without apply first, and give the mark that it answers with.",
    );
  if (mark !== policy.mark)
    throw new AgentProblem(
      `${policy.file} has changed since that fix was proposed.`,
      "Call propose_fix without apply again and look at what it proposes now.",
    );
  const fix = fixes.find((one) => one.title === title);
  if (fix === undefined)
    throw new AgentProblem(
      `No fix for this request has the title "${title}".`,
      fixes.length === 0 ? "There is none." : `Titles: ${fixes.map((one) => `"${one.title}"`).join(", ")}.`,
    );
  return world.edit(fix.edits, mark);
}
