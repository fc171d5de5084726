import assert from "node:assert/strict";
import { apiVersion } from "./apiVersion.ts";
import { Edit, passageOf, problemsOf, Trial, type RequestParts } from "./trial.fixture.ts";

const VERSIONS =
  'versions: { "1": { service: old, deprecated: "2026-01-01", sunset: "2027-03-01", link: "https://shop.example/v1" }, "2": { service: new } }';
const HEADER = `{ from: header, name: X-Api-Version, default: "2", ${VERSIONS} }`;

function chosen(yaml: string, parts: RequestParts) {
  const trial = new Trial(apiVersion, yaml);
  const x = passageOf(parts);
  return { ...trial.peek(x), service: trial.act.service?.(x) };
}

describe("apiVersion", () => {
  it("reads the version where it stands and chooses its service", () => {
    assert.equal(chosen(HEADER, { headers: { "x-api-version": "1" } }).service, "old");
    assert.equal(chosen(`{ from: query, name: v, ${VERSIONS} }`, { query: "v=2&x=1" }).service, "new");
    const path = `{ from: path, name: "v{version}", ${VERSIONS} }`;
    assert.equal(chosen(path, { path: "/api/v1/orders" }).service, "old");
    assert.equal(chosen(path, { path: "/api/v3/orders" }).reason, "unknown");
    assert.equal(chosen(path, { path: "/values/1" }).reason, "missing");
  });

  it("takes the default where none is said, and tells so", () => {
    const verdict = chosen(HEADER, {});
    assert.equal(verdict.service, "new");
    assert.equal(verdict.sentence, "version 2 (the default, as the request says none): new");
  });

  it("refuses unknown, missing and doubled versions with the list", () => {
    assert.match(chosen(HEADER, { headers: { "x-api-version": "7" } }).sentence, /no version "7": there are 1, 2/);
    const none = chosen(`{ from: query, name: v, ${VERSIONS} }`, {});
    assert.equal(none.reason, "missing");
    assert.deepEqual(none.fixes, [{ title: "Take 2 where none is said", path: ["default"], value: "2" }]);
    assert.equal(chosen(`{ from: query, name: v, ${VERSIONS} }`, { query: "v=1&v=2" }).reason, "ambiguous");
    assert.equal(chosen(HEADER, { headers: { "x-api-version": "1, 2" } }).reason, "ambiguous");
  });

  it("announces the end of old versions and says nothing of others (RFC 9745, RFC 8594)", () => {
    const edit = new Edit();
    new Trial(apiVersion, HEADER).act.response?.(passageOf({ headers: { "x-api-version": "1" } }), edit);
    assert.deepEqual(edit.fields, [
      ["Deprecation", `@${Date.UTC(2026, 0, 1) / 1000}`],
      ["Sunset", new Date(Date.UTC(2027, 2, 1)).toUTCString()],
      ["Link", '<https://shop.example/v1>; rel="sunset"; type="text/html"'],
    ]);
    const latest = new Edit();
    new Trial(apiVersion, HEADER).act.response?.(passageOf(), latest);
    assert.deepEqual(latest.fields, []);
  });

  it("writes every day of a century as Date does", () => {
    for (let day = Date.UTC(1999, 11, 25); day < Date.UTC(2101, 0, 1); day += 86_400_000 * 97) {
      const written = new Date(day).toISOString().slice(0, 10);
      const edit = new Edit();
      const yaml = `{ from: header, name: v, default: "1", versions: { "1": { service: a, deprecated: "${written}", sunset: "${written}" } } }`;
      new Trial(apiVersion, yaml).act.response?.(passageOf(), edit);
      assert.equal(edit.get("deprecation"), `@${day / 1000}`);
      assert.equal(edit.get("sunset"), new Date(day).toUTCString());
    }
  });

  it("finds what contradicts itself", () => {
    const messages = (yaml: string) => problemsOf(apiVersion, yaml).map(({ message }) => message);
    assert.match(messages(`{ from: path, name: v, ${VERSIONS} }`)[0], /with `\{version\}` in it/);
    assert.match(messages(`{ from: query, name: v, default: "9", ${VERSIONS} }`)[0], /no version 9: there are 1, 2/);
    const early =
      '{ from: query, name: v, versions: { "1": { service: a, deprecated: "2027-01-01", sunset: "2026-01-01" } } }';
    assert.match(messages(early)[0], /ends after it is deprecated/);
  });
});
