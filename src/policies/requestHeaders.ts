/**
 * requestHeaders: sets, adds and removes header fields of the request: what the backend sees.
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

export const requestHeaders: Policy<HeaderEdits, undefined, never> = {
  kind: "requestHeaders",
  phase: "shape",
  summary: "Sets, adds and removes header fields of the request.",
  example: 'requestHeaders: { set: { x-user: "${jwt.sub}" }, remove: [x-debug] }\n',
  config: headerEdits as unknown as z.ZodMiniType<HeaderEdits>,
  reasons: {},
  admits: (c) => `request headers changed: ${headerEditWords(c)}`,
  check: checkHeaderEdits,
  compile: (c, context) => ({ request: compileHeaderEdits(c, context) }),
};
