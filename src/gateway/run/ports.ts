/**
 * Free ports for replicas, counted up from where the policy file says.
 * A port is free when both loopback addresses can be bound and nobody answers there: a server on all addresses may leave
 * the loopback ones bindable. Must not hold a port: the replica binds it itself.
 */
import { createServer } from "node:net";
import { knock } from "../forward/dial.ts";

const HIGHEST = 65_535;
const KNOCK_LIMIT = 500;

export class NoPorts extends Error {
  override readonly name = "NoPorts";
}

/**
 * @param taken ports that are somebody's already, though perhaps not bound yet.
 * @throws NoPorts when there are not enough up to 65535.
 */
export async function freePorts(from: number, count: number, taken: ReadonlySet<number>): Promise<number[]> {
  const found: number[] = [];
  for (let port = from; port <= HIGHEST && found.length < count; port++) {
    if (!taken.has(port) && (await isFree(port))) found.push(port);
  }
  if (found.length < count) throw new NoPorts(`There are not ${count} free ports from ${from} up.`);
  return found;
}

export async function isFree(port: number): Promise<boolean> {
  return (await bindable(port, "127.0.0.1")) && (await bindable(port, "::1")) && !(await answers(port));
}

function bindable(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      // A machine without this address family has nobody on it either.
      resolve(error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT");
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    knock("localhost", port, KNOCK_LIMIT, resolve);
  });
}
