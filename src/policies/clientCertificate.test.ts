import assert from "node:assert/strict";
import type { CertificateFact } from "../model/arrival.ts";
import { clientCertificate } from "./clientCertificate.ts";
import { configOf, contextOf, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const context = contextOf({ file: () => "-----BEGIN CERTIFICATE-----" });

function judged(
  fact: CertificateFact | undefined,
  yaml = "{ allow: ['CN=alice, O=Shop', O=Partner, 'DNS:bob.test'] }",
) {
  const name = clientCertificate.needs?.(configOf(clientCertificate, yaml) as never, context)[0].name ?? "";
  const x = passageOf({ facts: fact === undefined ? {} : { [name]: fact } });
  return { x, verdict: new Trial(clientCertificate, yaml, context).peek(x) };
}

const escaped = (text: string) => text.replaceAll(",", "\\,");

/** As the edge makes it: commas within a value are escaped in `subject`. */
const of = (attributes: readonly string[], names: readonly string[] = []): CertificateFact => ({
  state: "verified",
  subject: attributes.map(escaped).join(", "),
  attributes: attributes.map(escaped),
  names,
});

describe("clientCertificate", () => {
  it("admits by whole subject, by one part of it, and by an alternative name", () => {
    const { x, verdict } = judged(of(["CN=alice", "O=Shop"]));
    assert.equal(verdict.sentence, "the certificate is that of CN=alice, O=Shop, and the listener's CA vouches for it");
    assert.deepEqual([x.caller.consumer, x.caller.label], ["alice", "alice"]);
    assert.equal(judged(of(["CN=carol", "O=Partner"])).verdict.reason, "");
    assert.equal(judged(of(["CN=bob"], ["DNS:www.bob.test", "DNS:bob.test"])).verdict.reason, "");
    assert.equal(judged(of([], ["URI:spiffe://shop/x"]), "{}").x.caller.consumer, "URI:spiffe://shop/x");
  });

  it("refuses everybody else by name, with a fix, and knows whom it refused", () => {
    const { x, verdict } = judged(of(["CN=mallory", "O=Shop"], ["DNS:evil.test"]));
    assert.deepEqual([verdict.reason, verdict.status], ["notAllowed", 403]);
    assert.match(verdict.sentence, /that of CN=mallory, O=Shop \(DNS:evil\.test\); allowed: CN=alice, O=Shop;/);
    assert.equal(verdict.fixes[0].title, "Allow CN=mallory, O=Shop");
    assert.deepEqual([x.caller.consumer, x.caller.label], [undefined, "mallory"]);
  });

  it("never takes a value with a comma for two parts, nor one kind of name for another", () => {
    assert.equal(judged(of(["CN=x, O=Partner"])).verdict.reason, "notAllowed");
    assert.equal(judged(of(["CN=alice, O=Shop"])).verdict.reason, "notAllowed");
    assert.equal(judged(of(["CN=DNS:bob.test"])).verdict.reason, "notAllowed");
    assert.equal(judged(of(["CN=x"], ["URI:bob.test", "email:DNS:bob.test"])).verdict.reason, "notAllowed");
  });

  it("refuses one that is missing, not believed, of another CA, or that could not be checked", () => {
    for (const [fact, reason, status] of [
      [undefined, "missing", 401],
      [{ state: "absent" }, "missing", 401],
      [{ state: "unverified", subject: "CN=x", problem: "CERT_HAS_EXPIRED" }, "unverified", 401],
      [{ state: "foreign", subject: "CN=x", problem: "no CA of ./ca.pem stands above it" }, "unverified", 401],
      [{ state: "unavailable", problem: "the CA file ./ca.pem cannot be used (ENOENT)" }, "unavailable", 503],
    ] as const) {
      const { x, verdict } = judged(fact);
      assert.deepEqual([verdict.reason, verdict.status], [reason, status]);
      assert.equal(x.caller.consumer, undefined);
    }
    assert.match(
      judged({ state: "unverified", subject: "CN=x", problem: "CERT_HAS_EXPIRED" }).verdict.sentence,
      /of CN=x is not believed: CERT_HAS_EXPIRED/,
    );
  });

  it("reports what names no part of a certificate, and a file that is none", () => {
    const [problem] = problemsOf(clientCertificate, "{ allow: [alice] }");
    assert.equal(problem.fix?.value, "CN=alice");
    assert.match(problemsOf(clientCertificate, "{ ca: ./gone.pem }")[0].message, /cannot be read/);
    assert.match(
      problemsOf(clientCertificate, "{ ca: ./x.pem }", contextOf({ file: () => "x" }))[0].message,
      /holds no certificate/,
    );
  });
});
