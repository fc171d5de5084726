/**
 * Who holds a port, and which one is free: for the message about a busy port, at the command line and in the editor.
 * Every answer may be "unknown". Must not end anything.
 */
import { createServer } from "node:net";
import { listening, type ListeningProcess } from "./listening.ts";

/** How many ports are tried for a free one. */
const TRIED = 200;

/** undefined = nobody, or a process of somebody else that may not be looked at. */
export async function portHolder(port: number): Promise<ListeningProcess | undefined> {
  try {
    return (await listening()).find((one) => one.port === port)?.process;
  } catch {
    return undefined;
  }
}

/** The first port above `port` that nobody listens on; 0 = none of the next two hundred is free. */
export async function nextFreePort(port: number): Promise<number> {
  for (let candidate = port + 1; candidate < Math.min(port + TRIED, 65_536); candidate++)
    if (await isFree(candidate)) return candidate;
  return 0;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
