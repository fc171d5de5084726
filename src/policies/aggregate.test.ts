import assert from "node:assert/strict";
import { aggregate } from "./aggregate.ts";
import { compilePath } from "./aggregate-template.ts";
import { contextOf, passageOf, problemsOf } from "./trial.fixture.ts";

const messages = (yaml: string, owner = "route/page"): string[] =>
  problemsOf(aggregate, yaml, contextOf({ owner })).map(({ message }) => message);

describe("aggregate", () => {
  it("takes its own example", () => {
    assert.deepEqual(messages('{ parts: { a: { service: s, path: "/${path.2}" } } }'), []);
  });

  it("wants a part to stand behind what it reads, and offers to put it there", () => {
    const yaml = '{ parts: { a: { service: s, path: /a }, b: { service: s, path: "/${a.id}" } } }';
    const [problem] = problemsOf(aggregate, yaml, contextOf({ owner: "route/page" }));
    assert.match(problem.message, /put it into `after`/);
    assert.deepEqual(problem.fix?.value, ["a"]);
  });

  it("refuses circles, strangers, reserved names, and a place that is no route", () => {
    assert.match(
      messages("{ parts: { a: { service: s, path: /a, after: [b] }, b: { service: s, path: /b, after: [a] } } }")[0],
      /wait for itself/,
    );
    assert.match(messages("{ parts: { a: { service: s, path: /a, after: [z] } } }")[0], /no part called `z`/);
    assert.match(messages("{ parts: { errors: { service: s, path: /a } } }")[0], /meaning of their own/);
    assert.match(messages("{ parts: { a: { service: s, path: /a } } }", "service/s")[0], /stands on a route/);
    assert.match(messages('{ parts: { a: { service: s, path: "/${item}" } } }')[0], /only in a part with `forEach`/);
    assert.match(messages('{ parts: { a: { service: s, path: "/${nonsense}" } } }')[0], /is not known here/);
  });

  it("never lets a value change which path is asked for", () => {
    const path = compilePath("/a/${p.v}/b?x=${p.v}", contextOf(), ["p"]);
    const fill = (v: unknown) => path(passageOf(), { value: () => ({ v }) });
    assert.equal(fill("../../admin?a=b#c&d"), "/a/..%2F..%2Fadmin%3Fa%3Db%23c%26d/b?x=..%2F..%2Fadmin%3Fa%3Db%23c%26d");
    assert.equal(fill("a\r\nHost: evil"), "/a/a%0D%0AHost%3A%20evil/b?x=a%0D%0AHost%3A%20evil");
    for (const wrong of ["..", ".", "", undefined, null, {}, []]) assert.throws(() => fill(wrong));
  });
});
