/**
 * `npm run bench`: every figure of the README, measured against peers on this machine, in one command.
 *
 *   npm run bench                    all
 *   npm run bench -- forward decide  only these
 *   npm run bench -- --smoke         tiny counts, no peers from Debian: proves that each bench still runs
 *
 * Timings are ratios within one interleaved run; the machine is named beside them. Must not assert: it prints.
 */
import { cpus, totalmem } from "node:os";
import { aggregate } from "./aggregate.ts";
import type { Bench } from "./bench.ts";
import { cache } from "./cache.ts";
import { codec } from "./codec.ts";
import { decide } from "./decide.ts";
import { forward } from "./forward.ts";
import { hostile } from "./hostile.ts";
import { idle } from "./idle.ts";
import { latency } from "./latency.ts";
import { limits } from "./limits.ts";
import { recording } from "./recording.ts";
import { replaying } from "./replay.ts";
import { splice } from "./splice.ts";
import { tokens } from "./tokens.ts";
import { whatIf } from "./what-if.ts";

const benches: Readonly<Record<string, Bench>> = {
  decide,
  codec,
  replay: replaying,
  recording,
  latency,
  forward,
  cache,
  aggregate,
  splice,
  idle,
  limits,
  hostile,
  tokens,
  "what-if": whatIf,
};

const names = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const smoke = process.argv.includes("--smoke");
for (const name of names)
  if (!(name in benches)) {
    console.error(`There is no bench "${name}". There are: ${Object.keys(benches).join(", ")}.`);
    process.exit(2);
  }

const processors = cpus();
console.log(
  `${processors.length} x ${processors[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ` +
    `${process.platform} ${process.arch}, Node ${process.versions.node}${smoke ? ", smoke run: figures mean nothing" : ""}`,
);
for (const name of names.length ? names : Object.keys(benches)) {
  console.log(`\n${name}`);
  for (const line of await benches[name](smoke)) console.log(`  ${line}`);
}
