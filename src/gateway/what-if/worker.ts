/**
 * The thread in which "what if" is answered: one question at a time, in order, each with an answer or an error.
 * Must not hold anything but the Study, and must not end because a question could not be answered.
 */
import { getPriority, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import type { BlockView } from "./packed.ts";
import { Study, type Answer, type Question } from "./study.ts";

export type Reply =
  | { readonly id: number; readonly answer: Answer; readonly milliseconds: number }
  | { readonly id: number; readonly problem: string };

/** Steps of niceness: about half of the share of the gateway's own thread. */
const POLITENESS = 3;
const study = new Study();

yieldToGateway();

parentPort?.on("message", (question: Question | BlockView) => {
  if (!("ask" in question)) return study.take(question);
  const { id } = question;
  const start = performance.now();
  let reply: Reply;
  try {
    reply = { id, answer: study.answer(question), milliseconds: performance.now() - start };
  } catch (error) {
    reply = { id, problem: error instanceof Error ? error.message : String(error) };
  }
  // A thread has no origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.postMessage(reply);
});

/** Where a processor is short, requests come first. Only Linux has threads of different priority; elsewhere it is of the process. */
function yieldToGateway(): void {
  if (process.platform !== "linux") return;
  try {
    setPriority(Math.min(19, getPriority() + POLITENESS));
  } catch {
    // A sandbox may forbid it: then the threads are equal.
  }
}
