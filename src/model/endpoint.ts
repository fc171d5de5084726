/**
 * One endpoint of a service, as planned. What changes while it serves is EndpointState.
 */
import type { SourceRange } from "./basics.ts";

export interface PlanEndpoint {
  readonly index: number;
  /** As written. */
  readonly url: string;
  /** Host name or address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Short word to show: ":4001", or host:port when not on this machine. */
  readonly label: string;
  readonly weight: number;
  /** Where it stands, for `locality`. */
  readonly zone?: string;
  /** For `Failover`: the lowest that has anybody left gets the requests. */
  readonly priority: number;
  /** What a session is called that stays here: opaque, and the same after every start. */
  readonly token?: string;
  /** One of Admin, as written in the file. */
  readonly admin: number;
  /** Its process is started and ended by the gateway (`run`): it takes requests only while Life says Serving. */
  readonly managed?: boolean;
  /** https:// */
  readonly secure?: boolean;
  readonly source: SourceRange;
}
