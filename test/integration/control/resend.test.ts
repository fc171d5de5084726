/**
 * A recorded request really sent again: through the gateway's own listener, with its head, secrets and body, as a row of its
 * own that is marked. What was not kept whole is not sent, and the sentence says why.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as ask, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { SendResult } from "../../../src/contract/sending.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { freePort } from "../../free-port.ts";
import { until } from "../../until.ts";
import { policy, policyFile, rowsEnded, stopAll } from "./helpers.ts";

interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const KEY = "alices-own-key-4711";

describe("a request sent again", () => {
  let gateway: Gateway;
  let server: Server;
  let port: number;
  let heard: Heard[];

  beforeEach(async () => {
    heard = [];
    server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const { method = "", url = "", headers } = request;
        heard.push({ method, url, headers, body: Buffer.concat(parts).toString() });
        response.end("heard");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = await freePort();
    const text = policy(port, (server.address() as AddressInfo).port, 2);
    gateway = new Gateway({ file: policyFile(text), record: { bodyBytes: 100 } });
    await gateway.start(text);
  });
  afterEach(async () => {
    await gateway.stop(100);
    server.closeAllConnections();
    server.close();
    await stopAll();
  });

  async function send(method: string, path: string, body = "", headers: Record<string, string> = {}): Promise<number> {
    const sent = ask({ host: "127.0.0.1", port, method, path, headers, agent: false });
    sent.end(body);
    const [response] = await once(sent, "response");
    response.resume();
    await once(response, "end");
    const id = gateway.recorder.next - 1;
    await until(() => gateway.row(id)?.state !== "pending");
    return id;
  }

  async function sent(sending: Promise<SendResult>): Promise<{ id: number; status: number }> {
    const result = await sending;
    assert.equal(result.kind, "sent", JSON.stringify(result));
    await rowsEnded(gateway, 1);
    return result as { id: number; status: number };
  }

  it("arrives with its method, path, secret and body, as a marked row of its own", async () => {
    const id = await send("POST", "/keyed/orders?x=1", '{"a":1}', {
      "x-api-key": KEY,
      "content-type": "application/json",
    });
    const result = await sent(gateway.resender.replay(id));
    assert.equal(result.status, 200);
    assert.notEqual(result.id, id);
    const [first, second] = heard;
    assert.deepEqual([second?.method, second?.url, second?.body], ["POST", "/keyed/orders?x=1", '{"a":1}']);
    assert.equal(second?.headers["content-type"], first?.headers["content-type"]);
    const row = gateway.row(result.id);
    assert.deepEqual([row?.tags, row?.caller, row?.route], [["replay"], "alice", "keyed"]);
    assert.deepEqual(gateway.row(id)?.tags, []);
    const view = gateway.openView("is:replay");
    view.catchUp();
    assert.deepEqual(view.idsBetween(0, 10), [result.id]);
    view.close();
  });

  it("is judged anew: a limit that is used up refuses it", async () => {
    const headers = { "x-api-key": KEY };
    const id = await send("GET", "/keyed/a", "", headers);
    await send("GET", "/keyed/b", "", headers);
    const result = await sent(gateway.resender.replay(id));
    assert.equal(result.status, 429);
    assert.deepEqual([gateway.row(result.id)?.state, gateway.row(result.id)?.tags], ["rejected", ["replay"]]);
  });

  it("sends a body that came in chunks with its length", async () => {
    const id = await send("PUT", "/open/chunked", "in chunks", { "transfer-encoding": "chunked" });
    await sent(gateway.resender.replay(id));
    assert.deepEqual(
      heard.map(({ body }) => body),
      ["in chunks", "in chunks"],
    );
    assert.equal(heard[1]?.headers["content-length"], "9");
  });

  it("refuses what was not kept whole, and sends nothing", async () => {
    const id = await send("POST", "/open/long", "x".repeat(150));
    const result = await gateway.resender.replay(id);
    assert.deepEqual(result, {
      kind: "refused",
      message: "Only the first 100 of 150 bytes of its body were kept. It was not sent.",
    });
    assert.equal(heard.length, 1);
    assert.deepEqual(await gateway.resender.replay(999), {
      kind: "refused",
      message: "That request is no longer kept.",
    });
  });

  it("sends a refused request again only if its body was seen", async () => {
    const id = await send("POST", "/keyed/stranger", "who?");
    const result = await gateway.resender.replay(id);
    if (result.kind === "refused") assert.match(result.message, /^Its body was not read to the end: \d of 4 bytes/);
    else assert.equal((await sent(Promise.resolve(result))).status, 401);
    const bare = await send("GET", "/keyed/stranger");
    assert.equal((await sent(gateway.resender.replay(bare))).status, 401);
  });

  it("says when no row tells of it, and when the listener is gone", async () => {
    const id = await send("GET", "/open/a");
    gateway.setRecording(false);
    assert.deepEqual(await gateway.resender.replay(id), { kind: "sent", id: 0, status: 200 });
    gateway.setRecording(true);
    const other = gateway.policy.replaceAll("name: edge", "name: border");
    assert.equal((await gateway.propose(other, -1)).kind, "accepted");
    const result = await gateway.resender.replay(id);
    assert.deepEqual(result, { kind: "refused", message: 'The policy has no listener "edge" any more.' });
  });

  it("can be edited before: masks that were left mean the recorded values, what was written is sent", async () => {
    const id = await send("POST", "/keyed/orders", '{"a":1}', { "x-api-key": KEY, "x-trace": "t1" });
    const draft = gateway.resender.draft(id);
    assert.ok(draft.kind === "draft");
    assert.ok(!draft.text.includes(KEY), draft.text);
    assert.match(draft.text, /^# .*\nPOST \/keyed\/orders HTTP\/1\.1\n/);
    const edited = draft.text
      .replace("/keyed/orders", "/keyed/other")
      .replace("x-trace: t1", "x-trace: t\u00e9")
      .replace('{"a":1}', '{"a":22}');
    const result = await sent(gateway.resender.sendDraft(id, edited.replaceAll("\n", "\r\n")));
    assert.deepEqual([result.status, gateway.row(result.id)?.caller], [200, "alice"]);
    const { url, body, headers } = heard[1] as Heard;
    assert.deepEqual([url, body], ["/keyed/other", '{"a":22}']);
    assert.equal(Buffer.from(String(headers["x-trace"]), "latin1").toString("utf8"), "t\u00e9");
  });

  it("says which line of an edited text is no request, and sends nothing", async () => {
    const id = await send("GET", "/keyed/a", "", { "x-api-key": KEY });
    const draft = gateway.resender.draft(id);
    assert.ok(draft.kind === "draft");
    const cases: readonly (readonly [string, string, number, RegExp])[] = [
      ["GET /keyed/a HTTP/1.1", "GET  /keyed/a", 2, /^The request line is method/],
      ["GET /keyed/a HTTP/1.1", "GET /keyed/a HTTP/2", 2, /not by "HTTP\/2"/],
      ["GET /keyed/a HTTP/1.1", "GET /key\u00e9d HTTP/1.1", 2, /percent-encoded/],
      ["x-api-key:", "x api key:", 3, /"x api key" is no name/],
      ["x-api-key: ", "no field", 3, /A field is "Name: value"/],
      ["(masked)", "(masked) and more", 3, /x-api-key is masked and was changed/],
    ];
    for (const [from, to, line, message] of cases) {
      const result = await gateway.resender.sendDraft(id, draft.text.replace(from, to));
      assert.ok(result.kind === "invalid", `${to}: ${JSON.stringify(result)}`);
      assert.equal(result.line, line, to);
      assert.match(result.message, message);
    }
    assert.equal(heard.length, 1);
  });

  it("keeps a body that is no text, and asks for one that was not kept", async () => {
    const bytes = "\u0000\u0001ok";
    const id = await send("POST", "/open/bytes", bytes);
    const draft = gateway.resender.draft(id);
    assert.ok(draft.kind === "draft" && draft.text.endsWith("<the recorded body: 4 bytes that are no text>"));
    await sent(gateway.resender.sendDraft(id, `${draft.text}\n`));
    assert.equal(heard[1]?.body, bytes);
    const long = await send("POST", "/open/long", "x".repeat(150));
    const other = gateway.resender.draft(long);
    assert.ok(other.kind === "draft");
    assert.match(other.text, /\n# Only the first 100 of 150 bytes of its body were kept\. Write the body below\.\n/);
    await sent(gateway.resender.sendDraft(long, `${other.text}short`));
    assert.equal(heard.at(-1)?.body, "short");
  });
});
