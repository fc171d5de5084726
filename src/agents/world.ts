/**
 * What the four tools stand on: traffic that was recorded, decisions on requests that are not sent, the policy's text.
 * A gateway that runs gives it, an archive may, and the policy file alone gives part of it.
 * Must not name a way of asking: each host (the MCP server, the extension) brings its own.
 */
import type { GatewayFunctions } from "../contract/calls.ts";
import type { ExplainRequest } from "../contract/explaining.ts";
import type { Detail } from "../contract/detail.ts";
import type { PassingFix } from "../contract/what-if.ts";

type Called = "parseFilter" | "rows" | "whatIf" | "passingFixes";

/** What is asked of a gateway: nothing that changes it, and secrets are never revealed. */
export interface AgentTraffic extends Pick<GatewayFunctions, Called> {
  /** undefined = no such request, or it has left the ring. */
  detail(id: number): Detail | undefined | Promise<Detail | undefined>;
  lastRejection(): Detail | undefined | Promise<Detail | undefined>;
}

/** The traffic of a gateway, and nothing else that it can do. */
export function trafficOf(gateway: Pick<GatewayFunctions, Called | "detail" | "lastRejection">): AgentTraffic {
  return {
    parseFilter: (filter) => gateway.parseFilter(filter),
    rows: (query) => gateway.rows(query),
    detail: (id) => gateway.detail(id, false),
    lastRejection: () => gateway.lastRejection(),
    whatIf: (text) => gateway.whatIf(text, false),
    passingFixes: (id, text) => gateway.passingFixes(id, text),
  };
}

export interface AgentPolicy {
  /** As shown to people. */
  readonly file: string;
  readonly text: string;
  /** Of exactly this text: what an edit says it is based on. */
  readonly mark: string;
}

export interface AgentWorld {
  /** @throws AgentProblem when nothing is recorded anywhere, with what to do about it. */
  traffic(): Promise<AgentTraffic>;
  explain(request: ExplainRequest): Promise<Detail>;
  /** As it stands where people edit it. @throws AgentProblem */
  policy(): Promise<AgentPolicy>;
  /** Why `text` cannot be used as a policy. */
  problem(text: string): Promise<{ readonly line: number; readonly message: string } | undefined>;
  /** Values of the secrets that `text` holds. @throws AgentProblem when it cannot be read as a policy. */
  secrets(text: string): Promise<readonly string[]>;
  /** Makes the edits, if the text is still what `mark` says. Absent: no agent may edit. @throws AgentProblem */
  readonly edit?: (edits: PassingFix["edits"], mark: string) => Promise<EditMade>;
  /** Hides secrets in a plain value. */
  conceal<T>(value: T): T | Promise<T>;
}

export interface EditMade {
  /** Of the text with the edits. */
  readonly mark: string;
  /** What became of it: "written to switchyard.yaml; a running gateway applies it within a second". */
  readonly sentence: string;
}

/** Why a tool cannot answer, and what to do next: both for the agent. */
export class AgentProblem extends Error {
  override readonly name = "AgentProblem";
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}
