/**
 * responseHeaders: sets, adds and removes header fields of the response: what the caller sees.
 * Must not judge anything: it has no verdict and no state.
 */
import type * as z from "zod/mini";
import type { Policy } from "../model/policy.ts";
import {
  checkHeaderEdits,
  compileHeaderEdits,
  headerEdits,
  headerEditWords,
  type HeaderEdits,
} from "./header-edits.ts";

export const responseHeaders: Policy<HeaderEdits, undefined, never> = {
  kind: "responseHeaders",
  phase: "reply",
  summary: "Sets, adds and removes header fields of the response.",
  example: "responseHeaders: { set: { cache-control: no-store }, remove: [x-powered-by] }\n",
  config: headerEdits as unknown as z.ZodMiniType<HeaderEdits>,
  reasons: {},
  admits: (c) => `response headers changed: ${headerEditWords(c)}`,
  check: checkHeaderEdits,
  compile: (c, context) => ({ response: compileHeaderEdits(c, context) }),
};
