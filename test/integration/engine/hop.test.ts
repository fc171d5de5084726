/**
 * What a request carries on from here: Via, Forwarded, X-Forwarded-*, traceparent, no hop-by-hop fields; and loops.
 */
import assert from "node:assert/strict";
import { freePort } from "../../free-port.ts";
import { ask, get, hello, planOf, simpleBackend, startEngine, stopEverything } from "./harness.ts";

/** @returns the head that the backend got. */
async function through(request: string): Promise<string> {
  let seen = "";
  const backend = await simpleBackend((head) => ((seen = head), hello));
  const { port } = await startEngine(planOf({ endpoints: [backend.port] }));
  assert.equal((await ask(port, request)).status, 200);
  return seen;
}

describe("engine: what a hop adds and removes", () => {
  afterEach(stopEverything);

  it("adds Via, Forwarded, X-Forwarded-* and starts a trace", async () => {
    const seen = await through(get());
    assert.match(seen, /\r\nVia: 1\.1 switchyard-[0-9a-f]{8}-\w+\r\n/);
    assert.match(seen, /\r\nForwarded: for=127\.0\.0\.1;host="a\.test";proto=http\r\n/);
    assert.match(seen, /\r\nX-Forwarded-For: 127\.0\.0\.1\r\n/);
    assert.match(seen, /\r\nX-Forwarded-Proto: http\r\n/);
    assert.match(seen, /\r\nX-Forwarded-Host: a\.test\r\n/);
    assert.match(seen, /\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\n/);
  });

  it("appends to lists that came along and states for itself what it saw", async () => {
    const seen = await through(
      get(
        "/",
        "Via: 1.0 fred\r\nForwarded: for=10.0.0.9\r\nX-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\n",
      ),
    );
    assert.match(seen, /\r\nVia: 1\.0 fred, 1\.1 switchyard-/);
    assert.match(seen, /\r\nForwarded: for=10\.0\.0\.9, for=127\.0\.0\.1;/);
    assert.match(seen, /\r\nX-Forwarded-For: 10\.0\.0\.9, 127\.0\.0\.1\r\n/);
    assert.match(seen, /\r\nX-Forwarded-Proto: http\r\n/);
    assert.match(seen, /\r\nX-Forwarded-Host: a\.test\r\n/);
    assert.doesNotMatch(seen, /evil|https/);
    assert.equal(seen.match(/^x-forwarded-for/gim)?.length, 1);
  });

  it("passes a valid traceparent on and replaces an invalid one", async () => {
    const valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert.ok((await through(get("/", `traceparent: ${valid}\r\n`))).includes(`traceparent: ${valid}\r\n`));
    const seen = await through(get("/", "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n"));
    assert.match(seen, /\r\ntraceparent: 00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01\r\n/);
    assert.equal(seen.match(/traceparent/g)?.length, 1);
  });

  it("drops hop-by-hop fields and those that Connection names, but never Host or framing", async () => {
    const seen = await through(
      get(
        "/",
        "Connection: close, X-Mine, Host, Content-Length\r\nX-Mine: 1\r\nX-Other: 2\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\nContent-Length: 0\r\n",
      ),
    );
    assert.doesNotMatch(seen, /x-mine|keep-alive|proxy-connection|proxy-authorization/i);
    assert.match(seen, /\r\nHost: a\.test\r\n/);
    assert.match(seen, /\r\nX-Other: 2\r\n/);
    assert.match(seen, /\r\nContent-Length: 0\r\n/i);
  });

  it("sends the backend the path in the form in which it was judged", async () => {
    assert.match(await through(get("/a/../b/%7euser?x=%2e%2e")), /^GET \/b\/~user\?x=%2e%2e HTTP\/1\.1\r\n/);
  });

  it("refuses a path that has several readings", async () => {
    const { port, keeper } = await startEngine(planOf({ endpoints: [1] }));
    const reply = await ask(port, get("/a%2f..%2fadmin"));
    assert.equal(reply.status, 400);
    assert.equal(JSON.parse(reply.body).type, "urn:switchyard:http:path");
    assert.equal((await keeper.has(1))[0].refusal, "urn:switchyard:http:path");
  });

  it("gives an HTTP/1.0 request without Host the endpoint's authority", async () => {
    const seen = await through("GET / HTTP/1.0\r\n\r\n");
    assert.match(seen, /^GET \/ HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n/);
  });

  it("notices its own loop and says which file to look at", async () => {
    const own = await freePort();
    await startEngine(planOf({ endpoints: [own], listenPort: own }));
    const reply = await ask(own, get());
    assert.equal(reply.status, 508);
    const { type, detail } = JSON.parse(reply.body);
    assert.equal(type, "urn:switchyard:http:loop");
    assert.match(detail, /an endpoint of the policy file points back at it/);
    assert.match(reply.field("proxy-status") ?? "", /error=proxy_loop_detected/);
  });
});
