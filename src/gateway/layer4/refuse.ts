/**
 * A connection that is refused before anything is decided about it: closed, and recorded with the reason.
 * Must not answer: at this point nobody knows what the client speaks.
 */
import type { Socket } from "node:net";
import { Failure } from "../../model/state.ts";
import type { EngineServices } from "../forward/services.ts";
import { plainAddress } from "../listen/arrival.ts";
import { Cause, First, Stage } from "../record/ending.ts";
import { ConnectionArrival, Crossing, type Objection } from "./crossing.ts";

export interface Refused {
  readonly socket: Socket;
  /** Its address and port: a closed socket does not know them any more. */
  readonly client: readonly [string, number];
  readonly protocol: "tcp" | "tls";
  /** Index into plan.listeners. */
  readonly listener: number;
  readonly why: Objection;
}

export function refuseConnection(services: EngineServices, { socket, client, protocol, listener, why }: Refused): void {
  const local = [plainAddress(socket.localAddress ?? ""), socket.localPort ?? 0] as const;
  const crossing = new Crossing(services, new ConnectionArrival(protocol, client, local), listener);
  crossing.object(why);
  socket.destroy();
  crossing.finish(`${Cause.Gateway}${Stage.Request}${First.Gateway}`, Failure.None);
}

export function tooMany(listener: string, most: number): Objection {
  const sentence = `Listener ${listener} has ${most} connections, as many as maxConnections allows.`;
  return { code: "max-connections", sentence };
}
