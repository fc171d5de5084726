/**
 * The language-model tools of the extension: each is known to VS Code, answers through it, and edits only what was asked
 * about, in the editor and unsaved.
 */
import assert from "node:assert/strict";
import * as vscode from "vscode";
import { eventually } from "../e2e/window/expect.ts";
import type { Shop } from "../e2e/window/shop.ts";
import { languageModelTools } from "./given.ts";
import { openShop, switchyard } from "./window.ts";

type Value = Record<string, unknown>;

export function describeAgents(): void {
  let shop: Shop;

  before(async () => {
    await switchyard().activate();
    shop = await openShop();
    await vscode.commands.executeCommand("workbench.action.files.saveAll");
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
    await vscode.commands.executeCommand("switchyard.stop");
    shop.write(shop.policy);
  });

  async function told(name: string, input: object): Promise<string> {
    const { content } = await vscode.lm.invokeTool(`switchyard_${name}`, { input, toolInvocationToken: undefined });
    return content.map((part) => (part instanceof vscode.LanguageModelTextPart ? part.value : "")).join("");
  }

  /** A gateway on a busy machine may be late at first; a refusal in words is no JSON. */
  function answer(name: string, input: object = {}): Promise<Value> {
    return eventually(`an answer of ${name}`, async () => JSON.parse(await told(name, input)) as Value);
  }

  it("are known to VS Code as the manifest describes them", () => {
    const contributed = (
      switchyard().packageJSON as { contributes: { languageModelTools: { name: string; modelDescription: string }[] } }
    ).contributes.languageModelTools;
    assert.equal(contributed.length, 4);
    for (const { name, modelDescription } of contributed) {
      const known = vscode.lm.tools.find((tool) => tool.name === name);
      assert.equal(known?.description, modelDescription, name);
    }
  });

  it("say what to do while no gateway runs", async () => {
    assert.match(await told("list_rejections", {}), /does not run in this window.*Start Gateway/);
  });

  it("explain and list what the gateway of this window refused", async () => {
    await vscode.commands.executeCommand("switchyard.start");
    assert.equal((await shop.send("/orders/1", {})).status, 401);
    for (let sent = 0; sent < 6; sent++) await shop.send("/orders/2");
    const list = await answer("list_rejections");
    const [newest, , ...older] = list["rejections"] as Value[];
    assert.deepEqual([newest["status"], newest["policy"], older.length], [429, "per-consumer", 0]);
    const explained = await answer("explain_request", { id: newest["id"] });
    assert.match(JSON.stringify(explained["verdict"]), /"refused":true,"status":429/);
    const described = await answer("explain_request", { url: "/cart/1" });
    assert.match(JSON.stringify(described["verdict"]), /"refused":false/);
    assert.ok(!JSON.stringify([list, explained, described]).includes("e2e-web-key"));
  });

  it("simulate an edit of what stands in the editor", async () => {
    const edits = [{ oldText: "requests: 5,", newText: "requests: 50," }];
    const simulated = await answer("simulate_edit", { edits });
    assert.match(JSON.stringify(simulated["outcome"]), /"admitted":1/);
    assert.match(await told("simulate_edit", { edits: [{ oldText: "apiKey: e2e", newText: "" }] }), /does not occur/);
    const broken = await answer("simulate_edit", { edits: [{ oldText: "requests: 5,", newText: "requests: many," }] });
    assert.deepEqual([broken["valid"], (broken["problem"] as Value)["line"]], [false, shop.lineOf("requests: 5,")]);
  });

  it("propose a fix, ask before they make it, and leave it unsaved", async () => {
    const { fixes, mark } = await answer("propose_fix");
    const [{ title, newText }] = fixes as Value[];
    assert.equal(newText, "6");
    const tool = languageModelTools.get("switchyard_propose_fix");
    const cancelled = new vscode.CancellationTokenSource().token;
    const prepared = async (input: object) => tool?.prepareInvocation?.({ input }, cancelled);
    assert.equal((await prepared({}))?.confirmationMessages, undefined);
    const asked = (await prepared({ apply: title, mark }))?.confirmationMessages;
    assert.match(
      `${asked?.title} ${(asked?.message as vscode.MarkdownString | undefined)?.value}`,
      /Edit the Switchyard policy\?.*passing/,
    );
    const before = shop.read();
    // As VS Code calls it once the person has agreed; nobody presses buttons here.
    await tool?.invoke({ input: { apply: title, mark }, toolInvocationToken: undefined }, cancelled);
    const document = vscode.workspace.textDocuments.find(({ fileName }) => fileName === shop.file);
    assert.ok(document?.isDirty);
    assert.match(document.getText(), /requests: 6, per: 20s/);
    assert.equal(shop.read(), before);
    await vscode.window.showTextDocument(document);
    await vscode.commands.executeCommand("undo");
    assert.equal(document.getText(), before);
    await vscode.commands.executeCommand("workbench.action.files.revert");
  });
}
