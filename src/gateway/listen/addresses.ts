/**
 * Opens every address of one listener at one port, and says in words what could not be opened.
 * IPv6 may be missing on a machine: then that address is reported as a problem and the others serve.
 * Must not know what is opened: TCP and UDP bind differently.
 */
import type { PlanListener } from "../../model/plan.ts";

/** An address of the policy file could not be bound. The old pair keeps serving. */
export class ListenProblem extends Error {
  readonly listener: string;
  readonly port: number;
  readonly code: string;

  constructor(listener: string, port: number, code: string, message: string) {
    super(message);
    this.name = "ListenProblem";
    this.listener = listener;
    this.port = port;
    this.code = code;
  }
}

export interface ListenerAddress {
  readonly address: string;
  /** The port really bound (differs from the plan's when that is 0). 0 when not bound. */
  readonly port: number;
  /** Why this address is not served (no IPv6 on this machine), or undefined. */
  readonly problem?: string;
}

export interface Opener {
  /** @returns the port really bound. Rejects with the system's error. */
  bind(address: string, port: number): Promise<number>;
  /** Closes what was bound so far. */
  close(): Promise<void>;
}

/** The machine lacks the address or its family: no reason not to serve the others. */
const MISSING = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EPROTONOSUPPORT", "EINVAL"]);
/** With port 0 the second address must get the port that the first was given; somebody may have it already. */
const PORT_TRIES = 10;

/** @throws ListenProblem, with nothing left open. */
export async function openAll(listener: PlanListener, opener: Opener): Promise<readonly ListenerAddress[]> {
  for (let tries = 1; ; tries++) {
    try {
      return await openOnce(listener, opener);
    } catch (error) {
      await opener.close();
      const problem = error as ListenProblem;
      if (listener.port === 0 && problem.code === "EADDRINUSE" && tries < PORT_TRIES) continue;
      throw error;
    }
  }
}

async function openOnce(listener: PlanListener, opener: Opener): Promise<readonly ListenerAddress[]> {
  const addresses: ListenerAddress[] = [];
  let { port } = listener;
  for (const address of listener.addresses) {
    try {
      port = await opener.bind(address, port);
      addresses.push({ address, port });
    } catch (error) {
      const { code = "UNKNOWN" } = error as NodeJS.ErrnoException;
      if (!MISSING.has(code)) throw new ListenProblem(listener.name, port, code, sentence(listener, address, code));
      addresses.push({ address, port: 0, problem: `This machine does not have the address ${address} (${code}).` });
    }
  }
  if (addresses.every(({ problem }) => problem !== undefined)) {
    throw new ListenProblem(
      listener.name,
      port,
      "EADDRNOTAVAIL",
      `Listener ${listener.name}: this machine has none of the addresses ${listener.addresses.join(", ")}.`,
    );
  }
  return addresses;
}

function sentence(listener: PlanListener, address: string, code: string): string {
  const place = address.includes(":") ? `[${address}]:${listener.port}` : `${address}:${listener.port}`;
  const where = `Listener ${listener.name} cannot open ${place}`;
  if (code === "EADDRINUSE")
    return `${where}: another program has that port. Stop it, or give the listener another port.`;
  if (code === "EACCES") return `${where}: this user may not open that port. Ports below 1024 need more rights.`;
  return `${where}: ${code}.`;
}
