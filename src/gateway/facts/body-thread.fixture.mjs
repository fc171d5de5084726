/**
 * The thread from its source: a thread does not inherit how tests load TypeScript.
 * Must not be a part of any bundle.
 */
import { register } from "tsx/esm/api";

register();
await import("./body-thread.ts");
