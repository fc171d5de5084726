/**
 * The thread in which "what if" is answered: one question at a time, in order, each with an answer or an error.
 * Must not hold anything but the Study, and must not end because a question could not be answered.
 */
import { parentPort } from "node:worker_threads";
import { Study, type Answer, type Question } from "./study.ts";

export type Reply =
  | { readonly id: number; readonly answer: Answer; readonly milliseconds: number }
  | { readonly id: number; readonly problem: string };

const study = new Study();

parentPort?.on("message", (question: Question) => {
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
