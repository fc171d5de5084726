/**
 * What balancing promises beside its algorithm, over policy files as people write them: shares, slow start, zones,
 * sessions, the circuit breaker and the bound on requests in flight.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { again } from "../../src/decide/again.ts";
import { decide } from "../../src/decide/decide.ts";
import { enter } from "../../src/decide/enter.ts";
import { explain } from "../../src/decide/explain.ts";
import { probed, setAdmin } from "../../src/decide/health.ts";
import { refusalOf } from "../../src/decide/refusals.ts";
import { sessionField } from "../../src/decide/session.ts";
import { settle } from "../../src/decide/settle.ts";
import type { Passage } from "../../src/model/arrival.ts";
import { Decision } from "../../src/model/decision.ts";
import { freshState } from "../../src/model/fresh.ts";
import type { Plan } from "../../src/model/plan.ts";
import { Admin, Circuit, Failure, type Outcome, type State } from "../../src/model/state.ts";
import { carry } from "../../src/policyfile/carry.ts";
import { read } from "../../src/policyfile/read.ts";
import { runs, sources } from "./policy-texts.ts";

type Fields = Readonly<Record<string, unknown>>;
const replicas = (count: number) =>
  Array.from({ length: count }, (_, i): Fields => ({ url: `http://localhost:${4001 + i}` }));
const OK: Outcome = { status: 200, failure: Failure.None, firstByte: 5 };
const BAD: Outcome = { status: 500, failure: Failure.None, firstByte: 5 };

function planOf(services: Readonly<Record<string, Fields>>, weights: readonly number[] = [1]): Plan {
  const text = JSON.stringify({
    version: 1,
    listeners: [{ name: "edge", port: 8080 }],
    services,
    routes: [
      { name: "all", backendRefs: Object.keys(services).map((service, i) => ({ service, weight: weights[i] ?? 1 })) },
    ],
  });
  const { plan, diagnostics } = read(text, "law.yaml", sources);
  assert.ok(plan, JSON.stringify(diagnostics));
  return plan;
}

/** One client of a running plan. */
class Bench {
  plan: Plan;
  state: State;
  now = 1000;
  #seed = 7;

  constructor(plan: Plan) {
    this.plan = plan;
    this.state = freshState(plan);
  }

  send(headers: Readonly<Record<string, string>> = {}, clientIp = "127.0.0.1") {
    this.#seed = (this.#seed + 0x9e3779b1) >>> 0;
    const passage: Passage = {
      arrival: {
        layer: 7,
        listener: 0,
        clientIp,
        clientPort: 50_000,
        method: "GET",
        host: "localhost",
        path: "/",
        header: (name) => headers[name],
      },
      facts: {},
      caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
      seed: this.#seed,
      tried: 0,
      wallClock: 0,
      requestId: () => "law",
    };
    const decision = new Decision();
    enter(passage, this.plan, this.state, this.now, decision);
    decide(passage, this.plan, this.state, this.now, decision);
    return { passage, decision };
  }

  end({ passage, decision }: { passage: Passage; decision: Decision }, outcome: Outcome = OK) {
    settle(passage, decision, this.plan, this.state, outcome, this.now);
  }

  /** Endpoints of `count` requests, each ended at once. */
  shares(count: number, headers?: Readonly<Record<string, string>>): number[] {
    const counts = this.plan.services[0].endpoints.map(() => 0);
    for (let i = 0; i < count; i++) {
      const sent = this.send(headers);
      counts[sent.decision.endpoint]++;
      this.end(sent);
    }
    return counts.map((each) => each / count);
  }

  words({ passage, decision }: { passage: Passage; decision: Decision }) {
    return explain(decision, this.plan, passage);
  }
}

describe("weighted backendRefs", () => {
  it("split 90/10 over 100,000 requests to within half a point", () => {
    const bench = new Bench(
      planOf({ stable: { endpoints: replicas(1) }, canary: { endpoints: replicas(1) } }, [90, 10]),
    );
    let canary = 0;
    for (let i = 0; i < 100_000; i++) {
      const sent = bench.send();
      canary += sent.decision.service;
      bench.end(sent);
    }
    assert.ok(Math.abs(canary / 100_000 - 0.1) < 0.005, `${canary} of 100,000`);
  });
});

describe("slow start", () => {
  for (const type of ["RoundRobin", "LeastRequest", "Random", "ConsistentHash"]) {
    it(`ramps an endpoint that is well again, under ${type}`, () => {
      const loadBalancer = type === "ConsistentHash" ? { type, on: "header.x-key" } : { type };
      const bench = new Bench(
        planOf({ s: { endpoints: replicas(2), loadBalancer: { ...loadBalancer, slowStart: "10s" } } }),
      );
      const share = () => {
        const counts = [0, 0];
        for (let i = 0; i < 4000; i++) {
          const sent = bench.send({ "x-key": `k${i}` });
          counts[sent.decision.endpoint]++;
          bench.end(sent);
        }
        return counts[1] / 4000;
      };
      const whole = share();
      for (let i = 0; i < 3; i++) probed(bench.plan, bench.state, 0, 1, false, bench.now);
      assert.equal(share(), 0);
      probed(bench.plan, bench.state, 0, 1, true, bench.now);
      const ramp = [0, 2500, 5000, 9999, 10_000].map((after) => {
        bench.now = 1000 + after;
        return share();
      });
      assert.ok(Math.abs(ramp[4] - whole) < 0.02 && ramp[0] > 0 && ramp[0] < 0.15, `${ramp} against ${whole}`);
      ramp.slice(1).forEach((each, i) => assert.ok(each >= ramp[i] - 0.02, `${ramp}`));
      assert.ok(ramp[2] > 0.2 && ramp[2] < 0.4, `${ramp}`);
    });
  }

  it("counts from the edit that adds an endpoint, from an admission, and from the end of an ejection; and says its weight", () => {
    const service = { loadBalancer: { type: "RoundRobin", slowStart: "10s" } };
    const bench = new Bench(planOf({ s: { ...service, endpoints: replicas(2) } }));
    const next = planOf({ s: { ...service, endpoints: replicas(3) } });
    bench.state = carry(bench.state, bench.plan, next, bench.now);
    bench.plan = next;
    bench.now += 2500;
    const story = bench.words(bench.send());
    assert.deepEqual(
      story.balance?.candidates.map(({ weight }) => weight),
      [1, 1, 0.25],
    );
    assert.match(JSON.stringify(story.balancer), /0 in flight, weight 0\.25 of 1: starts slowly/);
    setAdmin(bench.state, 0, 0, Admin.Maintenance, bench.now);
    setAdmin(bench.state, 0, 0, Admin.Up, bench.now);
    assert.equal(bench.words(bench.send()).balance?.candidates[0].weight, 0.1);
  });
});

describe("locality", () => {
  const zoned = (zones: readonly string[], more: Fields = {}) =>
    planOf({
      s: {
        endpoints: zones.map((zone, i) => ({ url: `http://localhost:${4001 + i}`, zone })),
        panicThreshold: "0%",
        loadBalancer: {
          type: "Random",
          locality: { zone: "header x-zone", distances: { eu: { us: "90ms", asia: "160ms" } }, ...more },
        },
      },
    });

  it("keeps requests in their zone while it is well, and prefers none when the request says none that is known", () => {
    const bench = new Bench(zoned(["eu", "us", "eu"]));
    assert.equal(bench.shares(500, { "x-zone": "eu" })[1], 0);
    assert.equal(bench.shares(500, { "x-zone": "us" })[1], 1);
    for (const headers of [{}, { "x-zone": "atlantis" }] as Record<string, string>[])
      assert.ok(bench.shares(900, headers).every((s) => s > 0.25));
  });

  it("spills over in proportion to what is left of the zone, to the next nearest first", () => {
    const bench = new Bench(zoned(["eu", "eu", "us", "asia"], { spillover: "80%" }));
    for (let i = 0; i < 3; i++) probed(bench.plan, bench.state, 0, 0, false, bench.now);
    const shares = bench.shares(10_000, { "x-zone": "eu" });
    // Half of the zone is left, of the 80% that would keep everything.
    assert.ok(Math.abs(shares[1] - 0.625) < 0.02 && Math.abs(shares[2] - 0.375) < 0.02, `${shares}`);
    for (let i = 0; i < 3; i++) probed(bench.plan, bench.state, 0, 1, false, bench.now);
    assert.deepEqual(bench.shares(200, { "x-zone": "eu" }), [0, 0, 1, 0]);
    const story = bench.words(bench.send({ "x-zone": "eu" }));
    assert.match(story.why, /spilled over to zone us/);
  });

  it("serves a zone that has no endpoints from the nearest that has", () => {
    const bench = new Bench(zoned(["us", "asia"]));
    assert.deepEqual(bench.shares(100, { "x-zone": "eu" }), [1, 0]);
  });

  it("leaves the zone for a retry when nobody of it is untried", () => {
    const bench = new Bench(zoned(["eu", "us"]));
    const sent = bench.send({ "x-zone": "eu" });
    assert.equal(sent.decision.endpoint, 0);
    const failed = { status: 0, failure: Failure.ConnectRefused, firstByte: -1 };
    assert.ok(again(sent.passage, bench.plan, bench.state, bench.now, failed, sent.decision));
    assert.equal(sent.decision.endpoint, 1);
  });
});

describe("sticky sessions", () => {
  const sticky = (sessionPersistence: Fields, more: Fields = {}) =>
    new Bench(planOf({ s: { endpoints: replicas(4), loadBalancer: { type: "Random" }, sessionPersistence, ...more } }));
  const tokenOf = (bench: Bench, { decision }: { decision: Decision }) =>
    sessionField(bench.plan.services[0], decision)?.[1] ?? "";

  it("by cookie: opaque, set once, and kept whatever the balancer would draw", () => {
    const bench = sticky({ type: "Cookie", name: "sy_s", ttl: "30m" });
    const first = bench.send();
    const cookie = tokenOf(bench, first);
    assert.match(cookie, /^sy_s=[0-9a-f]{16}; Path=\/; Max-Age=1800; HttpOnly; SameSite=Lax$/);
    for (let i = 0; i < 100; i++) {
      const next = bench.send({ cookie: `a=b; ${cookie.split(";")[0]}; c=d` });
      assert.equal(next.decision.endpoint, first.decision.endpoint);
      assert.equal(tokenOf(bench, next), "");
      bench.end(next);
    }
    const story = bench.words(bench.send({ cookie }));
    assert.match(story.why, /^its session goes to :400\d \(cookie sy_s\)/);
  });

  it("by header and by source address", () => {
    const byHeader = sticky({ type: "Header", name: "X-Session" });
    const first = byHeader.send();
    const token = tokenOf(byHeader, first);
    for (let i = 0; i < 20; i++) {
      assert.equal(byHeader.send({ "x-session": token }).decision.endpoint, first.decision.endpoint);
    }
    const byAddress = sticky({ type: "SourceAddress", ttl: "10s" });
    const home = byAddress.send({}, "10.0.0.1").decision.endpoint;
    for (let i = 0; i < 20; i++) assert.equal(byAddress.send({}, "10.0.0.1").decision.endpoint, home);
    byAddress.now += 10_000;
    const later = Array.from({ length: 20 }, (_, i) => byAddress.send({}, `10.0.1.${i}`).decision.endpoint);
    assert.ok(new Set(later).size > 1);
    assert.match(byAddress.words(byAddress.send({}, "10.0.0.1")).balancer[0].sentence, /no session yet/);
  });

  it("stay at an endpoint that is drained, and leave one that is ill, closed or gone, saying why", () => {
    const bench = sticky({ type: "Cookie", name: "sy" }, { panicThreshold: "0%" });
    const first = bench.send();
    const cookie = tokenOf(bench, first);
    const home = first.decision.endpoint;
    bench.end(first);
    setAdmin(bench.state, 0, home, Admin.Drain, bench.now);
    assert.equal(bench.send({ cookie }).decision.endpoint, home);
    for (let i = 0; i < 50; i++) assert.notEqual(bench.send().decision.endpoint, home);
    setAdmin(bench.state, 0, home, Admin.Maintenance, bench.now);
    const moved = bench.send({ cookie });
    assert.notEqual(moved.decision.endpoint, home);
    assert.match(tokenOf(bench, moved), /^sy=/);
    assert.match(bench.words(moved).why, /its session went to :400\d, which is in maintenance: rebalanced/);
    const stranger = bench.words(bench.send({ cookie: "sy=0000000000000000" }));
    assert.match(stranger.why, /its session names no endpoint of s any more/);
  });

  it("names no address and no person: the same token for every client of an endpoint, and nothing to read in it", () => {
    const bench = sticky({ type: "Cookie" });
    const tokens = new Map<number, Set<string>>();
    for (let i = 0; i < 200; i++) {
      const sent = bench.send({ authorization: `Bearer ${i}` }, `10.0.0.${i}`);
      const known = tokens.get(sent.decision.endpoint) ?? new Set();
      tokens.set(sent.decision.endpoint, known.add(tokenOf(bench, sent)));
    }
    assert.equal(tokens.size, 4);
    for (const [endpoint, seen] of tokens) {
      assert.equal(seen.size, 1);
      assert.ok(![...seen][0].includes(`400${endpoint + 1}`));
    }
  });
});

describe("the circuit breaker", () => {
  const breaking = (more: Fields = {}) =>
    new Bench(
      planOf({
        s: {
          endpoints: replicas(1),
          healthCheck: { passive: { consecutive5xx: 0 } },
          circuitBreaker: { errorRate: 0.5, minimumRequests: 4, window: "10s", openFor: "15s" },
          ...more,
        },
      }),
    );
  const fail = (bench: Bench, count: number) => {
    for (let i = 0; i < count; i++) bench.end(bench.send(), BAD);
  };
  const circuitOf = (bench: Bench) => bench.state.services[0].circuit?.phase;

  it("opens at the rate, refuses with the numbers, and says when to come again", () => {
    const bench = breaking();
    bench.end(bench.send());
    bench.end(bench.send());
    fail(bench, 1);
    assert.equal(circuitOf(bench), Circuit.Closed);
    fail(bench, 1);
    assert.equal(circuitOf(bench), Circuit.Open);
    bench.now += 4000;
    const sent = bench.send();
    const refusal = refusalOf(sent.decision, bench.plan, sent.passage);
    assert.deepEqual(
      [refusal?.type, refusal?.status, refusal?.retryAfter],
      ["urn:switchyard:balance:circuit-open", 503, 11],
    );
    assert.equal(
      refusal?.sentence,
      "The circuit breaker of s is open: 2 of 4 attempts failed; a trial is let through in 11 s.",
    );
    assert.equal(bench.state.services[0].endpoints[0].inFlight, 0);
  });

  it("forgets what is older than its window", () => {
    const bench = breaking();
    fail(bench, 3);
    bench.now += 10_000;
    fail(bench, 1);
    assert.equal(circuitOf(bench), Circuit.Closed);
  });

  it("lets three through when half-open: all well closes it, one failure opens it again", () => {
    for (const well of [true, false]) {
      const bench = breaking();
      fail(bench, 4);
      bench.now += 15_000;
      const trials = [bench.send(), bench.send(), bench.send()];
      assert.ok(trials.every(({ decision }) => !decision.refused));
      assert.match(JSON.stringify(bench.words(trials[1]).balancer), /half-open: this is trial 2 of 3/);
      const fourth = bench.send();
      assert.match(refusalOf(fourth.decision, bench.plan, fourth.passage)?.sentence ?? "", /3 on their way/);
      trials.forEach((trial, i) => bench.end(trial, well || i !== 1 ? OK : BAD));
      assert.equal(circuitOf(bench), well ? Circuit.Closed : Circuit.Open);
    }
  });

  it("gives the place of a trial back when its client goes away", () => {
    const bench = breaking();
    fail(bench, 4);
    bench.now += 15_000;
    for (let i = 0; i < 10; i++) {
      const sent = bench.send();
      assert.equal(sent.decision.refused, false);
      bench.end(sent, { status: 0, failure: Failure.ClientGone, firstByte: -1 });
    }
    assert.equal(circuitOf(bench), Circuit.HalfOpen);
  });

  it("keeps its counts of trials right whatever ends in whatever order", () => {
    const act = fc.record({ kind: fc.nat(3), which: fc.nat(), after: fc.nat(9000) });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
        const bench = breaking();
        const open: ReturnType<Bench["send"]>[] = [];
        const circuit = bench.state.services[0].circuit;
        assert.ok(circuit);
        for (const { kind, which, after } of acts) {
          bench.now += after;
          if (kind < 2) open.push(bench.send());
          else if (open.length > 0) {
            const [sent] = open.splice(which % open.length, 1);
            bench.end(sent, kind === 2 ? OK : BAD);
          }
          const isTrial = ({ decision }: { decision: Decision }): boolean =>
            decision.trial !== 0 && decision.trial === circuit.period && decision.holds;
          const mine = open.filter(isTrial);
          if (circuit.phase === Circuit.HalfOpen) assert.equal(circuit.trials, mine.length);
          assert.ok(circuit.trials + circuit.passed <= 3);
        }
      }),
      { numRuns: runs(100) },
    );
  });

  it("is kept over an edit of anything else, and begins anew when its own settings change", () => {
    const bench = breaking();
    fail(bench, 4);
    const same = carry(bench.state, bench.plan, breaking({ panicThreshold: "0%" }).plan, bench.now);
    assert.equal(same.services[0].circuit, bench.state.services[0].circuit);
    const other = breaking({ circuitBreaker: { errorRate: 0.9 } }).plan;
    assert.equal(carry(bench.state, bench.plan, other, bench.now).services[0].circuit?.phase, Circuit.Closed);
  });
});

describe("maxParallelRequests", () => {
  it("never lets more through at once, and says so by a name of its own", () => {
    const bench = new Bench(planOf({ s: { endpoints: replicas(2), maxParallelRequests: 3 } }));
    const sent = [1, 2, 3].map(() => bench.send());
    const fourth = bench.send();
    const refusal = refusalOf(fourth.decision, bench.plan, fourth.passage);
    assert.equal(refusal?.type, "urn:switchyard:balance:too-many-requests-in-flight");
    assert.deepEqual([refusal?.status, refusal?.retryAfter], [503, 1]);
    assert.equal(refusal?.sentence, "Service s has 3 requests in flight, and maxParallelRequests allows 3.");
    bench.end(fourth);
    bench.end(sent[0]);
    assert.equal(bench.send().decision.refused, false);
  });
});
