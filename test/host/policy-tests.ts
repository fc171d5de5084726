/**
 * Policy tests in the Test Explorer: found, run, failures at their lines, coverage of the policy.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { eventually } from "../e2e/window/expect.ts";
import { testing } from "./given.ts";
import { person } from "./person.ts";
import { openShop, switchyard } from "./window.ts";

const TESTS = `tests:
  - name: the cart is open
    steps:
      - request: { path: /cart/1 }
        expect: { status: 200, service: cart }

  - name: so are orders, one thinks
    steps:
      - request: { path: /orders/1 }
        expect: { status: 200 }
`;

export function describePolicyTests(): void {
  let file: string;

  before(async () => {
    await switchyard().activate();
    const shop = await openShop();
    shop.write(shop.policy);
    file = join(shop.folder, "shop.switchyard-test.yaml");
    writeFileSync(file, TESTS);
  });

  it("stand in the Test Explorer at their lines", async () => {
    await testing.controller?.resolveHandler?.(undefined);
    const item = testing.controller?.items.get(vscode.Uri.file(file).toString());
    const tests = [...(item?.children ?? [])].map(([, test]) => [test.label, test.range?.start.line]);
    assert.deepEqual(tests.toSorted(), [
      ["so are orders, one thinks", 6],
      ["the cart is open", 1],
    ]);
  });

  it("run: what passes passes, what fails says which policy refused, where it was expected", async () => {
    await vscode.commands.executeCommand("testing.runAll");
    await eventually("both are told", () => testing.passed.length > 0 && testing.failed.length > 0);
    assert.deepEqual(testing.passed, ["the cart is open"]);
    const [{ name, message }] = testing.failed;
    assert.equal(name, "so are orders, one thinks");
    assert.deepEqual([message.expectedOutput, message.actualOutput], ["200", "401"]);
    assert.equal(message.location?.range.start.line, 9);
    assert.match(String(message.message), /status was 401, expected 200[^]*✕ identify .*switchyard\.yaml:\d+/);
  });

  it("tell which lines of the policy they reach", async () => {
    const [coverage] = await eventually("coverage", () => testing.coverage.length > 0 && testing.coverage);
    assert.match(coverage.uri.fsPath, /switchyard\.yaml$/);
    const { covered, total } = coverage.statementCoverage;
    assert.ok(covered >= 3 && covered <= total, `${covered} of ${total}`);
    assert.ok((coverage.branchCoverage?.total ?? 0) > (coverage.branchCoverage?.covered ?? 0));
  });

  it("Add to Tests: a recorded request stands at the end of the file, and passes as a test", async () => {
    const shop = await openShop();
    await vscode.commands.executeCommand("switchyard.start");
    assert.equal((await shop.send("/cart/recorded")).status, 200);
    person.picks("/cart/recorded");
    await vscode.commands.executeCommand("switchyard.addToTests");
    const document = vscode.window.activeTextEditor?.document;
    assert.equal(document?.uri.fsPath, file);
    assert.ok(document.getText().startsWith(TESTS.trimEnd()), document.getText());
    assert.match(document.getText(), /path: "?\/cart\/recorded/);
    await document.save();
    testing.passed.length = 0;
    await vscode.commands.executeCommand("testing.runAll");
    await eventually("it passes", () => testing.passed.some((name) => name.includes("/cart/recorded")));
    await vscode.commands.executeCommand("switchyard.stop");
  });
}
