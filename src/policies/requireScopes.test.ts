import assert from "node:assert/strict";
import { requireScopes } from "./requireScopes.ts";
import { fits, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const token = (claims: Record<string, unknown>) => passageOf({ caller: { jwt: claims, label: "carol" } });

describe("requireScopes", () => {
  it("wants every scope of `all` and one of `any`, however the token lists them", () => {
    const trial = new Trial(requireScopes, "{ all: [a], any: [b, c] }");
    for (const claims of [{ scope: "a c" }, { scope: ["a", "b"] }, { scp: ["a", "b"] }])
      assert.equal(trial.peek(token(claims)).reason, "", JSON.stringify(claims));
    assert.equal(trial.peek(token({ scope: "b" })).sentence, "the token carries b; a is missing");
    assert.equal(trial.peek(token({ scope: "a" })).sentence, "the token carries a; one of b, c is needed");
    assert.equal(trial.peek(token({ scope: 7 })).sentence, "the token carries no scope; a is missing");
  });

  it("says which scope would do (RFC 6750), and offers to accept the one that is there", () => {
    const verdict = new Trial(requireScopes, "{ any: [orders:read] }").peek(token({ scope: "orders:write" }));
    assert.equal(verdict.status, 403);
    assert.equal(
      verdict.fields["WWW-Authenticate"],
      'Bearer realm="switchyard", error="insufficient_scope", scope="orders:read"',
    );
    assert.deepEqual(verdict.fixes, [
      { title: "Accept the scope orders:write", path: ["any"], value: ["orders:read", "orders:write"] },
    ]);
  });

  it("admits nobody without a verified token, and is not written without scopes", () => {
    const verdict = new Trial(requireScopes, "{ all: [a] }").peek(passageOf({ caller: { consumer: "web" } }));
    assert.equal(verdict.reason, "noToken");
    assert.equal(verdict.status, 401);
    assert.equal(problemsOf(requireScopes, "{}").length, 1);
    assert.equal(fits(requireScopes, "{ all: ['a b'] }"), false);
  });
});
