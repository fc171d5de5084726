/**
 * What the parts of the translation say to each other, and to the relay: a translation, who carries it, whom it may ask.
 * It holds types alone, so that nothing is loaded for them.
 */
import type { Passage } from "../../model/arrival.ts";
import type { Plan, Timeouts } from "../../model/plan.ts";
import type { Backend } from "../forward/backend.ts";
import type { OutgoingRequest } from "../http1/compose.ts";
import type { BackendSessions } from "../http2/sessions.ts";
import type { UpstreamSecurities } from "../tls/upstream-security.ts";

/** What is needed of the running engine, for servers that are asked about themselves. */
export interface Network {
  readonly sessions: BackendSessions;
  readonly securities: UpstreamSecurities;
  active(): { readonly plan: Plan };
}

/** One request as a call, ready to be sent. */
export interface Translation {
  /** Makes the composed head that of a call. @param timeouts of the route. */
  compose(request: OutgoingRequest, timeouts: Timeouts): void;
  wrap(backend: Backend): Backend;
}

/** A passage that can carry a translation to the relay. */
export interface Translatable extends Passage {
  translation?: Translation | undefined;
}
