/**
 * Loaded into the gateway's process before everything else (`node --import`): how long its event loop stood still, and how
 * much of that it was on a processor. Every SIGUSR2 asks, the answer is a line of JSON on file descriptor 3.
 * Must not change what it watches: one timer and one histogram of node's own.
 */
import { readFileSync, writeSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

/** Milliseconds between two looks. */
const EVERY = 5;
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

/** Milliseconds that the main thread has been on a processor; 0 where the system does not say (only Linux does). */
function onProcessor() {
  try {
    return Number(readFileSync("/proc/self/task/" + process.pid + "/schedstat", "latin1").split(" ", 1)[0]) / 1e6;
  } catch {
    return 0;
  }
}

let worked = 0;
let memory = 0;
let before = onProcessor();

function look() {
  const now = onProcessor();
  worked = Math.max(worked, now - before);
  before = now;
  memory = Math.max(memory, process.memoryUsage.rss());
}

setInterval(look, EVERY).unref();

process.on("SIGUSR2", () => {
  look();
  // The histogram's delays hold its own resolution of 1 ms.
  writeSync(3, JSON.stringify({ stall: Math.max(0, delay.max / 1e6 - 1), worked, memory }) + "\n");
  delay.reset();
  worked = memory = 0;
});
