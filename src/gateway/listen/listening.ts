/**
 * What the engine does with a listener, whatever its protocol: open, activate with each plan, close, wait until empty.
 * Must not know a protocol.
 */
import type { PlanListener } from "../../model/plan.ts";
import type { ListenerAddress } from "./addresses.ts";
import type { Terminator } from "../tls/terminator.ts";
import type { Connection } from "./bound.ts";

export interface Listening {
  /** Index into plan.listeners; -1 before its plan serves and once the listener is gone. */
  index: number;
  readonly addresses: readonly ListenerAddress[];
  /** Open connections; at UDP, sessions. */
  readonly connections: ReadonlySet<Connection>;
  /** @throws ListenProblem, with nothing left open. */
  open(listener: PlanListener): Promise<void>;
  /** The plan that wants this listener serves from now on. @param terminator ends TLS, where the protocol is HTTPS. */
  activate(index: number, listener: PlanListener, terminator?: Terminator): void;
  /** Stops accepting. Connections live on until they are retired. */
  close(): Promise<void>;
  /** Settles when the last connection is gone. */
  empty(): Promise<void>;
}
