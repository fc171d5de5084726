/**
 * What stands in for somebody: a minted token for a caller, a mock for a service. Each is seen in what the gateway answers,
 * in the clipboard, and in the policy's text. The gateway of the shop serves, with a route that wants tokens.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";
import { eventually } from "../e2e/window/expect.ts";
import type { Shop } from "../e2e/window/shop.ts";
import { person } from "./person.ts";
import { openShop, replace } from "./window.ts";

const run = (command: string, ...rest: unknown[]): Thenable<unknown> =>
  vscode.commands.executeCommand(`switchyard.${command}`, ...rest);

const RULE = "allow: \"'reports:read' in jwt.scope\"";

export function describeStandingIn(): void {
  let shop: Shop;
  const at = (name: string): string => join(shop.folder, name);

  const policy = (keys: string): string =>
    shop.policy.concat(`  - name: reports
    matches:
      - path: { prefix: /reports }
    policies:
      - jwt: { issuer: "https://dev.test/", audiences: [shop], ${keys} }
      - authorization: { rules: [{ name: can-read, ${RULE} }] }
    backendRefs:
      - { service: cart }
`);

  before(async () => {
    shop = await openShop();
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    mkdirSync(at("keys"));
    writeFileSync(at("keys/dev-key.json"), JSON.stringify({ ...privateKey.export({ format: "jwk" }), kid: "k" }));
    writeFileSync(
      at("keys/jwks.json"),
      JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k" }] }),
    );
    shop.write(policy("jwks: ./keys/jwks.json"));
    await run("start");
  });

  after(async () => {
    await run("stop");
    for (const name of ["keys", "mocks", "dev-key.json", "dev-jwks.json", ".gitignore"])
      rmSync(at(name), { recursive: true, force: true });
    shop.write(shop.policy);
    await vscode.commands.executeCommand("workbench.action.files.revert");
  });

  const document = async (): Promise<vscode.TextDocument> => {
    const opened = await vscode.workspace.openTextDocument(shop.file);
    await vscode.window.showTextDocument(opened);
    return opened;
  };

  it("Mint Passing Token…: what was refused passes with what is on the clipboard, and is sent again with it", async () => {
    assert.equal((await shop.send("/reports/1", {})).status, 401);
    person.picks("401 GET /reports/1").types("ann").picks("Replay with This Token");
    await run("mintToken");
    const token = await vscode.env.clipboard.readText();
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<
      string,
      unknown
    >;
    assert.deepEqual(
      [claims["iss"], claims["aud"], claims["scope"], claims["sub"]],
      ["https://dev.test/", "shop", "reports:read", "ann"],
    );
    assert.equal(Number(claims["exp"]) - Number(claims["iat"]), 600);
    assert.match(person.heard("GET /reports/1 answered") ?? person.said.join("\n"), /answered 200/);
    assert.equal((await shop.send("/reports/2", { authorization: `Bearer ${token}` })).status, 200);
    assert.equal((await shop.send("/reports/2", { authorization: `Bearer ${token}x` })).status, 401);
    assert.ok(!person.said.some((line) => line.includes(token)), "the token is said nowhere");
  });

  it("Mint Passing Token…: a request in words does as well", async () => {
    person.picks("Another request…").types("GET /reports/9").types("bob").picks("Show Its Claims");
    await run("mintToken");
    const editor = await eventually("the claims", () => {
      const active = vscode.window.activeTextEditor;
      return active?.document.getText().includes('"sub": "bob"') && active;
    });
    assert.match(editor.document.getText(), /"scope": "reports:read"/);
    assert.equal(
      (await shop.send("/reports/9", { authorization: `Bearer ${await vscode.env.clipboard.readText()}` })).status,
      200,
    );
  });

  it("offers a token at the rule that refused", async () => {
    const opened = await document();
    const refused = await shop.send("/reports/3", {});
    const { line } = JSON.parse(refused.text) as { line: number };
    const actions = await eventually("the quick fix", async () => {
      const found = await vscode.commands.executeCommand<vscode.CodeAction[]>(
        "vscode.executeCodeActionProvider",
        opened.uri,
        opened.lineAt(line - 1).range,
      );
      return found.some(({ title }) => title.startsWith("Mint a token")) && found;
    });
    const mint = actions.find(({ title }) => title.startsWith("Mint a token"));
    assert.match(mint?.title ?? "", /with which GET \/reports\/3 passes/);
    person.types("ann").picks("Show Its Claims");
    await run("mintToken", ...(mint?.command?.arguments ?? []));
    assert.equal(
      (await shop.send("/reports/3", { authorization: `Bearer ${await vscode.env.clipboard.readText()}` })).status,
      200,
    );
  });

  it("makes a development key only when it is told to, for this user alone", async () => {
    const key = at("keys/dev-key.json");
    rmSync(key);
    const before = readFileSync(at("keys/jwks.json"), "utf8");
    person.picks("GET /reports");
    await run("mintToken");
    assert.match(person.heard("There is no development key") ?? "", /keys\/dev-key\.json does not exist/);
    assert.equal(readFileSync(at("keys/jwks.json"), "utf8"), before);
    await vscode.env.clipboard.writeText("nothing yet");
    person
      .picks("GET /reports")
      .presses("Create Development Key…")
      .presses("Create")
      .types("ann")
      .picks("Show Its Claims");
    await run("mintToken");
    assert.equal(statSync(key).mode & 0o077, 0);
    assert.equal(readFileSync(at("keys/.gitignore"), "utf8"), "dev-key.json\n");
    const token = await vscode.env.clipboard.readText();
    await eventually(
      "the new key is believed",
      async () => (await shop.send("/reports/4", { authorization: `Bearer ${token}` })).status === 200,
    );
  });

  it("says that another server's keys sign nothing here, and adds an issuer for development beside it", async () => {
    const opened = await document();
    await replace(opened, "jwks: ./keys/jwks.json", 'jwks: "https://id.example.test/keys"');
    await opened.save();
    await eventually("the gateway serves it", () => person.heard("Policy applied"));
    assert.equal((await shop.send("/reports/6", {})).status, 401);
    person.picks("GET /reports/6").presses("Add Development Issuer…").presses("Add");
    await run("mintToken");
    assert.match(person.heard("come from https://id.example.test/keys") ?? "", /no token can be signed here/);
    assert.match(
      opened.getText(),
      /anyOf:\n\s+- jwt: \{ issuer: "https:\/\/dev\.test\/"[^\n]+\n\s+- jwt: \{ issuer: "urn:switchyard:development"/,
    );
    assert.equal(opened.isDirty, true);
    await opened.save();
    await eventually("the gateway serves it", async () => {
      const { text } = await shop.send("/reports/7", {});
      return text.includes("anyOf");
    });
    person.picks("GET /reports/7").types("ann").picks("Replay with This Token");
    await run("mintToken");
    assert.match(person.heard("GET /reports/7 answered") ?? person.said.join("\n"), /answered 200/);
  });

  it("Create Mock, Remove Mock…: the policy answers in the service's place, marked as a mock, until it is taken out", async () => {
    const opened = await document();
    const served = opened.getText();
    const real = await shop.send("/cart/7?page=2");
    person.picks("/cart/7?page=2");
    await run("createMock");
    assert.match(opened.getText(), /routes:\n\s+- name: mock-get-cart-7 # a mock, from the answer of/);
    assert.equal(opened.isDirty, true);
    await vscode.commands.executeCommand("undo");
    assert.equal(opened.getText(), served);
    person.picks("/cart/7?page=2");
    await run("createMock");
    await replace(opened, "directResponse: { status: 200", "directResponse: { status: 203");
    await opened.save();
    const mocked = await eventually("the mock answers", async () => {
      const answer = await shop.send("/cart/7?page=2");
      return answer.status === 203 && answer;
    });
    assert.equal(mocked.text, real.text);
    assert.equal((await shop.send("/cart/7?page=3")).status, 200);
    person.picks("203 GET /cart/7?page=2");
    await run("createMock");
    assert.ok(person.heard("answered by a mock already"), person.said.join("\n"));
    person.picks("mock-get-cart-7");
    await run("removeMock");
    assert.equal(opened.getText(), served);
    await opened.save();
    await eventually("the service answers again", async () => (await shop.send("/cart/7?page=2")).status === 200);
  });

  it("Create Mock: of what the policy refused there is none", async () => {
    await shop.send("/orders/1", {});
    person.picks("401 GET /orders/1");
    await run("createMock");
    assert.match(person.heard("a mock stands in for services") ?? "", /was refused before any service was asked/);
  });

  it("Copy as cURL for PowerShell: the clipboard holds a line for that shell, without the secret", async () => {
    await shop.send("/cart/for-powershell", { authorization: "Bearer never-to-be-copied" });
    person.picks("/cart/for-powershell");
    await run("copyAsPowerShell");
    const copied = await vscode.env.clipboard.readText();
    assert.match(copied, /curl\.exe[^]*\/cart\/for-powershell/);
    assert.ok(!copied.includes("never-to-be-copied"), copied);
  });

  it("Replay Request: under the unsaved policy it is decided, and nothing is sent", async () => {
    const opened = await document();
    await shop.send("/cart/decided");
    await replace(opened, "path: { prefix: /cart }", "path: { prefix: /basket }");
    person.picks("/cart/decided").picks("The unsaved policy");
    await run("replayRequest");
    assert.match(person.heard("GET /cart/decided: 200") ?? person.said.join("\n"), /200 becomes 404/);
    await vscode.window.showTextDocument(opened);
    await vscode.commands.executeCommand("workbench.action.files.revert");
  });
}
