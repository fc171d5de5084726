/**
 * Generated traffic over a plan, and a gateway without sockets that drives the core with it: requests overlap, fail,
 * are tried again and left open, while probes, drains, resets and plan swaps happen in between.
 * Writes the journal that the real gateway writes. Must not call anything but the core's own doors.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { again, drop, hedge, retry } from "../../src/decide/again.ts";
import { decide } from "../../src/decide/decide.ts";
import { enter } from "../../src/decide/enter.ts";
import { probed, setAdmin, setLife } from "../../src/decide/health.ts";
import { enterCopy } from "../../src/decide/sending.ts";
import { settle } from "../../src/decide/settle.ts";
import type {
  Arrival,
  AuthorityFact,
  CallFact,
  CertificateFact,
  FactRequest,
  Facts,
  IntrospectionFact,
  Passage,
  PasswordFact,
  TokenFact,
} from "../../src/model/arrival.ts";
import type { CacheFact } from "../../src/model/cache.ts";
import { BodyState } from "../../src/model/body.ts";
import { Collected, collectedOf, NO_BODY } from "../../src/gateway/facts/collected.ts";
import { Decision } from "../../src/model/decision.ts";
import type { JournalEvent, Sent } from "../../src/model/journal.ts";
import type { Plan } from "../../src/model/plan.ts";
import { Life, type Outcome, type State } from "../../src/model/state.ts";
import { carry } from "../../src/policyfile/carry.ts";
import { world } from "./policy-texts.ts";

export interface Asked {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly clientIp: string;
  readonly seed: number;
  readonly token: TokenFact;
  readonly body: Collected;
}

export type Act =
  | { readonly kind: "ask"; readonly asked: Asked }
  /** Decides the n-th request that waits for its facts. */
  | { readonly kind: "decide"; readonly which: number }
  | { readonly kind: "again"; readonly which: number; readonly outcome: Outcome }
  | { readonly kind: "retry"; readonly which: number; readonly outcome: Outcome }
  | { readonly kind: "hedge"; readonly which: number }
  | { readonly kind: "drop"; readonly which: number; readonly outcome: Outcome }
  /** A copy of the n-th request that is mirrored. */
  | { readonly kind: "copy"; readonly which: number; readonly seed: number }
  | { readonly kind: "settle"; readonly which: number; readonly outcome: Outcome }
  | { readonly kind: "probe"; readonly which: number; readonly up: boolean }
  | { readonly kind: "admin"; readonly which: number; readonly admin: number }
  | { readonly kind: "life"; readonly which: number; readonly life: number; readonly exitCode: number }
  | { readonly kind: "reset"; readonly which: number }
  | { readonly kind: "swap"; readonly which: number };

/** Time steps are uneven, and the clock starts at an odd place. */
export interface Happening {
  readonly after: number;
  readonly act: Act;
}

/** Epoch time of the monotonic zero. */
const EPOCH = 1_790_000_000_000;
export const START = 12_345.678;

const token: fc.Arbitrary<TokenFact> = fc.oneof(
  fc.constantFrom<TokenFact>(
    { state: "absent" },
    { state: "malformed", problem: "it has two parts" },
    { state: "badSignature", problem: "the signature does not fit", claims: { sub: "mallory" } },
    { state: "keysUnavailable", problem: "the key set is empty" },
  ),
  fc
    .record({
      sub: fc.constantFrom("carol", "dave", 7),
      scope: fc.constantFrom("orders:read", "orders:write", ["orders:read"], undefined),
      iss: fc.constantFrom("https://dev.local/", "https://evil.test/"),
      aud: fc.constantFrom<unknown>("orders", ["orders", "x"], "other"),
      exp: fc.constantFrom<unknown>(EPOCH / 1000 + 3600, EPOCH / 1000 - 3600, "soon", undefined),
    })
    .map((claims): TokenFact => ({ state: "verified", algorithm: "RS256", claims })),
);

const json = (text: string) => collectedOf(Buffer.from(text), "application/json", "", 1000);

const bodies = [
  NO_BODY,
  json('{"id":1,"query":"{ a { b } }"}'),
  json('{"id":"x","query":"mutation { a }"}'),
  json("{"),
  collectedOf(Buffer.from("<a/>"), "text/xml", "", 1000),
  new Collected(BodyState.TooLarge, 1_000_000, "application/json"),
  new Collected(BodyState.Busy, 10, ""),
];

export const asked: fc.Arbitrary<Asked> = fc
  .record({
    method: fc.constantFrom("GET", "GET", "POST", "PUT", "OPTIONS"),
    host: fc.constantFrom(...world.hosts),
    path: fc.oneof(fc.constantFrom(...world.paths), fc.constantFrom("/nowhere", "*", "//", "/orders/7/x")),
    query: fc.constantFrom(undefined, "debug=1", `key=${world.keys[0]}`, "%zz=1&&=", ""),
    key: fc.constantFrom(undefined, ...world.keys, "key-of-nobody"),
    tenant: fc.constantFrom(undefined, "acme", "globex"),
    cost: fc.constantFrom(undefined, "1", "2", "not a number", "-1"),
    zone: fc.constantFrom(undefined, "eu", "asia", "atlantis"),
    session: fc.constantFrom(undefined, ...world.sessions),
    origin: fc.constantFrom(undefined, undefined, "https://shop.example", "https://evil.test", "null"),
    wanted: fc.constantFrom(undefined, "GET", "PUT"),
    clientIp: fc.constantFrom("127.0.0.1", "10.0.0.1", "10.0.0.2", "::1"),
    seed: fc.nat(0xffffffff),
    token,
    body: fc.constantFrom(...bodies),
  })
  .map(({ key, tenant, cost, zone, session, origin, wanted, ...rest }) => {
    const fields = {
      "x-api-key": key,
      cookie: key || session ? `a=b; key=${key ?? ""}; sy=${session ?? ""}` : undefined,
      "x-session": session,
      "x-zone": zone,
      "x-tenant": tenant,
      "x-cost": cost,
      origin,
      "access-control-request-method": wanted,
      "access-control-request-headers": wanted && "x-tenant",
    };
    const headers = Object.fromEntries(Object.entries(fields).filter((field) => field[1] !== undefined));
    return { ...rest, headers: headers as Record<string, string> };
  });

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ status: fc.constantFrom(200, 204, 304, 404, 500, 503), failure: fc.constant(0), firstByte: fc.nat(300) }),
  fc.record({ status: fc.constantFrom(0, 502), failure: fc.integer({ min: 1, max: 11 }), firstByte: fc.constant(-1) }),
);

const which = fc.nat(1000);

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 10, arbitrary: asked.map((one): Act => ({ kind: "ask", asked: one })) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("decide" as const), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("again" as const), which, outcome }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("retry" as const), which, outcome }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("hedge" as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("drop" as const), which, outcome }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("copy" as const), which, seed: fc.nat(0xffffffff) }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant("settle" as const), which, outcome }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("probe" as const), which, up: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("admin" as const), which, admin: fc.nat(2) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("life" as const),
      which,
      life: fc.nat(4),
      exitCode: fc.constantFrom(0, 137),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset" as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("swap" as const), which }) },
);

export function traffic(most: number): fc.Arbitrary<Happening[]> {
  const after = fc.constantFrom(0, 0.013, 7, 333.3, 1009, 12_007);
  return fc.array(fc.record({ after, act }), { minLength: 1, maxLength: most, size: "max" });
}

export function arrivalOf({ method, host, path, query, headers, clientIp }: Asked): Arrival {
  return {
    layer: 7,
    listener: 0,
    clientIp,
    clientPort: 50_000,
    method,
    host,
    path,
    query,
    header: (name) => headers[name],
  };
}

export function passageOf(one: Asked, id: number, now: number): Passage {
  return {
    arrival: arrivalOf(one),
    facts: {},
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
    seed: one.seed,
    tried: 0,
    wallClock: EPOCH + now,
    requestId: () => String(id),
  };
}

export function factsOf(plan: Plan, decision: Decision, one: Asked): Facts {
  return factsFor(plan.routes[decision.route].needs, one);
}

/** What would be looked up: each kind's own answer, from what the request was made up with. */
export function factsFor(needs: readonly FactRequest[], one: Asked): Facts {
  const { token: found } = one;
  const password: PasswordFact =
    found.state === "verified"
      ? { state: "verified", user: "ada" }
      : found.state === "badSignature"
        ? { state: "wrong", user: "ada" }
        : found.state === "keysUnavailable"
          ? { state: "busy", problem: "32 passwords wait" }
          : found;
  const introspection: IntrospectionFact =
    found.state === "verified"
      ? { state: "active", claims: found.claims }
      : found.state === "badSignature"
        ? { state: "inactive" }
        : found.state === "keysUnavailable"
          ? { state: "unavailable", problem: "nobody answers" }
          : found;
  const authority: AuthorityFact =
    found.state === "keysUnavailable"
      ? { state: "unavailable", problem: "nobody answers" }
      : {
          state: "answered",
          status: { verified: 200, absent: 401, malformed: 302, badSignature: 403 }[found.state],
          headers: { "x-user": "ada" },
        };
  const certificate: CertificateFact =
    found.state === "verified"
      ? { state: "verified", subject: "CN=ada, O=Shop", attributes: ["CN=ada", "O=Shop"], names: ["DNS:ada.test"] }
      : found.state === "badSignature"
        ? { state: "foreign", subject: "CN=mallory", problem: "no CA stands above it" }
        : { state: "absent" };
  const call: CallFact =
    found.state === "verified"
      ? { state: "call", service: "shop.v1.Orders", method: "Get", template: "/v1/{id}", streams: false }
      : found.state === "malformed"
        ? { state: "badRequest", problem: 'the query parameter "a" is no int32' }
        : found.state === "absent"
          ? { state: "noMethod", service: "shop.v1.Orders", methods: ["GET /v1/{id} (Get)"] }
          : { state: "unavailable", problem: "nobody answers" };
  const facts = { token: found, password, introspection, authority, certificate, call, cache: cacheFact(found) };
  const x = passageOf(one, 0, 0);
  return Object.fromEntries(
    needs.map((need) => [need.name, need.kind === "body" ? need.source.read(one.body, x) : facts[need.kind]]),
  );
}

/** Nothing, something fresh, something stale, or no question. */
function cacheFact({ state }: TokenFact): CacheFact {
  if (state === "absent") return { state: "none", variants: 0 };
  if (state === "malformed") return { state: "bypass", why: "range" };
  return {
    state: "held",
    status: 200,
    storedAt: 0,
    storedWall: 1_700_000_000_000,
    age: 0,
    lifetime: state === "verified" ? 1e12 : 1,
    from: "max-age",
    noCache: false,
    mustRevalidate: state === "badSignature",
    staleWhileRevalidate: state === "keysUnavailable" ? 1e12 : 0,
    staleIfError: 0,
    validator: "ETag",
  };
}

export interface Live {
  readonly id: number;
  readonly asked: Asked;
  readonly passage: Passage;
  readonly decision: Decision;
  readonly plan: Plan;
  readonly state: State;
  decided: boolean;
  settled: boolean;
}

export type Watch = (step: "enter" | "decide" | "again" | "settle", request: Live) => void;

/** Drives the core as the engine does. `watch` sees every request right after each of its steps. */
export class Driver {
  readonly journal: JournalEvent[] = [];
  readonly requests: Live[] = [];
  plan: Plan;
  state: State;
  #now = START;
  readonly #plans: readonly Plan[];
  readonly #watch: Watch;

  constructor(plans: readonly Plan[], state: State, watch: Watch = () => undefined) {
    this.#plans = plans;
    this.plan = plans[0];
    this.state = state;
    this.#watch = watch;
  }

  run(happenings: readonly Happening[]): void {
    for (const { after, act: next } of happenings) {
      this.#now += after;
      this.#do(next);
    }
  }

  /** Ends every request that is still open. */
  finish(): void {
    for (const live of this.requests) if (!live.settled) this.#settle(live, { status: 200, failure: 0, firstByte: 3 });
  }

  #do(next: Act): void {
    if (next.kind === "ask") this.#enter(next.asked);
    else if (next.kind === "decide") this.#decide(pick(this.#waiting(), next.which));
    else if (next.kind === "again") this.#again(pick(this.#sent(), next.which), next.outcome);
    else if (next.kind === "retry") this.#retry(pick(this.#sent(), next.which), next.which, next.outcome);
    else if (next.kind === "hedge") this.#hedge(pick(this.#sent(), next.which));
    else if (next.kind === "drop") this.#drop(pick(this.#sent(), next.which), next.which, next.outcome);
    else if (next.kind === "copy") this.#copy(pick(this.#sent(), next.which), next.seed);
    else if (next.kind === "settle") {
      const live = pick(
        this.requests.filter(({ settled, decided, decision }) => !settled && (decided || decision.over)),
        next.which,
      );
      if (live) this.#settle(live, next.outcome);
    } else this.#beside(next);
  }

  #waiting(): Live[] {
    return this.requests.filter(({ decided, settled, decision }) => !decided && !settled && !decision.over);
  }

  #sent(): Live[] {
    return this.requests.filter(({ decided, settled, decision }) => decided && !settled && !decision.over);
  }

  #enter(one: Asked): void {
    const id = this.requests.length + 1;
    const passage = passageOf(one, id, this.#now);
    const decision = new Decision();
    const live = {
      id,
      asked: one,
      passage,
      decision,
      plan: this.plan,
      state: this.state,
      decided: false,
      settled: false,
    };
    this.requests.push(live);
    const { arrival, seed, wallClock } = passage;
    this.journal.push({ kind: "enter", id, at: this.#now, wallClock, seed, arrival });
    enter(passage, this.plan, this.state, this.#now, decision);
    this.#watch("enter", live);
  }

  #decide(live: Live | undefined): void {
    if (live === undefined) return;
    live.decided = true;
    live.passage.facts = factsOf(live.plan, live.decision, live.asked);
    live.passage.wallClock = EPOCH + this.#now;
    const { facts, wallClock } = live.passage;
    this.journal.push({ kind: "decide", id: live.id, at: this.#now, facts, wallClock });
    decide(live.passage, live.plan, live.state, this.#now, live.decision);
    this.#watch("decide", live);
  }

  #retry(live: Live | undefined, which: number, failed: Outcome): void {
    if (live === undefined || !live.decision.holds) return;
    this.journal.push({ kind: "retry", id: live.id, at: this.#now, outcome: failed });
    retry(live.passage, live.plan, live.state, this.#now, failed, live.decision);
    this.#watch("again", live);
    // Without a back-off the next attempt follows at once; with one, others come between.
    if (live.decision.waiting && which % 3 > 0) this.#again(live, failed);
  }

  #hedge(live: Live | undefined): void {
    if (live === undefined || !live.decision.holds) return;
    this.journal.push({ kind: "hedge", id: live.id, at: this.#now });
    hedge(live.passage, live.plan, live.state, this.#now, live.decision);
    this.#watch("again", live);
  }

  #drop(live: Live | undefined, which: number, outcome: Outcome): void {
    if (live === undefined || !live.decision.holds || live.decision.beside.length === 0) return;
    const { endpoint: latest, beside } = live.decision;
    const endpoint = which % 2 === 0 ? latest : beside[0];
    this.journal.push({ kind: "drop", id: live.id, at: this.#now, endpoint, outcome });
    drop(live.plan, live.state, this.#now, endpoint, outcome, live.decision);
    this.#watch("again", live);
  }

  #copy(original: Live | undefined, seed: number): void {
    if (original === undefined || !original.decision.mirrored) return;
    const id = this.requests.length + 1;
    const { asked: one, plan, state } = original;
    const passage = { ...passageOf(one, id, this.#now), seed };
    const live = { id, asked: one, passage, decision: new Decision(), plan, state, decided: false, settled: false };
    this.requests.push(live);
    const { arrival, wallClock } = passage;
    this.journal.push({ kind: "copy", id, at: this.#now, wallClock, seed, arrival, of: original.id });
    assert.ok(enterCopy(passage, plan, this.#now, { ...original }, live.decision));
    this.#watch("enter", live);
  }

  #again(live: Live | undefined, failed: Outcome): void {
    if (live === undefined || !(live.decision.holds || live.decision.waiting)) return;
    this.journal.push({ kind: "again", id: live.id, at: this.#now, outcome: failed, sent: sentOf(live.decision) });
    again(live.passage, live.plan, live.state, this.#now, failed, live.decision);
    this.#watch("again", live);
  }

  #settle(live: Live, ended: Outcome): void {
    live.settled = true;
    const sent = sentOf(live.decision);
    const undecided = !live.decided && !live.decision.over;
    this.journal.push({ kind: "settle", id: live.id, at: this.#now, outcome: ended, sent, undecided });
    settle(live.passage, live.decision, live.plan, live.state, ended, this.#now);
    this.#watch("settle", live);
  }

  #beside(next: Extract<Act, { kind: "probe" | "admin" | "life" | "reset" | "swap" }>): void {
    const at = this.#now;
    if (next.kind === "swap") {
      const revision = next.which % this.#plans.length;
      const to = this.#plans[revision];
      this.journal.push({ kind: "swap", at, revision });
      this.state = carry(this.state, this.plan, to, at);
      this.plan = to;
      return;
    }
    if (next.kind === "reset") {
      const step = pick(
        this.plan.steps.filter(({ policy }) => policy.gauge !== undefined),
        next.which,
      );
      if (step?.policy.gauge === undefined) return;
      const { gauge } = step.policy;
      for (const { key } of gauge.keys(step.config, this.state.steps[step.index], at)) {
        this.journal.push({ kind: "reset", at, step: step.index, key });
        gauge.reset(step.config, this.state.steps[step.index], key, at);
        return;
      }
      return;
    }
    const service = next.which % this.plan.services.length;
    const endpoint = next.which % this.plan.services[service].endpoints.length;
    if (next.kind === "probe") {
      this.journal.push({ kind: "probe", at, service, endpoint, up: next.up });
      probed(this.plan, this.state, service, endpoint, next.up, at);
    } else if (next.kind === "life") {
      const { life, exitCode } = next;
      const until = life === Life.Serving ? 0 : at + 4000;
      this.journal.push({ kind: "life", at, service, endpoint, life, until, exitCode });
      setLife(this.state, service, endpoint, life, until, exitCode, at);
    } else {
      this.journal.push({ kind: "admin", at, service, endpoint, admin: next.admin });
      setAdmin(this.state, service, endpoint, next.admin, at);
    }
  }
}

/** Where its attempt stands, as the gateway journals it. */
function sentOf({ holds, service, endpoint }: Decision): Sent {
  return holds ? { service, endpoint } : null;
}

function pick<Item>(items: readonly Item[], which: number): Item | undefined {
  return items[which % items.length];
}
