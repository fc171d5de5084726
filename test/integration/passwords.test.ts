/** Names and passwords verified at the edge, by the gatherer that the engine uses. */
import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { FactGatherer } from "../../src/gateway/facts/gatherer.ts";
import type { PasswordFact } from "../../src/model/arrival.ts";
import { passageOf } from "../../src/policies/trial.fixture.ts";

function hashOf(password: string): string {
  const salt = Buffer.from("salt-of-a-test");
  const digest = scryptSync(password, salt, 32, { N: 2 ** 12, r: 8, p: 1 });
  const text = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
  return `$scrypt$ln=12,r=8,p=1$${text(salt)}$${text(digest)}`;
}

describe("passwords at the edge", () => {
  const gatherer = new FactGatherer({ baseDirectory: "." });
  after(() => gatherer.close());
  const source = {
    header: "authorization",
    users: [
      { name: "ada", password: "größe:7" },
      { name: "bob", hash: hashOf("correct horse") },
      { name: "eve", password: "" },
    ],
  };
  const needs = [{ name: "p", kind: "password", source }] as const;
  const ask = (authorization?: string) =>
    gatherer.gather(needs, passageOf({ headers: authorization === undefined ? {} : { authorization } }));
  const verdict = async (authorization?: string) => (await ask(authorization)).p as PasswordFact;
  const basic = (pair: string) => `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;

  it("knows a password and a hash, in UTF-8 and with colons", async () => {
    assert.deepEqual(await verdict(basic("ada:größe:7")), { state: "verified", user: "ada" });
    assert.deepEqual(await verdict(basic("bob:correct horse")), { state: "verified", user: "bob" });
    assert.deepEqual(await verdict(basic("bob:correct horsf")), { state: "wrong", user: "bob" });
    assert.equal((await verdict(basic("mallory:correct horse"))).state, "unknown");
  });

  it("never takes an empty password for right", async () => {
    assert.deepEqual(await verdict(basic("eve:")), { state: "wrong", user: "eve" });
  });

  it("hashes a pair once, and answers at once from then on", async () => {
    await verdict(basic("bob:correct horse"));
    assert.ok(!(ask(basic("bob:correct horse")) instanceof Promise));
  });

  it("hashes for a name that nobody has as well, so that time tells nothing", () => {
    assert.ok(ask(basic("nobody:guess")) instanceof Promise);
    assert.ok(ask(basic("bob:guess")) instanceof Promise);
  });

  it("turns a flood of guesses away instead of queueing it", async () => {
    const facts = await Promise.all(Array.from({ length: 80 }, (_, i) => verdict(basic(`bob:guess-${i}`))));
    const states = facts.map(({ state }) => state);
    assert.ok(states.includes("busy"));
    assert.ok(states.includes("wrong"));
    assert.deepEqual(await verdict(basic("bob:correct horse")), { state: "verified", user: "bob" });
  });

  it("says what cannot be read, and leaves other schemes alone", async () => {
    assert.equal((await verdict()).state, "absent");
    assert.equal((await verdict("Bearer abc")).state, "absent");
    for (const odd of ["Basic", "Basic ***", basic("no colon"), "Basic YTpi, Basic YTpi", basic("a:b\r\nc")])
      assert.equal((await verdict(odd)).state, "malformed", odd);
  });
});
