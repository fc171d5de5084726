/**
 * Steady load from a process of its own, so that whoever asks questions meanwhile is not measured with it: each message
 * `{ port, request, perSecond, seconds }` is answered with the microseconds of its requests.
 * Must not outlive whoever forked it.
 */
import { steadyLoad } from "./steady-load.ts";

process.on("message", async ({ port, request, perSecond, seconds }) => {
  process.send?.(await steadyLoad(port, request, perSecond, seconds));
});
process.on("disconnect", () => process.exit());
