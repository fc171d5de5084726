import assert from "node:assert/strict";
import * as fc from "fast-check";
import { urlRewrite } from "./urlRewrite.ts";
import { Edit, fits, matchedBy, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

function rewritten(yaml: string, path: string, matched = matchedBy("prefix", "/foo")): string {
  const edit = new Edit({}, path, "q=1");
  new Trial(urlRewrite, yaml).act.request?.(passageOf(), edit, matched);
  assert.equal(edit.query, "q=1", "the query stays");
  return edit.path;
}

const messages = (yaml: string) =>
  problemsOf(urlRewrite, yaml)
    .map(({ message }) => message)
    .join("; ");

describe("urlRewrite", () => {
  it("says what becomes of the path and the host", () => {
    const say = (yaml: string) => urlRewrite.admits(new Trial(urlRewrite, yaml).config as never, 0, 0, passageOf());
    assert.equal(
      say("{ prefix: /in, hostname: orders.internal }"),
      "the matched prefix becomes /in; the host becomes orders.internal",
    );
    assert.equal(say('{ regex: "^/v1/", replacement: /v2/ }'), "^/v1/ in the path becomes /v2/");
  });

  it("replaces the matched prefix as the Gateway API's table says (HTTPPathModifier)", () => {
    for (const [path, prefix, replacement, wanted] of [
      ["/foo/bar", "/foo", "/xyz", "/xyz/bar"],
      ["/foo/bar", "/foo", "/xyz/", "/xyz/bar"],
      ["/foo/bar", "/foo/", "/xyz", "/xyz/bar"],
      ["/foo/bar", "/foo/", "/xyz/", "/xyz/bar"],
      ["/foo", "/foo", "/xyz", "/xyz"],
      ["/foo/", "/foo", "/xyz", "/xyz/"],
      ["/foo/bar", "/foo", "", "/bar"],
      ["/foo/", "/foo", "", "/"],
      ["/foo", "/foo", "", "/"],
      ["/foo/", "/foo", "/", "/"],
      ["/foo", "/foo", "/", "/"],
      ["/foo/bar", "/", "/xyz", "/xyz/foo/bar"],
      ["/", "/", "/xyz", "/xyz/"],
      ["/foo//bar", "/foo", "/xyz", "/xyz//bar"],
      ["/foo/%2Fbar", "/foo", "/", "/%2Fbar"],
    ] as const) {
      const got = rewritten(`{ prefix: "${replacement}" }`, path, matchedBy("prefix", prefix));
      assert.equal(got, wanted, `${path} with ${prefix} -> ${replacement}`);
    }
  });

  it("replaces the whole path of an exact match, and leaves that of a regex match alone", () => {
    assert.equal(rewritten("{ prefix: /new }", "/foo", matchedBy("exact", "/foo")), "/new");
    assert.equal(rewritten("{ prefix: /new }", "/foo", { kind: "regex", value: "/f.*", test: () => true }), "/foo");
  });

  it("replaces the whole path", () => {
    assert.equal(rewritten("{ path: /healthz }", "/foo/bar"), "/healthz");
  });

  it("replaces every occurrence of a regex, with groups, and keeps a slash in front", () => {
    assert.equal(rewritten(`{ regex: "^/v1/(.*)$", replacement: "/v2/$1" }`, "/v1/a/b"), "/v2/a/b");
    assert.equal(rewritten(`{ regex: "a", replacement: "b$$" }`, "/a/ca"), "/b$/cb$");
    assert.equal(rewritten(`{ regex: "^/x", replacement: "" }`, "/xyz"), "/yz");
    assert.equal(rewritten(`{ regex: "(a)|(b)", replacement: "[$2]" }`, "/ab"), "/[][b]");
    assert.equal(rewritten(`{ regex: "nothing", replacement: "x" }`, "/foo"), "/foo");
  });

  it("sets the host that the backend sees, and leaves a target without a path alone", () => {
    const edit = new Edit({}, "*");
    new Trial(urlRewrite, "{ hostname: orders.internal, prefix: / }").act.request?.(
      passageOf(),
      edit,
      matchedBy("prefix", "/"),
    );
    assert.deepEqual([edit.authority, edit.path], ["orders.internal", "*"]);
  });

  it("refuses what contradicts itself or cannot be", () => {
    assert.match(messages("{ prefix: /, path: /x }"), /one way/);
    assert.match(messages("{ regex: a }"), /needs replacement/);
    assert.match(messages("{ replacement: a }"), /needs regex/);
    assert.match(messages("{ regex: '(?=a)', replacement: b }"), /no RE2 expression/);
    assert.match(messages("{ regex: a, replacement: $1 }"), /no group 1/);
    assert.match(messages("{ regex: a, replacement: $x }"), /number of a group/);
    assert.match(messages("{}"), /give/);
    assert.equal(messages("{ regex: '(a)', replacement: $1$$ }"), "");
    assert.ok(!fits(urlRewrite, "{ path: orders }"));
    assert.ok(!fits(urlRewrite, "{ path: '/a?b' }"));
    assert.ok(!fits(urlRewrite, "{ path: '/a b' }"));
    assert.ok(!fits(urlRewrite, "{ hostname: 'http://x' }"));
  });

  it("gives a path that starts with a slash, whatever comes", () => {
    const segment = fc.stringMatching(/^[a-z%.]{0,5}$/);
    const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join("/")}`);
    fc.assert(
      fc.property(path, path, path, (prefix, rest, replacement) => {
        const got = rewritten(JSON.stringify({ prefix: replacement }), prefix + rest, matchedBy("prefix", prefix));
        assert.ok(got.startsWith("/"), got);
      }),
      { numRuns: 200 },
    );
  });

  it("takes linear time for a regex that others choke on", () => {
    const trial = new Trial(urlRewrite, `{ regex: "^(a+)+$", replacement: "/" }`);
    const edit = new Edit({}, `/${"a".repeat(4000)}!`);
    trial.act.request?.(passageOf(), edit, matchedBy("prefix", "/"));
    assert.equal(edit.path.length, 4002);
  });
});
