/**
 * `switchyard mcp` as a process of its own, spoken to by the official client of either age of the protocol and by hand,
 * beside a real gateway with real traffic: what agents are told is what happened, nobody else gets in, nothing is
 * written unasked, and nothing is left behind.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { findRecords, recordKey } from "../../../src/gateway/control/agent-record.ts";
import { freePort } from "../../free-port.ts";
import { COMMAND_LINE } from "../../processes.ts";
import { until } from "../../until.ts";
import { backend, policy, policyFile, stopAll } from "../control/helpers.ts";
import { switchyard } from "../control/processes.ts";

const root = resolve(import.meta.dirname, "../../..");
const KEY = "alices-own-key-4711";
const data = mkdtempSync(join(tmpdir(), "switchyard-agents-"));
const runs = join(data, "run");

type Value = Record<string, unknown>;
interface Result {
  readonly isError?: boolean;
  readonly structuredContent?: unknown;
  readonly content: { readonly type: string; readonly text?: string }[];
}

describe("switchyard mcp", function () {
  this.timeout(240_000);
  const clients: Client[] = [];
  const children: ChildProcess[] = [];
  const environment = process.env["SWITCHYARD_DATA"];

  before(() => {
    process.env["SWITCHYARD_DATA"] = data;
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await stopAll();
  });
  after(() => {
    if (environment === undefined) delete process.env["SWITCHYARD_DATA"];
    else process.env["SWITCHYARD_DATA"] = environment;
    rmSync(data, { recursive: true, force: true });
  });

  const words = (more: readonly string[]) => [COMMAND_LINE, "mcp", ...more];

  async function agent(more: readonly string[], mode: "legacy" | "auto" = "auto"): Promise<Client> {
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
    const env = { ...process.env, SWITCHYARD_DATA: data } as Record<string, string>;
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: words(more),
      env,
      cwd: root,
      stderr: "inherit",
    });
    await client.connect(transport);
    clients.push(client);
    return client;
  }

  async function call(client: Client, name: string, input: Value = {}): Promise<Value> {
    const found = (await client.callTool({ name, arguments: input })) as Result;
    assert.notEqual(found.isError, true, found.content[0].text);
    assert.deepEqual(JSON.parse(found.content[0].text ?? ""), found.structuredContent);
    return found.structuredContent as Value;
  }

  async function refusal(client: Client, name: string, input: Value = {}): Promise<string> {
    const found = (await client.callTool({ name, arguments: input })) as Result;
    assert.equal(found.isError, true, JSON.stringify(found.structuredContent));
    return found.content[0].text ?? "";
  }

  /** A gateway with three requests of alice, of whom the third is refused, and one of nobody. */
  async function gateway() {
    const port = await freePort();
    const file = policyFile(policy(port, await backend(), 2));
    const line = switchyard(["run", file, "--quiet"]);
    await until(() => findRecords(runs, recordKey(file)).length === 1, "the gateway tells agents of itself");
    const send = async (path: string, key?: string) =>
      (await fetch(`http://127.0.0.1:${port}${path}`, { headers: key === undefined ? {} : { "x-api-key": key } }))
        .status;
    const statuses = [];
    for (const key of [KEY, KEY, undefined, KEY]) statuses.push(await send("/keyed/1", key));
    assert.deepEqual(statuses, [200, 200, 401, 429]);
    return { file, line, send };
  }

  it("tells agents of either age of the protocol what the gateway did, and why", async () => {
    const { file } = await gateway();
    for (const [mode, version] of [
      ["legacy", "2025-11-25"],
      ["auto", "2026-07-28"],
    ] as const) {
      const client = await agent([file], mode);
      assert.equal(client.getNegotiatedProtocolVersion(), version);
      assert.equal(client.getServerVersion()?.name, "switchyard");
      const { tools } = await client.listTools();
      assert.deepEqual(
        tools.map(({ name }) => name),
        ["explain_request", "list_rejections", "simulate_edit", "propose_fix"],
      );
      for (const { annotations, inputSchema, outputSchema } of tools) {
        assert.deepEqual([annotations?.readOnlyHint, annotations?.destructiveHint], [true, false]);
        assert.deepEqual([inputSchema.type, outputSchema?.["type"]], ["object", "object"]);
      }
      const list = await call(client, "list_rejections");
      assert.deepEqual(
        (list["rejections"] as Value[]).map(({ status, path, policy: by }) => [status, path, by]),
        [
          [429, "/keyed/1", "rateLimit"],
          [401, "/keyed/1", "apiKey"],
        ],
      );
      const newest = await call(client, "explain_request");
      assert.match(JSON.stringify(newest["verdict"]), /"refused":true,"status":429/);
      assert.ok(
        (newest["steps"] as Value[]).some(
          ({ phase, state, line }) => phase === "limit" && state === "stop" && line === 17,
        ),
      );
      assert.ok(!JSON.stringify([list, newest]).includes(KEY));
    }
  });

  it("simulates an edit and proposes the smallest that lets a request pass, and writes nothing", async () => {
    const { file } = await gateway();
    const before = readFileSync(file, "utf8");
    const client = await agent([file]);
    const edits = [{ oldText: "requests: 2,", newText: "requests: 3," }];
    const simulated = await call(client, "simulate_edit", { edits });
    assert.match(JSON.stringify(simulated["outcome"]), /"total":4,"same":3,"admitted":1/);
    assert.match(JSON.stringify(simulated["changes"]), /"request":"GET \/keyed\/1","change":"admitted","before":429/);
    const proposed = await call(client, "propose_fix");
    const [fix] = proposed["fixes"] as Value[];
    assert.deepEqual([fix["newText"], fix["line"]], ["3", 17]);
    const wrong = await call(client, "simulate_edit", {
      edits: [{ oldText: "requests: 2,", newText: "requests: many," }],
    });
    assert.deepEqual([wrong["valid"], (wrong["problem"] as Value)["line"]], [false, 17]);
    assert.match(
      await refusal(client, "propose_fix", { apply: fix["title"], mark: proposed["mark"] }),
      /unknown fields: apply, mark/,
    );
    assert.equal(readFileSync(file, "utf8"), before);
  });

  it("makes an edit where a person allowed it, on the text that it was based on, and the gateway follows", async () => {
    const { file, send } = await gateway();
    chmodSync(file, 0o640);
    const client = await agent([file, "--allow-edits"]);
    const { tools } = await client.listTools();
    assert.deepEqual(
      tools.map(({ annotations }) => annotations?.readOnlyHint),
      [true, true, true, false],
    );
    const proposed = await call(client, "propose_fix");
    const [{ title }] = proposed["fixes"] as Value[];
    writeFileSync(file, `${readFileSync(file, "utf8")}# a person was here\n`);
    assert.match(await refusal(client, "propose_fix", { apply: title, mark: proposed["mark"] }), /has changed/);
    const { mark } = await call(client, "propose_fix");
    await call(client, "propose_fix", { apply: title, mark });
    const text = readFileSync(file, "utf8");
    assert.match(text, /requests: 3, .*\n[^]*# a person was here/);
    assert.equal(statSync(file).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(resolve(file, "..")), ["switchyard.yaml"]);
    await until(async () => (await send("/keyed/2", KEY)) === 200, "the gateway has followed");
  });

  it("explains a described request by the file alone, and says what it lacks for the rest", async () => {
    const file = policyFile(policy(await freePort(), 9));
    const client = await agent([file]);
    const value = await call(client, "explain_request", {
      url: "/keyed/7",
      headers: { "x-api-key": "wrong-key-here" },
    });
    assert.match(JSON.stringify(value["verdict"]), /"status":401/);
    assert.ok(!JSON.stringify(value).includes("wrong-key-here"));
    assert.match(await refusal(client, "list_rejections"), /No gateway that serves .* runs.*switchyard run/);
    assert.match(
      await refusal(client, "simulate_edit", { edits: [{ oldText: "1000", newText: "1" }] }),
      /is valid, but it cannot be tried/,
    );
    const none = await agent([join(data, "none.yaml")]);
    assert.match(await refusal(none, "explain_request", { url: "/" }), /There is no .*none\.yaml/);
  });

  it("decides an archive instead, when no gateway runs", async () => {
    const file = policyFile(policy(await freePort(), 9, 2));
    const entry = (second: number, value: string, status: number) => ({
      startedDateTime: new Date(1_700_000_000_000 + second * 1000).toISOString(),
      time: 5,
      request: { method: "GET", url: "http://localhost/keyed/1", headers: [{ name: "X-Api-Key", value }] },
      response: { status },
    });
    const entries = [
      entry(3, KEY, 200),
      entry(1, KEY, 200),
      entry(2, KEY, 200),
      entry(4, "•••• (masked)", 200),
      { no: "entry" },
    ];
    const archive = join(data, "traffic.har");
    writeFileSync(archive, JSON.stringify({ log: { version: "1.2", entries } }));
    const client = await agent([file, "--har", archive]);
    const list = await call(client, "list_rejections");
    assert.deepEqual(
      (list["rejections"] as Value[]).map(({ id, status }) => [id, status]),
      [[3, 429]],
    );
    const simulated = await call(client, "simulate_edit", {
      edits: [{ oldText: "requests: 2,", newText: "requests: 1," }],
    });
    assert.match(JSON.stringify(simulated["outcome"]), /"total":3,"same":2,"admitted":0,"rejected":1/);
    assert.match(
      JSON.stringify(simulated["assumptions"]),
      /1 requests of the archive were left out, because secrets are masked/,
    );
    const proposed = await call(client, "propose_fix", { id: 3 });
    assert.equal((proposed["fixes"] as Value[])[0]["newText"], "3");
    assert.ok(!JSON.stringify([list, simulated, proposed]).includes(KEY));
  });

  it("ends with its input, answers nonsense with errors, and survives it", async () => {
    const child = spawn(process.execPath, words([policyFile(policy(1024, 9))]), {
      stdio: ["pipe", "pipe", "inherit"],
      cwd: root,
    });
    children.push(child);
    const told: { id?: unknown; result?: Value; error?: { code: number } }[] = [];
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      told.splice(
        0,
        told.length,
        ...text
          .split("\n")
          .slice(0, -1)
          .map((one) => JSON.parse(one) as (typeof told)[number]),
      );
    });
    const say = (...messages: readonly (object | string)[]) =>
      child.stdin.write(
        messages
          .map((one) => (typeof one === "string" ? one : `${JSON.stringify({ jsonrpc: "2.0", ...one })}\n`))
          .join(""),
      );
    const answered = (id: number) => until(() => told.some((one) => one.id === id), `the answer to ${id}`);
    const of = (id: number) => told.find((one) => one.id === id);
    const clientInfo = { name: "by hand", version: "1" };
    say({ id: 1, method: "initialize", params: { protocolVersion: "1999-01-01", capabilities: {}, clientInfo } });
    await answered(1);
    assert.equal(of(1)?.result?.["protocolVersion"], "2025-11-25", "what it knows, instead of what was asked");
    say({ method: "notifications/initialized" });
    say("this is no JSON\n");
    say({ id: 2, method: "no/such/method" });
    say({ id: 3, method: "tools/call", params: { name: "no_such_tool", arguments: {} } });
    say({
      id: 4,
      method: "tools/call",
      params: { name: "simulate_edit", arguments: { policy: "x".repeat(1_000_001) } },
    });
    say({ id: 5, method: "tools/call", params: { name: "list_rejections" } });
    for (const id of [2, 3, 4, 5]) await answered(id);
    assert.equal(of(2)?.error?.code, -32601);
    assert.match(JSON.stringify(of(3)), /There is no tool/);
    assert.match(JSON.stringify(of(4)), /policy is too large: at most 1000000 characters/);
    // Cancelled while it is worked on: never answered. The one behind it is.
    say(
      { id: 6, method: "tools/call", params: { name: "explain_request", arguments: { url: "/open" } } },
      { method: "notifications/cancelled", params: { requestId: 6, reason: "test" } },
    );
    say({ id: 7, method: "tools/call", params: { name: "explain_request", arguments: { url: "/open" } } });
    await answered(7);
    assert.equal(of(6), undefined);
    child.stdin.end();
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, 0);
  });

  it("ends when a message is larger than any that it understands", async () => {
    const child = spawn(process.execPath, words([policyFile(policy(1024, 9))]), {
      stdio: ["pipe", "pipe", "pipe"],
      cwd: root,
    });
    children.push(child);
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (part: string) => (said += part));
    child.stdout.resume();
    child.stdin.on("error", () => {});
    const block = "x".repeat(1_048_576);
    for (let sent = 0; sent < 10; sent++) child.stdin.write(block);
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, 1);
    assert.match(said, /switchyard mcp: .*(buffer|size|exceed)/i);
  });

  it("opens no port, lets nobody in without the token, and answers nothing that does more than read", async () => {
    const { file, line } = await gateway();
    const [record] = findRecords(runs, recordKey(file));
    assert.equal(statSync(runs).mode & 0o777, 0o700);
    for (const name of readdirSync(runs)) assert.equal(statSync(join(runs, name)).mode & 0o777, 0o600, name);
    const talk = async (...lines: readonly unknown[]): Promise<string> => {
      const socket = connect(record.address);
      let told = "";
      socket.setEncoding("utf8").on("data", (part: string) => {
        told += part;
        if (told.split("\n").length >= lines.length) socket.end();
      });
      // Whoever is shown the door may meet it closed while it still talks: `once` would take that for a failure of the test.
      socket.on("error", () => {});
      const closed = new Promise((resolve) => socket.once("close", resolve));
      for (const one of lines) socket.write(typeof one === "string" ? one : `${JSON.stringify(one)}\n`);
      await closed;
      return told;
    };
    const ask = (m: string, ...a: unknown[]) => ({ t: "q", i: "1", m, a });
    assert.equal(await talk({ token: "guess" }, ask("status")), "");
    assert.equal(await talk(ask("status"), ask("status")), "");
    assert.equal(await talk("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "x"), "");
    const { token } = record;
    assert.match(await talk({ token }, ask("status")), /"state":"running"/);
    for (const frame of [
      ask("stop"),
      ask("propose", "version: 1\n", -1),
      ask("clearTraffic"),
      ask("setRecording", false),
      ask("replayRequest", 1),
      ask("policyText"),
      ask("detail", 1, true),
      ask("whatIf", "version: 1\n", true),
      ask("__proto__"),
    ])
      assert.match(await talk({ token }, frame), /Agents may read/, JSON.stringify(frame));
    assert.equal(await talk({ token }, "no frame\n", "x"), "");
    line.child.kill("SIGTERM");
    assert.equal(await line.ended, 0);
    assert.deepEqual(readdirSync(runs), []);
  });

  it("does not look at a record that others could have written, and sweeps what a killed gateway left", async () => {
    const { file, line } = await gateway();
    const key = recordKey(file);
    const [path] = readdirSync(runs)
      .filter((name) => name.endsWith(".json"))
      .map((name) => join(runs, name));
    chmodSync(path, 0o644);
    assert.deepEqual(findRecords(runs, key), []);
    chmodSync(path, 0o600);
    chmodSync(runs, 0o755);
    assert.deepEqual(findRecords(runs, key), []);
    chmodSync(runs, 0o700);
    line.child.kill("SIGKILL");
    await line.ended;
    assert.ok(existsSync(path));
    assert.deepEqual(findRecords(runs, key), []);
    const client = await agent([file]);
    assert.match(await refusal(client, "list_rejections"), /No gateway that serves/);
    const second = policyFile(policy(await freePort(), 9));
    switchyard(["run", second, "--quiet"]);
    await until(() => findRecords(runs, recordKey(second)).length === 1, "the second has started");
    assert.ok(!existsSync(path));
    assert.ok(!existsSync(path.replace(/json$/, "sock")));
  });

  it("finds no gateway that was started with --no-agents", async () => {
    mkdirSync(runs, { recursive: true, mode: 0o700 });
    const file = policyFile(policy(await freePort(), 9));
    const line = switchyard(["run", file, "--no-agents"]);
    await until(() => line.output().includes("Ctrl-C stops"), "it runs");
    assert.deepEqual(findRecords(runs, recordKey(file)), []);
  });
});
