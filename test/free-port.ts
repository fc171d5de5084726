/**
 * Ports of this machine for a test whose gateway, or whose absent server, must have a number beforehand.
 * They lie below those that systems hand out by themselves (from 32768 on Linux, from 49152 elsewhere), so that neither a
 * server on port 0 nor an outgoing connection takes one between our look and its use; none is given twice, and processes
 * begin at places of their own. Must not hold a port: nobody listens there until the test does.
 */
import { createServer } from "node:net";

const LOWEST = 12_000;
const HIGHEST = 31_999;

/** Ports apart from each other at which processes whose ids follow one another begin. */
const STRIDE = 997;

let next = LOWEST + ((process.pid * STRIDE) % (HIGHEST - LOWEST));

/** A port on which nobody listens. */
export function freePort(): Promise<number> {
  return freeSpan(1);
}

/** @returns the first of `count` ports in a row on which nobody listens. */
export async function freeSpan(count: number): Promise<number> {
  let first = take();
  for (let found = 0; found < count; found++) {
    const port = found === 0 ? first : take();
    if (port === first + found && (await isFree(port))) continue;
    first = take();
    found = -1;
  }
  return first;
}

function take(): number {
  if (next > HIGHEST) next = LOWEST;
  return next++;
}

/** On all addresses at once: whoever listens on one of them only may not be met on another. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
