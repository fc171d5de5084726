/**
 * The walk of one layer-4 connection or UDP session through the core: open, enter, decide, again, settle, record.
 * The same doors as a request's, so that limits, balancing and explanation are the same. Must not touch a socket, and
 * must settle exactly once what it entered.
 */
import { again } from "../../decide/again.ts";
import { decide } from "../../decide/decide.ts";
import { enter } from "../../decide/enter.ts";
import { settle } from "../../decide/settle.ts";
import type { Arrival } from "../../model/arrival.ts";
import type { Millis } from "../../model/basics.ts";
import type { PlanEndpoint } from "../../model/endpoint.ts";
import type { PlanRoute, PlanService } from "../../model/plan.ts";
import { Failure, Life, type Outcome } from "../../model/state.ts";
import { LivePassage } from "../forward/passage.ts";
import type { Active, EngineServices } from "../forward/services.ts";
import type { Pretence } from "../simulate/simulations.ts";
import type { Ending } from "../record/ending.ts";
import { Next, type AttemptRecord, type Recording } from "../record/recording.ts";
import { ATTEMPTS, PROGRESS } from "./limits.ts";

/** Filled before it is judged; constant from then on. */
export class ConnectionArrival implements Arrival {
  readonly layer = 4;
  listener = 0;
  readonly protocol: "tcp" | "udp" | "tls";
  readonly clientIp: string;
  readonly clientPort: number;
  readonly localIp: string;
  readonly localPort: number;
  sni: string | undefined = undefined;

  constructor(protocol: "tcp" | "udp" | "tls", client: readonly [string, number], local: readonly [string, number]) {
    this.protocol = protocol;
    [this.clientIp, this.clientPort] = client;
    [this.localIp, this.localPort] = local;
  }

  /** Routes are found by it. */
  get host(): string | undefined {
    return this.sni;
  }

  /** Layer 4 has none. */
  header(): undefined {
    return undefined;
  }
}

/** What the gateway itself refuses. */
export interface Objection {
  /** urn:switchyard:layer4:<code> */
  readonly code: string;
  readonly sentence: string;
}

export class Crossing {
  readonly arrival: ConnectionArrival;
  readonly active: Active;
  readonly recording: Recording;
  private readonly services: EngineServices;
  private readonly passage: LivePassage;
  private attempt: AttemptRecord | undefined;
  private entered = false;
  private ended = false;
  private toldAt: Millis;
  private toldBytes = 0;

  /** The connection is there: it is seen as pending from now on. @param listener index into plan.listeners. */
  constructor(services: EngineServices, arrival: ConnectionArrival, listener: number) {
    this.services = services;
    this.arrival = arrival;
    arrival.listener = Math.max(0, listener);
    this.active = services.active();
    this.passage = new LivePassage(arrival);
    const { passage } = this;
    const now = services.now();
    this.toldAt = now;
    const recording = services.recorder.open();
    this.recording = recording;
    passage.begin(recording.id, services.seed(), services.wallClock());
    recording.at = passage.wallClock;
    recording.start = now;
    recording.revision = this.active.revision;
    recording.seed = passage.seed;
    recording.arrival = arrival;
    recording.caller = passage.caller;
    recording.facts = passage.facts;
    recording.decision.clear();
    services.recorder.began(recording);
    passage.id = recording.id;
  }

  get route(): PlanRoute {
    return this.active.plan.routes[this.recording.decision.route];
  }

  get service(): PlanService {
    return this.active.plan.services[this.recording.decision.service];
  }

  get endpoint(): PlanEndpoint {
    return this.service.endpoints[this.recording.decision.endpoint];
  }

  /** @returns false when it was refused; then `finish` is still to be called. */
  judge(now: Millis): boolean {
    const { passage, active, services, recording } = this;
    const { decision } = recording;
    this.entered = true;
    services.journal?.enter(recording, passage, now);
    enter(passage, active.plan, active.state, now, decision);
    if (decision.refused) return false;
    services.journal?.decide(recording, passage, now);
    decide(passage, active.plan, active.state, now, decision);
    if (decision.refused) return false;
    this.tell(now);
    return true;
  }

  /** An attempt at `endpoint` begins. */
  begin(now: Millis): void {
    this.attempt = {
      endpoint: this.recording.decision.endpoint,
      startedAt: now,
      connectedAt: -1,
      sentAt: -1,
      firstByteAt: -1,
      endedAt: -1,
      status: 0,
      failure: Failure.None,
      reused: false,
      next: Next.Nothing,
      localPort: 0,
    };
    this.recording.attempts.push(this.attempt);
  }

  /** What a person pretends of the endpoint. An answer with a status is none of this layer's. */
  meet(): Exclude<Pretence, { kind: "errors" }> | undefined {
    const { decision } = this.recording;
    const met = this.services.simulations.meet(
      this.service.name,
      this.endpoint.url,
      this.passage.seed,
      decision.attempts,
    );
    if (met === undefined || met.kind === "errors") return undefined;
    if (this.attempt !== undefined) this.attempt.simulated = true;
    return met;
  }

  /** The server took the connection, or the socket for a session is there. @param localPort of ours, as the server sees it. */
  connected(now: Millis, localPort: number): void {
    if (this.attempt !== undefined) {
      this.attempt.connectedAt = now;
      this.attempt.localPort = localPort;
    }
    this.tell(now);
  }

  /** The server's first byte. */
  answered(now: Millis): void {
    if (this.attempt !== undefined && this.attempt.firstByteAt < 0) this.attempt.firstByteAt = now;
  }

  /** The attempt failed and nothing has reached a server. @returns false when no other endpoint is left. */
  again(failure: number, now: Millis): boolean {
    const { recording, passage, active, services, attempt } = this;
    const { decision } = recording;
    if (decision.attempts >= ATTEMPTS) return false;
    const failed: Outcome = { status: 0, failure, firstByte: -1 };
    const { service, endpoint } = decision;
    if (attempt !== undefined) {
      attempt.endedAt = now;
      attempt.failure = failure;
    }
    services.journal?.again(recording, passage, now, failed);
    const found = again(passage, active.plan, active.state, now, failed, decision);
    services.attemptFailed(active, service, endpoint, failure, now);
    if (found && attempt !== undefined) attempt.next = Next.Retried;
    return found;
  }

  /** Shows an open connection's bytes in the traffic view, about once a second while they grow. */
  progress(now: Millis): void {
    const { requestBody, responseBody } = this.recording;
    if (now - this.toldAt >= PROGRESS && requestBody.bytes + responseBody.bytes !== this.toldBytes) this.tell(now);
  }

  /** The endpoint has left the plan, and the time to end what was on its way is over. */
  overstays(now: Millis): boolean {
    const { decision } = this.recording;
    const endpoint = this.active.state.services[decision.service].endpoints[decision.endpoint];
    return endpoint.life === Life.Leaving && endpoint.lifeUntil > 0 && now >= endpoint.lifeUntil;
  }

  /** The gateway itself refuses. */
  object({ code, sentence }: Objection): void {
    this.recording.refusal = `urn:switchyard:layer4:${code}`;
    this.recording.refusalDetail = sentence;
  }

  /** The end, whatever it was: settles and records. A second call does nothing. @param failure one of model Failure. */
  finish(ending: Ending, failure: number): void {
    const { services, recording, active, passage, attempt } = this;
    if (this.ended) return;
    this.ended = true;
    const now = services.now();
    const { decision } = recording;
    if (attempt !== undefined && attempt.endedAt < 0) {
      attempt.endedAt = now;
      attempt.failure = failure;
    }
    recording.ending = ending;
    recording.failure = failure;
    recording.end = now;
    if (this.entered) {
      const connected =
        attempt === undefined || attempt.connectedAt < 0 ? -1 : attempt.connectedAt - decision.decidedAt;
      const outcome: Outcome = { status: 0, failure, firstByte: connected };
      const { service, endpoint, holds } = decision;
      services.journal?.settle(recording, passage, now, outcome);
      settle(passage, decision, active.plan, active.state, outcome, now);
      if (holds && failure !== Failure.None) services.attemptFailed(active, service, endpoint, failure, now);
    }
    services.recorder.ended(recording);
  }

  private tell(now: Millis): void {
    const { recording } = this;
    this.toldAt = now;
    this.toldBytes = recording.requestBody.bytes + recording.responseBody.bytes;
    this.services.recorder.progressed?.(recording);
  }
}
