/**
 * `explain_request`: why a recorded or described request was allowed or refused.
 * Must not send anything: a described request is decided, not made.
 */
import type * as z from "zod/mini";
import type { explainInput } from "./declarations.ts";
import { explained, type ExplainedRequest } from "./view.ts";
import { AgentProblem, type AgentWorld } from "./world.ts";

export async function explainRequest(
  world: AgentWorld,
  { id, method, url, headers, clientIp }: z.output<typeof explainInput>,
): Promise<ExplainedRequest> {
  if (url !== undefined) {
    if (id !== undefined)
      throw new AgentProblem(
        "Both id and url were given.",
        "Give id for a recorded request, or url for one that is described.",
      );
    const detail = await world.explain({ method: method ?? "GET", url, headers: headers ?? {}, clientIp });
    const { refused } = detail.verdict;
    return explained(
      detail,
      "described",
      refused
        ? "Nothing was sent. To try an edit of the policy, use simulate_edit; the lines above say what refused it."
        : "Nothing was sent: this is what the gateway would decide, up to the choice of the replica.",
    );
  }
  if (method !== undefined || headers !== undefined || clientIp !== undefined)
    throw new AgentProblem(
      "A described request needs url.",
      'Give url too, for example "/orders" or "http://localhost:8080/orders".',
    );
  const traffic = await world.traffic();
  const detail = id === undefined ? await traffic.lastRejection() : await traffic.detail(id);
  if (detail === undefined) throw id === undefined ? nothingRefused() : notRecorded(id);
  return explained(
    detail,
    "recorded",
    detail.verdict.refused
      ? `propose_fix with id ${detail.row.id} finds the smallest edits of the policy under which it would have passed.`
      : "It was not refused by the gateway.",
  );
}

export function nothingRefused(): AgentProblem {
  return new AgentProblem(
    "No request was refused since the recording began.",
    "Have the request sent through the gateway first, or describe it: explain_request with url, method and headers.",
  );
}

export function notRecorded(id: number): AgentProblem {
  return new AgentProblem(
    `Request ${id} is not in the recording: it has been evicted, or never came.`,
    "list_rejections gives the numbers of those that are.",
  );
}
