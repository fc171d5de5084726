import assert from "node:assert/strict";
import { request } from "node:http";
import * as fc from "fast-check";
import { WebSocket } from "ws";
import { PageServer } from "../../../src/gateway/control/page-server.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import { freePort } from "../../free-port.ts";
import { backend, policy, policyFile, stopAll } from "./helpers.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** "open", or the status that the upgrade was refused with. */
function connect(url: string, headers: Record<string, string> = {}): Promise<WebSocket | number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { headers });
    socket.on("open", () => resolve(socket));
    socket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
    socket.on("error", () => resolve(-1));
  });
}

async function openChannel(page: PageServer): Promise<WebSocket> {
  const socket = await connect(page.address().replace("http:", "ws:").replace("/?", "/channel?"));
  assert.ok(socket instanceof WebSocket);
  socket.on("error", () => {});
  return socket;
}

/** The result of a call, as JSON. */
function answerTo(socket: WebSocket, call: string, ...parameters: readonly unknown[]): Promise<string> {
  const id = `${call}-${Math.random()}`;
  return new Promise((done) => {
    const listen = (data: unknown): void => {
      const { i, r } = JSON.parse(String(data)) as { i?: string; r?: unknown };
      if (i !== id) return;
      socket.off("message", listen);
      done(JSON.stringify(r));
    };
    socket.on("message", listen);
    socket.send(JSON.stringify({ t: "q", i: id, m: call, a: parameters }));
  });
}

describe("the page's server", function () {
  this.timeout(300_000);
  let gateway: Gateway;
  let page: PageServer;

  beforeEach(async () => {
    const file = policyFile(policy(await freePort(), await backend()));
    gateway = new Gateway({ file });
    await gateway.start(policy(await freePort(), await backend()));
    page = new PageServer({ gateway, assets: file, port: 0 });
    await page.open();
  });

  afterEach(async () => {
    await page.close();
    await gateway.stop(0);
    await stopAll();
  });

  it("opens for a token once, and for the browser that used it again by its cookie", async () => {
    const address = page.address();
    const first = await get(address);
    assert.equal(first.status, 200);
    assert.match(String(first.headers["content-security-policy"]), /default-src 'none'; script-src 'self'/);
    const cookie = String(first.headers["set-cookie"]);
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    assert.equal((await get(address)).status, 403);
    assert.equal((await get(new URL("/", address).href, { cookie: cookie.split(";")[0] })).status, 200);
    assert.equal((await get(new URL("/", address).href)).status, 403);
  });

  it("refuses another Host (DNS rebinding), another Origin, and a channel without token or cookie", async () => {
    const address = new URL(page.address());
    assert.equal((await get(page.address(), { host: `evil.example:${address.port}` })).status, 403);
    assert.equal((await get(page.address(), { host: "127.0.0.1:1" })).status, 403);
    const channel = `ws://127.0.0.1:${address.port}/channel`;
    assert.equal(await connect(channel), 401);
    assert.equal(await connect(`${channel}?token=guess`), 401);
    const token = address.search;
    assert.equal(await connect(channel + token, { origin: "http://evil.example" }), 403);
    assert.equal(await connect(channel + token, { host: `evil.example:${address.port}` }), 403);
    const socket = await connect(channel + token, { origin: `http://127.0.0.1:${address.port}` });
    assert.ok(socket instanceof WebSocket);
    assert.equal(await connect(channel + token), 401);
    socket.terminate();
  });

  it("survives whatever a socket sends, and still answers", async () => {
    const send = async (data: string | Buffer) => {
      const socket = await openChannel(page);
      await new Promise<void>((done) => socket.send(data, () => done()));
      socket.terminate();
    };
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.uint8Array().map((b) => Buffer.from(b)),
        ),
        send,
      ),
      { numRuns: 40 },
    );
    const socket = await openChannel(page);
    const answer = new Promise<string>((done) => socket.once("message", (data) => done(String(data as Buffer))));
    socket.send(JSON.stringify({ t: "q", i: "1", m: "status", a: [] }));
    assert.equal(JSON.parse(await answer).r.state, "running");
    const policyAnswer = new Promise<string>((done) => socket.once("message", (data) => done(String(data as Buffer))));
    socket.send(JSON.stringify({ t: "q", i: "2", m: "policyText", a: [] }));
    assert.ok(!(await policyAnswer).includes("alices-own-key-4711"));
    socket.terminate();
  });

  it("lets go of a browser that asks on and on and reads nothing", async () => {
    const socket = await openChannel(page);
    const { text } = JSON.parse(await answerTo(socket, "policyText")) as { text: string };
    const long = `${text}${`# ${"x".repeat(98)}\n`.repeat(4000)}`;
    assert.match(await answerTo(socket, "propose", long, -1), /"accepted"/);
    let answers = 0;
    socket.on("message", () => answers++);
    const closed = new Promise((done) => socket.once("close", done));
    socket.pause();
    const asks = 400;
    for (let i = 0; i < asks; i++) socket.send(JSON.stringify({ t: "q", i: `m${i}`, m: "policyText", a: [] }));
    // Whoever is slow, but reads, is served: 400 KB an answer are more than the kernel keeps for this one.
    assert.equal(JSON.parse(await answerTo(await openChannel(page), "status")).state, "running");
    socket.resume();
    await closed;
    assert.ok(answers < asks, `${answers} answers of 400 KB were kept`);
  });
});
