/**
 * Minting as a session asks for it: a recorded request as the one to pass, with everything that it carried.
 * Must not send anything, and must not let a token of a recorded request out.
 */
import type { ExplainRequest } from "../../contract/explaining.ts";
import type { MintResult, MintTarget, MintWish } from "../../contract/minting.ts";
import type { Plan } from "../../model/plan.ts";
import { fieldsOf, startLine } from "../record/heads.ts";
import type { Recorder } from "../record/recorder.ts";
import { mint, type MintContext } from "./minter.ts";

export interface MintDeskOptions {
  readonly recorder: Recorder;
  context(): MintContext;
}

export class MintDesk {
  private readonly options: MintDeskOptions;

  constructor(options: MintDeskOptions) {
    this.options = options;
  }

  async mint({ target, given, key }: MintWish): Promise<MintResult> {
    const context = this.options.context();
    const request = "id" in target ? this.recorded(target.id, context.plan) : target;
    if (typeof request === "string") return { kind: "refused", message: request };
    return await mint(context, { request, given, ...(key === undefined ? {} : { key }) });
  }

  /** @returns the request in words, or why there is none. */
  private recorded(id: Extract<MintTarget, { id: number }>["id"], plan: Plan): ExplainRequest | string {
    const { recorder } = this.options;
    const place = recorder.place(id);
    if (place === undefined) return "That request is no longer kept.";
    const { chunk, index } = place;
    const head = recorder.payload(place)?.requestHead;
    if (chunk.protocol[index] !== 0) return "A connection of layer 4 carries no token.";
    if (head === undefined) return "Its head has left the ring; only the decision is kept.";
    const judged = recorder.plans.get(chunk.revision[index])?.plan.listeners[chunk.listener[index]]?.name;
    const listener = plan.listeners.find(({ name }) => name === judged);
    if (listener === undefined) return `The policy has no listener "${judged ?? ""}" any more.`;
    const target = startLine(head).split(" ")[1] ?? "/";
    const path = target.startsWith("/") ? target : chunk.words[chunk.path[index]];
    const headers: Record<string, string> = {};
    for (const { name, value } of fieldsOf(head)) {
      const low = name.toLowerCase();
      headers[low] = headers[low] === undefined ? value : `${headers[low]}, ${value}`;
    }
    return {
      method: chunk.words[chunk.method[index]],
      url: `http://localhost:${listener.port}${path}`,
      headers: { ...headers, host: chunk.words[chunk.host[index]] },
      clientIp: chunk.words[chunk.client[index]],
    };
  }
}
