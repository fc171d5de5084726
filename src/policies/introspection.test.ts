import assert from "node:assert/strict";
import type { IntrospectionFact } from "../model/arrival.ts";
import { introspection } from "./introspection.ts";
import { requireScopes } from "./requireScopes.ts";
import { configOf, contextOf, Edit, matchedBy, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const NOW = 1_700_000_000;
const YAML =
  '{ url: "https://auth.test/introspect", clientId: gw, clientSecret: { env: S }, audiences: [orders], claims: { tenant: acme }, forward: { x-user: sub } }';

const needOf = (yaml: string) =>
  introspection.needs?.(configOf(introspection, yaml) as never, contextOf({ secret: () => "hush" }))[0];

function judged(fact: IntrospectionFact | undefined) {
  const x = passageOf({
    facts: fact === undefined ? {} : { [needOf(YAML)?.name ?? ""]: fact },
    wallClock: NOW * 1000,
  });
  return { x, verdict: new Trial(introspection, YAML, contextOf({ secret: () => "hush" })).peek(x) };
}

const active = (claims: Readonly<Record<string, unknown>>): IntrospectionFact => ({
  state: "active",
  claims: { aud: "orders", tenant: "acme", ...claims },
});

describe("introspection", () => {
  it("admits an active token, knows its caller, and later policies read its claims", () => {
    const { x, verdict } = judged(active({ sub: "ann", scope: "orders:read", exp: NOW + 90 }));
    assert.equal(verdict.sentence, "the token of ann holds, its server says; valid for another 90 s");
    assert.equal(x.caller.label, "ann");
    assert.equal(new Trial(requireScopes, "{ all: [orders:read] }").peek(x).reason, "");
  });

  it("refuses whatever is not active, with RFC 6750's challenges and without the server's address in them", () => {
    const bearer = 'Bearer realm="switchyard"';
    assert.deepEqual(judged(undefined).verdict.fields, { "WWW-Authenticate": bearer });
    assert.deepEqual(judged({ state: "absent" }).verdict.reason, "missing");
    const dead = judged({ state: "inactive" }).verdict;
    assert.deepEqual([dead.reason, dead.status], ["inactive", 401]);
    assert.match(dead.sentence, /https:\/\/auth\.test\/introspect says that the token does not hold/);
    assert.equal(
      dead.fields["WWW-Authenticate"],
      `${bearer}, error="invalid_token", error_description="the token does not hold"`,
    );
    const odd = judged({ state: "malformed", problem: "the token holds characters that no token has" }).verdict;
    assert.match(odd.fields["WWW-Authenticate"], /error="invalid_token"/);
  });

  it("is not admitting when the server could not be asked, and says why", () => {
    const down = judged({ state: "unavailable", problem: "https://auth.test does not say: ECONNREFUSED" });
    assert.deepEqual([down.verdict.reason, down.verdict.status], ["unavailable", 503]);
    assert.match(down.verdict.sentence, /ECONNREFUSED/);
    assert.deepEqual(down.verdict.fields, { "Retry-After": "1" });
    assert.equal(down.x.caller.jwt, undefined);
  });

  it("judges times, audience and claims by the clock of the request, whatever the server has said", () => {
    assert.equal(judged(active({ exp: NOW - 31 })).verdict.reason, "expired");
    assert.equal(judged(active({ nbf: NOW + 31 })).verdict.reason, "notYetValid");
    assert.equal(judged(active({ aud: "carts" })).verdict.reason, "wrongAudience");
    assert.equal(judged(active({ exp: "soon" })).verdict.reason, "badTimes");
    const other = judged(active({ tenant: "globex", sub: "ann" }));
    assert.deepEqual([other.verdict.reason, other.verdict.status, other.x.caller.label], ["claimMismatch", 403, "ann"]);
    assert.match(other.verdict.fields["WWW-Authenticate"], /error="insufficient_scope"/);
  });

  it("forwards claims, and takes away what a caller forged", () => {
    const trial = new Trial(introspection, YAML, contextOf({ secret: () => "hush" }));
    const { x } = judged(active({ sub: "ann" }));
    const edit = new Edit({ "x-user": "root" });
    trial.act.request?.(x, edit, matchedBy("prefix", "/"));
    assert.equal(edit.get("x-user"), "ann");
    const forged = new Edit({ "x-user": "root" });
    trial.act.request?.(passageOf(), forged, matchedBy("prefix", "/"));
    assert.equal(forged.get("x-user"), undefined);
  });

  it("hands the edge the client's secret, and keeps it out of the fact's name", () => {
    const need = needOf(YAML);
    assert.ok(need?.kind === "introspection");
    assert.equal(need.source.clientSecret, "hush");
    assert.ok(!need.name.includes("hush"));
    assert.notEqual(need.name, needOf(YAML.replace("{ env: S }", "{ env: T }"))?.name);
  });

  it("wants a server that nobody can listen in on", () => {
    const message = (url: string) =>
      problemsOf(introspection, `{ url: "${url}", clientId: a, clientSecret: { env: S } }`)[0]?.message ?? "";
    assert.match(message("http://auth.test/introspect"), /can be read on the way/);
    assert.match(message("/introspect"), /https:\/\/host\/path/);
    assert.equal(message("http://localhost:9000/introspect"), "");
  });
});
