/**
 * One call of a tool: the input judged by its declaration, the answer concealed and bounded, and every failure in words
 * that say what to do next. Must not throw for anything that an agent sends.
 */
import type * as z from "zod/mini";
import { bounded, cutText } from "./bound.ts";
import { EXPLAIN, FIX, LIST, SIMULATE, TOOLS, type ToolDeclaration } from "./declarations.ts";
import { explainRequest } from "./explain-request.ts";
import { listRejections } from "./list-rejections.ts";
import { proposeFix } from "./propose-fix.ts";
import { simulateEdit } from "./simulate-edit.ts";
import { AgentProblem, type AgentWorld } from "./world.ts";

export type ToolAnswer =
  { readonly ok: true; readonly value: object } | { readonly ok: false; readonly message: string };

const RUNS: Readonly<Record<string, (world: AgentWorld, input: never) => Promise<object>>> = {
  [EXPLAIN.name]: explainRequest,
  [LIST.name]: listRejections,
  [SIMULATE.name]: simulateEdit,
  [FIX.name]: proposeFix,
};

const LONGEST_MESSAGE = 1000;

export async function callTool(world: AgentWorld, name: string, input: unknown): Promise<ToolAnswer> {
  try {
    const tool = TOOLS.find((one) => one.name === name);
    if (tool === undefined)
      throw new AgentProblem(
        `There is no tool "${cutText(name, 60)}".`,
        `Known are ${TOOLS.map((one) => one.name).join(", ")}.`,
      );
    const answer = await RUNS[name](world, inputOf(tool, world, input) as never);
    return { ok: true, value: bounded(await world.conceal(answer)) };
  } catch (error) {
    const message = error instanceof AgentProblem ? `${error.message} ${error.next}` : unforeseen(error);
    return { ok: false, message: cutText(await concealed(world, message), LONGEST_MESSAGE) };
  }
}

/** A message that cannot be concealed is not told. */
async function concealed(world: AgentWorld, message: string): Promise<string> {
  try {
    return await world.conceal(message);
  } catch {
    return "The tool failed, and why cannot be told. Run `switchyard check` on the policy file.";
  }
}

function unforeseen(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return `${message}${/[.!?]$/.test(message) ? "" : "."} Mend the input if that is the cause; else ask once more, then tell the person.`;
}

function inputOf(tool: ToolDeclaration, world: AgentWorld, input: unknown): unknown {
  const declared = world.edit === undefined ? tool.input : (tool.editingInput ?? tool.input);
  const read = declared.safeParse(input ?? {});
  if (read.success) return read.data;
  const issues = read.error.issues.slice(0, 3).map(issueWords);
  throw new AgentProblem(
    `The input of ${tool.name} is not as declared: ${issues.join("; ")}.`,
    "Call it again with input that fits its schema.",
  );
}

/** No locale is loaded, so zod itself says "Invalid input" for all of them. */
function issueWords(issue: z.core.$ZodIssue): string {
  const at = issue.path.length === 0 ? "the input" : issue.path.map(String).join(".");
  switch (issue.code) {
    case "unrecognized_keys":
      return `${at} has unknown fields: ${issue.keys
        .slice(0, 5)
        .map((key) => cutText(key, 40))
        .join(", ")}`;
    case "invalid_type":
      return `${at} must be ${issue.expected === "int" ? "a whole number" : `of type ${issue.expected}`}`;
    case "too_big":
      return `${at} is too large: at most ${issue.maximum}${issue.origin === "string" ? " characters" : ""}`;
    case "too_small":
      return `${at} is too small: at least ${issue.minimum}${issue.origin === "string" ? " characters" : ""}`;
    default:
      return `${at} does not fit`;
  }
}
