import assert from "node:assert/strict";
import * as fc from "fast-check";
import { clear, entriesOf, type Keyed } from "../model/keyed.ts";
import type { Usage } from "./limit-algorithms.ts";
import { rateLimit } from "./rateLimit.ts";
import { configOf, contextOf, fits, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

/** An odd origin: nothing may depend on where time begins. */
const START = 10_007.25;
const usages = (trial: Trial) => new Map(entriesOf(trial.state as Keyed<Usage>));

const limitedTogether = (key: string, a: Parameters<typeof passageOf>[0], b: Parameters<typeof passageOf>[0]) => {
  const trial = new Trial(rateLimit, `{ key: ${key}, requests: 1, per: 1h }`);
  assert.equal(trial.pass(passageOf(a), START).reason, "");
  return trial.pass(passageOf(b), START).reason === "limited";
};

describe("rateLimit", () => {
  it("admits as many as the bucket holds, then one per refill, and says the numbers", () => {
    const trial = new Trial(rateLimit, "{ key: client.ip, requests: 60, per: 1m }");
    const x = passageOf();
    for (let i = 0; i < 60; i++) assert.equal(trial.pass(x, START).reason, "");
    const refused = trial.pass(x, START + 200);
    assert.deepEqual([refused.reason, refused.status], ["limited", 429]);
    assert.equal(
      refused.sentence,
      "0.2 of 60 tokens left (60 per 1m by client.ip, tokenBucket); 1 needed; next in 800 ms",
    );
    assert.equal(trial.pass(x, START + 999).reason, "limited");
    assert.equal(trial.pass(x, START + 1000).reason, "");
    assert.equal(trial.pass(x, START + 1001).reason, "limited");
  });

  it("sends RateLimit fields with every answer, and Retry-After with a refusal", () => {
    const trial = new Trial(rateLimit, "{ key: jwt.sub, requests: 2, per: 10s }");
    const x = passageOf({ caller: { jwt: { sub: "ann" } } });
    assert.deepEqual(trial.pass(x, START).fields, {
      "RateLimit-Policy": '"jwt.sub/2/10s";q=2;w=10',
      RateLimit: '"jwt.sub/2/10s";r=1;t=0',
    });
    trial.pass(x, START);
    assert.deepEqual(trial.pass(x, START + 1).fields, {
      "RateLimit-Policy": '"jwt.sub/2/10s";q=2;w=10',
      RateLimit: '"jwt.sub/2/10s";r=0;t=5',
      "Retry-After": "5",
    });
    const legacy = new Trial(rateLimit, "{ key: client.ip, requests: 1, per: 10s, headers: legacy }");
    legacy.pass(x, START);
    assert.deepEqual(legacy.pass(x, START).fields, {
      "X-RateLimit-Limit": "1",
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-Reset": "10",
      "Retry-After": "10",
    });
    const off = new Trial(rateLimit, "{ key: client.ip, requests: 1, per: 10s, headers: off }");
    assert.deepEqual(off.pass(x, START).fields, {});
  });

  it("counts by address, consumer, claim, header, route, or several of them", () => {
    assert.ok(!limitedTogether("client.ip", { clientIp: "10.0.0.1" }, { clientIp: "10.0.0.2" }));
    assert.ok(limitedTogether("route", { clientIp: "10.0.0.1" }, { clientIp: "10.0.0.2" }));
    assert.ok(!limitedTogether("consumer", { caller: { consumer: "a" } }, { caller: { consumer: "b" } }));
    assert.ok(
      !limitedTogether("jwt.org.id", { caller: { jwt: { org: { id: 1 } } } }, { caller: { jwt: { org: { id: 2 } } } }),
    );
    assert.ok(!limitedTogether("header.X-Tenant", { headers: { "x-tenant": "a" } }, { headers: { "x-tenant": "b" } }));
    const pair = "[client.ip, header.x-tenant]";
    assert.ok(!limitedTogether(pair, { headers: { "x-tenant": "a" } }, { headers: { "x-tenant": "b" } }));
    assert.ok(limitedTogether(pair, { headers: { "x-tenant": "a" } }, { headers: { "x-tenant": "a" } }));
  });

  it("gives all callers without the key one shared budget, so that leaving it out frees nobody", () => {
    const trial = new Trial(rateLimit, "{ key: header.x-tenant, requests: 2, per: 1h }");
    for (const clientIp of ["10.0.0.1", "10.0.0.2"]) trial.pass(passageOf({ clientIp }), START);
    assert.equal(trial.pass(passageOf({ clientIp: "10.0.0.3" }), START).reason, "limited");
    assert.deepEqual([...usages(trial).keys()], ["(none)"]);
  });

  it("never lets two combinations of parts meet under one key", () => {
    const trial = new Trial(rateLimit, "{ key: [header.a, header.b], requests: 1, per: 1h }");
    const part = fc.string({ unit: fc.constantFrom("x", "+", " ", "\\"), maxLength: 5 });
    fc.assert(
      fc.property(part, part, part, part, (a, b, c, d) => {
        clear(trial.state as Keyed<Usage>);
        trial.pass(passageOf({ headers: { a, b } }), START);
        const together = trial.pass(passageOf({ headers: { a: c, b: d } }), START).reason === "limited";
        assert.equal(together, a === c && b === d);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps keys short, however long the header that they come from", () => {
    const trial = new Trial(rateLimit, "{ key: header.k, requests: 1, per: 1h }");
    trial.pass(passageOf({ headers: { k: "x".repeat(5000) } }), START);
    assert.equal(trial.pass(passageOf({ headers: { k: `${"x".repeat(5000)}y` } }), START).reason, "");
    for (const key of usages(trial).keys()) assert.ok(key.length <= 128);
  });

  it("charges what the cost expression says, and refuses when it says nothing sensible", () => {
    const yaml = `{ key: client.ip, requests: 10, per: 10s, cost: "request.method == 'POST' ? 4 : 1" }`;
    const trial = new Trial(rateLimit, yaml);
    const post = passageOf({ method: "POST" });
    trial.pass(post, START);
    trial.pass(post, START);
    const refused = trial.pass(post, START);
    assert.match(refused.sentence, /^2 of 10 tokens left .*; 4 needed; next in 2\.0 s$/);
    assert.equal(trial.pass(passageOf(), START).reason, "");
    const dear = new Trial(rateLimit, "{ key: client.ip, requests: 3, per: 1s, cost: '5' }").pass(post, START);
    assert.deepEqual([dear.reason, dear.status, dear.fields["Retry-After"]], ["tooCostly", 429, undefined]);
    assert.equal(dear.fixes[0].value, 5);
    for (const cost of ["jwt.nope", "-1", "'x'", "1.0 / 0.0"]) {
      const odd = new Trial(rateLimit, `{ key: client.ip, requests: 3, per: 1s, cost: "${cost}" }`).pass(post, START);
      assert.deepEqual([odd.reason, odd.status], ["costFailed", 403], cost);
    }
  });

  it("offers the least limit that would have admitted the request, and with it the request passes", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("tokenBucket", "slidingWindow", "fixedWindow", "leakyBucket"),
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.nat(900), { minLength: 10, maxLength: 20 }),
        (algorithm, requests, gaps) => {
          const yaml = `{ key: client.ip, requests: ${requests}, per: 7s, algorithm: ${algorithm} }`;
          const trial = new Trial(rateLimit, yaml);
          let now = START;
          for (const gap of gaps) {
            const verdict = trial.pass(passageOf(), (now += gap));
            if (verdict.reason === "") continue;
            const { path, value } = verdict.fixes[0];
            const mended = new Trial(
              rateLimit,
              yaml
                .replace(" }", `, burst: ${String(value)} }`)
                .replace(/requests: \d+, (.*), burst: (\d+)/, path[0] === "burst" ? "$&" : "requests: $2, $1"),
            );
            mended.state = rateLimit.carry?.(trial.state as never, trial.config as never, mended.config as never, now);
            assert.equal(mended.peek(passageOf(), now).reason, "", `${algorithm} ${JSON.stringify(verdict)}`);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it("keeps what was used over an edit of the limit, and begins afresh when the key changes", () => {
    const trial = new Trial(rateLimit, "{ key: client.ip, requests: 10, per: 1m }");
    for (let i = 0; i < 10; i++) trial.pass(passageOf(), START);
    const after = (yaml: string) => {
      const next = new Trial(rateLimit, yaml);
      next.state = rateLimit.carry?.(trial.state as never, trial.config as never, next.config as never, START);
      return next;
    };
    const raised = after("{ key: client.ip, requests: 12, per: 1m }");
    assert.equal(raised.pass(passageOf(), START).reason, "");
    assert.equal(raised.pass(passageOf(), START).reason, "");
    assert.equal(raised.pass(passageOf(), START).reason, "limited");
    assert.equal(after("{ key: client.ip, requests: 5, per: 1m }").pass(passageOf(), START).reason, "limited");
    for (const algorithm of ["slidingWindow", "fixedWindow"]) {
      const changed = after(`{ key: client.ip, requests: 11, per: 1m, algorithm: ${algorithm} }`);
      assert.equal(changed.pass(passageOf(), START).reason, "");
      assert.equal(changed.pass(passageOf(), START).reason, "limited");
    }
    assert.equal(usages(after("{ key: route, requests: 10, per: 1m }")).size, 0);
    assert.equal(after("{ key: client.ip, requests: 10, per: 1m, headers: off }").state, trial.state);
  });

  it("takes nothing in shadow for what it would have refused", () => {
    const trial = new Trial(rateLimit, "{ key: client.ip, requests: 2, per: 2s }");
    for (let i = 0; i < 50; i++) trial.act.take?.(passageOf(), trial.state, START);
    assert.equal(trial.pass(passageOf(), START + 1000).reason, "");
  });

  it("shows its keys, the emptiest first, with the time until the next and until all", () => {
    const trial = new Trial(rateLimit, "{ key: client.ip, requests: 4, per: 4s }");
    for (let i = 0; i < 6; i++) trial.pass(passageOf({ clientIp: "10.0.0.1" }), START);
    trial.pass(passageOf({ clientIp: "10.0.0.2" }), START);
    const { gauge } = rateLimit;
    const keys = [...(gauge?.keys(trial.config as never, trial.state as never, START + 500) ?? [])];
    assert.deepEqual(keys, [
      { key: "10.0.0.1", left: 0.5, fullIn: 3500, nextIn: 500, rejected: 2 },
      { key: "10.0.0.2", left: 3.5, fullIn: 500, nextIn: 0, rejected: 0 },
    ]);
    assert.deepEqual(gauge?.describe(trial.config as never), {
      capacity: 4,
      perSecond: 1,
      key: "client.ip",
      algorithm: "tokenBucket",
      text: "4 per 4s by client.ip, tokenBucket",
    });
    gauge?.reset(trial.config as never, trial.state as never, "10.0.0.1", START);
    assert.equal(gauge?.size(trial.state as never), 1);
    assert.equal(trial.pass(passageOf({ clientIp: "10.0.0.1" }), START).reason, "");
  });

  it("shows at most 1,000 keys, and those with the least left", () => {
    const trial = new Trial(rateLimit, "{ key: client.ip, requests: 4, per: 1h }");
    for (let i = 0; i < 3000; i++) {
      const x = passageOf({ clientIp: `key ${i}` });
      for (let n = 0; n <= i % 4; n++) trial.act.take?.(x, trial.state, START);
    }
    const keys = [...(rateLimit.gauge?.keys(trial.config as never, trial.state as never, START) ?? [])];
    assert.equal(keys.length, 1000);
    assert.equal(keys.filter(({ left }) => left === 0).length, 750);
  });

  it("refuses a burst for windows, a route key on a listener, and words that are no key", () => {
    const [burst] = problemsOf(rateLimit, "{ key: client.ip, requests: 1, per: 1s, algorithm: fixedWindow, burst: 2 }");
    assert.match(burst.message, /has no burst/);
    assert.deepEqual(burst.fix, { title: "Remove burst", path: ["burst"], value: undefined });
    const listener = { ...contextOf(), owner: "listener/edge" };
    delete (listener as { routeName?: string }).routeName;
    assert.match(problemsOf(rateLimit, "{ key: route, requests: 1, per: 1s }", listener)[0].message, /before a route/);
    assert.ok(!fits(rateLimit, "{ key: ip, requests: 1, per: 1s }"));
    assert.ok(!fits(rateLimit, "{ key: [], requests: 1, per: 1s }"));
    assert.ok(!fits(rateLimit, "{ key: client.ip, requests: 0, per: 1s }"));
    assert.ok(!fits(rateLimit, "{ key: client.ip, requests: 1, per: 0s }"));
    assert.match(problemsOf(rateLimit, "{ key: client.ip, requests: 1, per: 1s, cost: 'jwt..x' }")[0].message, /CEL/);
    assert.deepEqual(
      (configOf(rateLimit, "{ key: route, requests: 1, per: 1s }") as { burst?: number }).burst,
      undefined,
    );
  });
});
