import assert from "node:assert/strict";
import { cors } from "./cors.ts";
import { Edit, fits, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const preflight = (origin: string, method: string, headers?: string, more: Record<string, string> = {}) =>
  passageOf({
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": method,
      ...(headers === undefined ? {} : { "access-control-request-headers": headers }),
      ...more,
    },
  });
const simple = (origin: string) => passageOf({ headers: { origin } });

const SHOP = "{ origins: ['https://shop.example'], methods: [GET, PUT], headers: [X-Tenant], maxAge: 10m }";

describe("cors", () => {
  it("answers a preflight with what the page may do", () => {
    const trial = new Trial(cors, SHOP);
    const x = preflight("https://shop.example", "PUT", "x-tenant");
    const verdict = trial.peek(x);
    assert.ok(trial.act.answers?.(x, 0));
    assert.deepEqual(trial.act.answer?.(x, { kind: "prefix", value: "/" }), { status: 204, fields: [], body: "" });
    assert.deepEqual(verdict.fields, {
      Vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
      "Access-Control-Allow-Origin": "https://shop.example",
      "Access-Control-Allow-Methods": "GET, PUT",
      "Access-Control-Allow-Headers": "X-Tenant",
      "Access-Control-Max-Age": "600",
    });
    assert.equal(
      verdict.sentence,
      "preflight: pages of https://shop.example may use PUT with x-tenant, remembered for 10m",
    );
  });

  it("refuses a preflight with the word that stands in the way, and offers to add it", () => {
    const trial = new Trial(cors, SHOP);
    const foreign = trial.peek(preflight("https://evil.example", "GET"));
    assert.equal(foreign.reason, "originNotAllowed");
    assert.equal(foreign.fields["Access-Control-Allow-Origin"], undefined);
    assert.deepEqual(foreign.fixes, [
      {
        title: "Allow https://evil.example",
        path: ["origins"],
        value: ["https://shop.example", "https://evil.example"],
      },
    ]);
    const method = trial.peek(preflight("https://shop.example", "DELETE"));
    assert.equal(method.sentence, "a page of https://shop.example wants to use DELETE; GET, PUT may be used");
    const header = trial.peek(preflight("https://shop.example", "PUT", "x-tenant, x-debug"));
    assert.match(header.sentence, /wants to send the header x-debug; X-Tenant may be sent/);
    assert.deepEqual(header.fixes[0]?.value, ["X-Tenant", "x-debug"]);
    assert.equal(trial.peek(preflight("https://shop.example", "HEAD")).reason, "");
  });

  it("lets requests of foreign origins pass, without a word that would let the page read the answer", () => {
    const trial = new Trial(cors, SHOP);
    const verdict = trial.peek(simple("https://evil.example"));
    assert.equal(verdict.reason, "");
    assert.deepEqual(verdict.fields, { Vary: "Origin" });
    assert.match(verdict.sentence, /so its page cannot read it/);
    assert.deepEqual(trial.peek(simple("https://shop.example")).fields, {
      Vary: "Origin",
      "Access-Control-Allow-Origin": "https://shop.example",
    });
    assert.deepEqual(trial.peek(passageOf()).fields, { Vary: "Origin" });
    assert.equal(trial.act.answers?.(simple("https://shop.example"), 0), false);
  });

  it("compares whole origins: scheme, host, port", () => {
    const trial = new Trial(cors, "{ origins: ['https://*.bar.com', 'http://localhost:*', 'https://a.b:8443'] }");
    const named = (origin: string) => "Access-Control-Allow-Origin" in trial.peek(simple(origin)).fields;
    for (const good of ["https://www.bar.com", "https://a.b.bar.com", "http://localhost", "http://localhost:5173"])
      assert.ok(named(good), good);
    assert.ok(named("https://a.b:8443"));
    for (const bad of [
      "https://bar.com",
      "https://evilbar.com",
      "http://www.bar.com",
      "https://www.bar.com.evil.test",
      "https://www.bar.com:444",
      "https://x/.bar.com",
      "http://localhost.evil.test",
      "http://localhost:80x",
      "https://a.b",
      "https://aXb:8443",
      "null",
      "",
    ])
      assert.ok(!named(bad), bad);
  });

  it("names what was asked for in place of *, which browsers take literally when credentials go along", () => {
    const trial = new Trial(cors, "{ origins: ['*'], methods: ['*'], headers: ['*'], credentials: true }");
    assert.deepEqual(trial.peek(preflight("https://any.example", "PATCH", "x-a, x-b")).fields, {
      Vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
      "Access-Control-Allow-Origin": "https://any.example",
      "Access-Control-Allow-Credentials": "true",
      "Access-Control-Allow-Methods": "PATCH",
      "Access-Control-Allow-Headers": "x-a, x-b",
    });
    const open = new Trial(cors, "{ origins: ['*'] }").peek(simple("https://any.example"));
    assert.deepEqual(open.fields, { "Access-Control-Allow-Origin": "*" });
  });

  it("opens a private network only when told to", () => {
    const asks = preflight("https://shop.example", "GET", undefined, {
      "access-control-request-private-network": "true",
    });
    const closed = new Trial(cors, SHOP).peek(asks);
    assert.equal(closed.reason, "privateNetwork");
    const open = new Trial(cors, SHOP.replace("{ ", "{ privateNetwork: true, ")).peek(asks);
    assert.equal(open.fields["Access-Control-Allow-Private-Network"], "true");
  });

  it("takes away what the backend says about origins", () => {
    const edit = new Edit({ "access-control-allow-origin": "*", vary: "Accept" });
    new Trial(cors, SHOP).act.response?.(passageOf(), edit);
    assert.deepEqual(edit.fields, [["vary", "Accept"]]);
  });

  it("takes origins only, and asks for lower case", () => {
    for (const wrong of ["shop.example", "https://shop.example/", "https://*bar.com", "https://a b"])
      assert.equal(fits(cors, `{ origins: ['${wrong}'] }`), false, wrong);
    assert.equal(problemsOf(cors, "{ origins: ['https://Shop.example'] }")[0]?.fix?.value, "https://shop.example");
  });
});
