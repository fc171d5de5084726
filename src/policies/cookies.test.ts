import assert from "node:assert/strict";
import { cookies } from "./cookies.ts";
import { Edit, matchedBy, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

function set(yaml: string, ...lines: string[]): readonly string[] {
  const edit = new Edit();
  for (const line of lines) edit.add("Set-Cookie", line);
  new Trial(cookies, yaml).act.response?.(passageOf(), edit);
  return edit.all("set-cookie");
}

describe("cookies", () => {
  it("ties cookies to the host that was asked and frees them of https", () => {
    assert.deepEqual(set("{}", "a=1; Domain=shop.example; Secure; HttpOnly; Partitioned"), ["a=1; HttpOnly"]);
  });

  it("keeps dates with commas, and several cookies apart", () => {
    const expires = "Expires=Wed, 21 Oct 2026 07:28:00 GMT";
    assert.deepEqual(set("{ path: /shop }", `a=1; ${expires}; Path=/x`, "b=2"), [
      `a=1; ${expires}; Path=/shop`,
      "b=2; Path=/shop",
    ]);
  });

  it("turns SameSite=None to Lax where it is not secure: browsers would throw it away", () => {
    assert.deepEqual(set("{}", "a=1; SameSite=None; Secure"), ["a=1; SameSite=Lax"]);
    assert.deepEqual(set("{ secure: true, sameSite: None, domain: keep }", "a=1; Domain=x.test"), [
      "a=1; Domain=x.test; Secure; SameSite=None",
    ]);
    assert.match(problemsOf(cookies, "{ sameSite: None }")[0].message, /only with `secure: true`/);
  });

  it("renames the prefixes that need https, and back for the backend", () => {
    assert.deepEqual(set("{}", "__Host-id=1; Secure; Path=/"), ["http-host-id=1; Path=/"]);
    const edit = new Edit({ Cookie: "a=1; http-host-id=1; http-secure-x=2" });
    new Trial(cookies, "{}").act.request?.(passageOf(), edit, matchedBy("prefix", "/"));
    assert.equal(edit.get("cookie"), "a=1; __Host-id=1; __Secure-x=2");
    assert.equal(new Trial(cookies, "{ secure: true }").act.request, undefined);
  });

  it("does not touch answers without cookies", () => {
    const edit = new Edit({ a: "b" });
    new Trial(cookies, "{}").act.response?.(passageOf(), edit);
    assert.deepEqual(edit.fields, [["a", "b"]]);
  });
});
