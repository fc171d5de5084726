/**
 * Sticky sessions: a request that names an endpoint of before goes there again, as long as that one can take it.
 * A session says where, never who: its token is a digest of the endpoint, the same for everybody who goes there.
 * Must not choose an endpoint for whoever has no session: that is the balancer's.
 */
import type { Passage } from "../model/arrival.ts";
import type { Millis } from "../model/basics.ts";
import { cookieValue } from "../model/cookie.ts";
import { Mark, SessionNote, type Decision } from "../model/decision.ts";
import { lookUp, use, type Keyed } from "../model/keyed.ts";
import type { PlanPersistence, PlanService } from "../model/plan.ts";
import type { ServiceState, Session } from "../model/state.ts";

/** Source addresses that one service remembers. */
const MOST_SESSIONS = 100_000;

/** Sets `out.wanted` to the endpoint that the request's session names; notes why there is none. */
export function readSession(
  x: Passage,
  service: PlanService,
  persistence: PlanPersistence,
  { sessions }: ServiceState,
  now: Millis,
  out: Decision,
): void {
  const token = sessions === undefined ? sentToken(x, persistence) : keptToken(sessions, x.arrival.clientIp, now);
  out.wanted = token === undefined ? -1 : service.endpoints.findIndex((endpoint) => endpoint.token === token);
  if (out.wanted >= 0) return;
  out.trace.mark(Mark.Session, 0, token === undefined ? SessionNote.New : SessionNote.Stranger, 0, 0);
}

function sentToken(x: Passage, { type, name }: PlanPersistence): string | undefined {
  const value = type === "Cookie" ? cookieValue(x.arrival.header("cookie"), name) : x.arrival.header(name);
  return value === "" ? undefined : value;
}

function keptToken(sessions: Keyed<Session>, address: string, now: Millis): string | undefined {
  const known = lookUp(sessions, address);
  return known !== undefined && now < known.until ? known.token : undefined;
}

/** The request goes to `out.endpoint`: its source address goes there from now on. */
export function keepSession(
  x: Passage,
  service: PlanService,
  { ttl }: PlanPersistence,
  sessions: Keyed<Session>,
  now: Millis,
  out: Decision,
): void {
  const { token } = service.endpoints[out.endpoint];
  if (token === undefined) return;
  const session = use(sessions, x.arrival.clientIp, newSession, MOST_SESSIONS);
  if (session.token === token && now < session.until) return;
  session.token = token;
  session.until = now + ttl;
}

function newSession(): Session {
  return { token: "", until: 0 };
}

/** The field that tells the client its new session, to go with the answer; undefined when it has it already, or needs none. */
export function sessionField(
  service: PlanService | undefined,
  decision: { readonly endpoint: number; readonly wanted: number },
): readonly [name: string, value: string] | undefined {
  const persistence = service?.persistence;
  if (service === undefined || persistence === undefined || persistence.type === "SourceAddress") return undefined;
  if (decision.endpoint < 0 || decision.endpoint === decision.wanted) return undefined;
  const { token } = service.endpoints[decision.endpoint];
  if (token === undefined) return undefined;
  if (persistence.type === "Header") return [persistence.name, token];
  const age = Math.ceil(persistence.ttl / 1000);
  return ["Set-Cookie", `${persistence.name}=${token}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax`];
}
