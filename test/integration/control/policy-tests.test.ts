import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { policy, policyFile, stopAll } from "./helpers.ts";
import { switchyard } from "./processes.ts";

const shop = resolve(import.meta.dirname, "../../../examples/shop/shop.switchyard-test.yaml");

/** A test file beside a policy of its own. */
function testFile(text: string): string {
  const file = join(dirname(policyFile(policy(8080, 9))), "own.switchyard-test.yaml");
  writeFileSync(file, text);
  return file;
}

const MIXED = `tests:
  - name: open
    steps: [{ request: { path: /open/1 }, expect: { status: 200, route: open } }]
  - name: '<wrong> & "quoted" # 1 ]]> \\'
    steps: [{ request: { path: /keyed/1 }, expect: { status: 200 } }]
`;

describe("switchyard test", function () {
  this.timeout(300_000);
  afterEach(stopAll);

  it("runs the tests of the shop, all of which pass, and says what they do not reach", async () => {
    const line = switchyard(["test", shop, "--coverage"]);
    assert.equal(await line.ended, 0, line.output());
    assert.match(line.output(), /10 passed\n/);
    assert.match(line.output(), /10 of 10 routes, \d+ of \d+ policies, \d+ of \d+ reasons reached/);
    assert.match(line.output(), /no test reaches reasons of user-jwt: .*jwt\/notYetValid.*switchyard\.yaml:\d+/);
  });

  it("exits with 1 and says which step refused, at which line of the policy", async () => {
    const line = switchyard(["test", testFile(MIXED)]);
    assert.equal(await line.ended, 1);
    assert.match(line.output(), /step 1: status was 401, expected 200 .*own\.switchyard-test\.yaml:5:\d+/);
    assert.match(line.output(), /✕ identify apiKey: .*switchyard\.yaml:16\)/);
    assert.match(line.output(), /1 passed, 1 failed/);
  });

  it("exits with 2 where it could not run: a wrong name, no such file, no such reporter", async () => {
    const wrong = switchyard(["test", testFile(MIXED.replace("route: open", "route: opn"))]);
    assert.equal(await wrong.ended, 2);
    assert.match(wrong.output(), /yaml:3:\d+: error SY102 There is no route "opn".*Did you mean "open"\?/);
    const none = switchyard(["test", "nowhere.switchyard-test.yaml"]);
    assert.equal(await none.ended, 2);
    assert.match(none.output(), /There is no nowhere\.switchyard-test\.yaml here/);
    const reporter = switchyard(["test", shop, "--reporter", "spec"]);
    assert.equal(await reporter.ended, 2);
    assert.match(reporter.output(), /Known are text, tap, junit, json/);
  });

  it("speaks TAP 14", async () => {
    const line = switchyard(["test", testFile(MIXED), "--reporter", "tap"]);
    assert.equal(await line.ended, 1);
    const lines = line.output().trimEnd().split("\n");
    assert.deepEqual(lines.slice(0, 2), ["TAP version 14", "1..1"]);
    assert.match(lines[2], /^# Subtest: /);
    assert.equal(lines[3], "    1..2");
    assert.equal(lines[4], "    ok 1 - open");
    assert.match(lines[5], /^ {4}not ok 2 - <wrong> & "quoted" \\# 1 \]\]> \\\\$/);
    const [begin, end] = [lines.indexOf("      ---"), lines.indexOf("      ...")];
    assert.ok(begin === 6 && end > begin);
    for (const inner of lines.slice(begin + 1, end)) assert.match(inner, /^ {6}(?:\w+:(?: ".*")?| {2}- ".*")$/);
    assert.match(lines[end + 1], /^not ok 1 - .*own\.switchyard-test\.yaml$/);
    assert.equal(lines.length, end + 2);
  });

  it("writes JUnit XML that is well formed, with the counts of what it holds", async () => {
    const line = switchyard(["test", testFile(MIXED), "--reporter", "junit"]);
    assert.equal(await line.ended, 1);
    const elements = elementsOf(line.output());
    assert.deepEqual(
      elements.map(({ name }) => name),
      ["testsuites", "testsuite", "testcase", "testcase", "failure"],
    );
    const [suites, suite, , wrong, failure] = elements.map(({ attributes }) => attributes);
    assert.deepEqual([suites.tests, suites.failures, suites.errors], ["2", "1", "0"]);
    assert.deepEqual([suite.tests, suite.failures], ["2", "1"]);
    assert.equal(wrong.name, '<wrong> & "quoted" # 1 ]]> \\');
    assert.match(failure.message, /status was 401/);
  });
});

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Reads the XML that there is here, and fails on whatever is not well formed (XML 1.0 sections 2 to 4). */
function elementsOf(xml: string): Element[] {
  const rest = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, "");
  assert.notEqual(rest, xml, "it begins with its declaration");
  const open: string[] = [];
  const elements: Element[] = [];
  for (const [piece] of rest.matchAll(/<[^>]*>|[^<]+/g)) {
    if (!piece.startsWith("<")) {
      assert.ok(open.length > 0 || piece.trim() === "", "text stands within the root");
      assert.equal(/&(?!(?:amp|lt|gt|quot|apos|#\d+);)|\]\]>/.test(piece), false, piece);
      continue;
    }
    const end = /^<\/([\w-]+)>$/.exec(piece);
    if (end !== null) {
      assert.equal(open.pop(), end[1]);
      continue;
    }
    const start = /^<([\w-]+)((?: [\w-]+="[^"<]*")*)(\/?)>$/.exec(piece);
    assert.ok(start, piece);
    const attributes = [...start[2].matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, plain(value)]);
    elements.push({ name: start[1], attributes: Object.fromEntries(attributes) as Record<string, string> });
    if (start[3] === "") open.push(start[1]);
  }
  assert.deepEqual(open, []);
  return elements;
}

function plain(value: string): string {
  assert.equal(/&(?!(?:amp|lt|gt|quot|#\d+);)/.test(value), false, value);
  return value.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}
