import assert from "node:assert/strict";
import * as fc from "fast-check";
import { checkExpression, compileExpression, splitConjunction } from "./expression.ts";
import { anyText, passageOf, type RequestParts } from "./trial.fixture.ts";

const test = (source: string, parts: RequestParts = {}) => {
  assert.equal(checkExpression(source), undefined, JSON.stringify(checkExpression(source)));
  return compileExpression(source).test(passageOf(parts));
};
const explain = (source: string, parts: RequestParts = {}) => compileExpression(source).explain(passageOf(parts));
const token = (jwt: Readonly<Record<string, unknown>>): RequestParts => ({ caller: { jwt } });

/** The problem, and the text it points at. */
function problem(source: string): readonly [string, string] {
  const found = checkExpression(source);
  assert.ok(found, `${source} has a problem`);
  assert.ok(found.start >= 0 && found.start <= found.end && found.end <= source.length);
  return [found.message, source.slice(found.start, found.end)];
}

const measure = (source: string) => compileExpression(source).measure(passageOf());

describe("an expression", () => {
  it("sees method, path, host, headers, query and id of the request", () => {
    const parts = {
      method: "POST",
      path: "/a%20b",
      host: "h.localhost",
      headers: { "x-a": "1" },
      query: "debug=1&x=a%20b",
    };
    assert.equal(test("request.method == 'POST' && request.path == '/a%20b'", parts), true);
    assert.equal(test("request.host.endsWith('.localhost')", parts), true);
    assert.equal(test("request.headers['X-A'] == '1' && 'x-a' in request.headers", parts), true);
    assert.equal(test("!('x-b' in request.headers) && !has(request.query.nope)", parts), true);
    assert.equal(test("request.query.debug == '1' && request.query['x'] == 'a b'", parts), true);
    assert.equal(test("request.id == 'request-1'", parts), true);
  });

  it("sees a token's claims, its scope always as a list", () => {
    assert.equal(test("'a' in jwt.scope && 'b' in jwt.scope", token({ scope: "a b" })), true);
    assert.equal(test("'a' in jwt.scope", token({ scope: ["a"] })), true);
    assert.equal(test("'a' in jwt.scope && 'a' in jwt.scp", token({ scp: "a b" })), true);
    assert.equal(test("'a' in jwt.scope", token({ sub: "x" })), false);
    assert.equal(test("'a' in jwt.scope"), false, "without a token it is empty");
    assert.equal(test("has(jwt.sub)"), false);
    assert.equal(
      test("jwt.level >= 3 && jwt.level == 3 && jwt.org.roles[0] == 'x'", token({ level: 3, org: { roles: ["x"] } })),
      true,
    );
    assert.equal(test("jwt.groups.exists(g, g.startsWith('ad'))", token({ groups: ["user", "admin"] })), true);
  });

  it("sees consumer and client", () => {
    const caller = { consumer: "web", groups: ["partner"] };
    assert.equal(test("consumer.name == 'web' && 'partner' in consumer.groups", { caller }), true);
    assert.equal(test("has(consumer.name)"), false);
    assert.equal(test("client.ip == '127.0.0.1' && client.port > 1024"), true);
  });

  it("is neither true nor false when it fails, and says why", () => {
    assert.equal(test("jwt.sub == 'ann'"), undefined);
    assert.equal(explain("jwt.sub == 'ann'"), "`jwt.sub == 'ann'` failed: there is no `sub` - jwt.sub was absent");
    assert.equal(test("request.method"), undefined);
    assert.equal(explain("request.method"), '`request.method` is "GET", neither true nor false');
    assert.equal(test("request.query.a == '1'", { query: "a=1&a=2" }), undefined);
    assert.match(explain("request.query.a == '1'", { query: "a=1&a=2" }), /the query holds `a` 2 times/);
    assert.equal(test("request.headers.exists(h, h == 'x')"), undefined);
    assert.match(explain("size(request.headers) > 1"), /cannot be listed/);
  });

  it("explains the first part that is not true, with the values it saw", () => {
    const source = "request.method == 'GET' && 'orders:read' in jwt.scope && jwt.sub != ''";
    assert.equal(
      explain(source, token({ scope: "orders:write", sub: "ann" })),
      "`'orders:read' in jwt.scope` was false - jwt.scope was [\"orders:write\"]",
    );
    assert.equal(
      explain("request.headers['x-a'] == '1' && true", { headers: { "x-a": "2" } }),
      "`request.headers['x-a'] == '1'` was false - request.headers[\"x-a\"] was \"2\"",
    );
    assert.equal(explain("!has(jwt.sub)", token({ sub: "ann" })), '`!has(jwt.sub)` was false - jwt.sub was "ann"');
  });

  it("never shows what a header or parameter with a secret holds", () => {
    const headers = { authorization: "Bearer abc", cookie: "sid=abc", "x-api-key": "abc" };
    for (const source of [
      "request.headers.authorization == 'x'",
      "request.headers['cookie'] == 'x'",
      "request.headers['x-api-key'] == 'x'",
    ]) {
      assert.ok(!explain(source, { headers }).includes("abc"), source);
      assert.match(explain(source, { headers }), /is not shown/);
    }
  });

  it("is checked for names, fields and functions, with the place and the nearest right one", () => {
    assert.deepEqual(problem("jwtt.sub == 'a'"), [
      "`jwtt` is not known here; did you mean `jwt`? There are request, jwt, consumer, client.",
      "jwtt",
    ]);
    const [field, at] = problem("true && request.metod == 'GET'");
    assert.match(field, /`request` has no `metod`; did you mean `method`\?/);
    assert.equal(at, "metod");
    assert.match(problem("jwt.sub.startWith('a')")[0], /no function `startWith`; did you mean `startsWith`\?/);
    assert.match(problem("constructor == 'a'")[0], /`constructor` is not known/);
    assert.match(problem("jwt.groups.exists(g, h == 'a')")[0], /`h` is not known/);
    assert.equal(checkExpression("jwt.groups.exists(request, request.any == 'a')"), undefined, "bound names hide ours");
  });

  it("is checked for syntax, with the place", () => {
    assert.deepEqual(problem("jwt..x"), ["does not parse as CEL: cannot make sense of `.` here", "."]);
    assert.match(problem("1 +")[0], /cannot make sense|ends too early/);
    assert.match(problem("(true")[0], /ends too early/);
    assert.match(problem("   ")[0], /empty/);
    assert.match(problem("x".repeat(5000))[0], /longer than 4096/);
    assert.match(problem(`${"(".repeat(100)}1${")".repeat(100)}`)[0], /64 deep/);
  });

  it("cannot be made to run long: nesting, lists and regular expressions are bounded", () => {
    const nested = "jwt.a.exists(x, jwt.a.exists(y, jwt.a.exists(z, x == z)))";
    assert.match(problem(nested)[0], /at most 2 deep/);
    const twice = "jwt.a.all(x, jwt.a.all(y, x != y || true))";
    assert.equal(test(twice, token({ a: Array.from({ length: 50 }, String) })), true);
    assert.equal(test(twice, token({ a: Array.from({ length: 300 }, String) })), undefined);
    assert.match(explain(twice, token({ a: Array.from({ length: 300 }, String) })), /holds a list of 300/);
    assert.equal(test("jwt.s.matches('^(a+)+$')", token({ s: `${"a".repeat(20_000)}!` })), false);
  });

  it("takes claims as data, whatever they are called", () => {
    const odd = JSON.parse(
      '{"constructor":{"name":"x"},"__proto__":{"scope":["admin"]},"a":{"constructor":1}}',
    ) as Record<string, unknown>;
    assert.equal(test("'admin' in jwt.scope", token(odd)), false);
    assert.equal(test("jwt.a.constructor == 1 && jwt.constructor.name == 'x'", token(odd)), true);
    assert.equal(test("has(jwt.toString) || has(jwt.a.hasOwnProperty)", token(odd)), false);
  });

  it("is split at the outermost && only", () => {
    for (const [source, parts] of [
      ["a && b", ["a", "b"]],
      ["a || b && c", ["a || b && c"]],
      ["(a && b) && c", ["(a && b)", "c"]],
      ["'x && y' in z && b", ["'x && y' in z", "b"]],
      ['"a\\"&&" == x && b', ['"a\\"&&" == x', "b"]],
      ["a ? b && c : d", ["a ? b && c : d"]],
      ["'''a'&&''' == x && b", ["'''a'&&''' == x", "b"]],
    ] as const) {
      assert.deepEqual(splitConjunction(source), parts);
    }
  });

  it("has a measure when it is a number", () => {
    assert.equal(measure("1 + 2"), 3);
    assert.equal(measure("2.5"), 2.5);
    assert.equal(measure("size(request.path)"), 9);
    assert.equal(measure("'x'"), undefined);
    assert.equal(measure("1 / 0"), undefined);
    assert.equal(measure("1.0 / 0.0"), undefined);
  });

  it("is read, compiled, tested and explained without throwing, whatever it is", () => {
    const words =
      "request jwt scope 'a' in == && || ! ( ) . [ ] { } : , ? has exists x 1 2.5 true null headers size + - r'".split(
        " ",
      );
    const source = fc.oneof(
      anyText(30),
      fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((parts) => parts.join(" ")),
    );
    fc.assert(
      fc.property(source, (text) => {
        const wrong = checkExpression(text);
        if (wrong) assert.ok(wrong.message.length > 5 && wrong.end <= text.length);
        const expression = compileExpression(text);
        const truth = expression.test(passageOf(token({ scope: "a" })));
        if (wrong) assert.equal(truth, undefined);
        assert.ok(expression.explain(passageOf()).length > 5);
      }),
      { numRuns: 1000 },
    );
  });

  it("says the same by its shortcut as by the general evaluator, for every token", () => {
    const scopes = fc.oneof(
      fc.string({ unit: fc.constantFrom("a", "b", " ", "\t"), maxLength: 6 }),
      fc.array(fc.oneof(fc.constantFrom("a", "b", ""), fc.integer())),
      fc.constantFrom(null, 1, true, undefined),
    );
    const sources = [
      "'a' in jwt.scope",
      "'' in jwt.scope",
      "request.method == 'GET' && 'a' in jwt.scope",
      "request.method == ''",
    ];
    const expressions = sources.map(compileExpression);
    fc.assert(
      fc.property(scopes, scopes, fc.boolean(), (scope, scp, withToken) => {
        const claims = { ...(scope !== undefined && { scope }), ...(scp !== undefined && { scp }) };
        const x = passageOf(withToken ? token(claims) : {});
        for (const expression of expressions) {
          assert.notEqual(expression.test(x), undefined);
          assert.equal(expression.test(x), expression.evaluate(x), expression.source);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("sees any claims without throwing", () => {
    const claims = fc.dictionary(fc.constantFrom("scope", "scp", "sub", "a"), fc.jsonValue());
    const expressions = ["'a' in jwt.scope", "jwt.sub == 'x'", "jwt.a.exists(k, k == 'x')", "jwt.a.b[0] > 1"].map(
      compileExpression,
    );
    fc.assert(
      fc.property(claims, (jwt) => {
        for (const expression of expressions) {
          expression.test(passageOf(token(jwt as Record<string, unknown>)));
          assert.ok(expression.explain(passageOf(token(jwt as Record<string, unknown>))).length > 5);
        }
      }),
      { numRuns: 300 },
    );
  });
});
