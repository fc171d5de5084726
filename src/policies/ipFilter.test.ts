import assert from "node:assert/strict";
import * as fc from "fast-check";
import { ipFilter } from "./ipFilter.ts";
import { anyText, fits, passageOf, problemsOf, Trial } from "./trial.fixture.ts";

const text = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
const from = (clientIp: string) => passageOf({ clientIp });

const messages = (yaml: string) => problemsOf(ipFilter, yaml).map(({ message }) => message);

describe("ipFilter", () => {
  it("admits whom allow names and nobody else", () => {
    const trial = new Trial(ipFilter, "{ allow: [127.0.0.0/8, '::1', 10.1.0.0/16] }");
    for (const ip of ["127.0.0.1", "127.255.255.255", "::1", "10.1.2.3"])
      assert.equal(trial.peek(from(ip)).reason, "", ip);
    for (const ip of ["128.0.0.1", "::2", "10.2.0.0", "126.255.255.255"]) {
      assert.equal(trial.peek(from(ip)).reason, "notAllowed", ip);
    }
  });

  it("lets deny win over allow, and admits everyone else when there is no allow", () => {
    const both = new Trial(ipFilter, "{ allow: [10.0.0.0/8], deny: [10.0.0.0/24] }");
    assert.equal(both.peek(from("10.0.0.9")).reason, "denied");
    assert.equal(both.peek(from("10.0.1.9")).reason, "");
    const only = new Trial(ipFilter, "{ deny: ['2001:db8::/32'] }");
    assert.equal(only.peek(from("2001:db8:1::1")).reason, "denied");
    assert.equal(only.peek(from("203.0.113.7")).reason, "");
  });

  it("takes an IPv4-mapped IPv6 address for the IPv4 address that it is, in the request and in the file", () => {
    const trial = new Trial(ipFilter, "{ deny: [192.0.2.0/24] }");
    assert.equal(trial.peek(from("::ffff:192.0.2.7")).reason, "denied");
    const mapped = new Trial(ipFilter, "{ deny: ['::ffff:192.0.2.0/120'] }");
    assert.equal(mapped.peek(from("192.0.2.7")).reason, "denied");
    assert.equal(mapped.peek(from("192.0.3.7")).reason, "");
  });

  it("refuses what is no address, such as 0x7f.1, however it got there", () => {
    const trial = new Trial(ipFilter, "{ allow: [0.0.0.0/0, '::/0'] }");
    for (const ip of ["0x7f.1", "127.1", "2130706433", "0177.0.0.1", "127.0.0.1.1", "127.0.0.256", "", "localhost"]) {
      assert.equal(trial.peek(from(ip)).reason, "noAddress", ip);
    }
  });

  it("names the block, and offers to allow the address", () => {
    const trial = new Trial(ipFilter, "{ allow: [10.0.0.0/8], deny: [10.9.0.0/16] }");
    assert.equal(trial.peek(from("10.9.1.1")).sentence, "10.9.1.1 is in 10.9.0.0/16, which `deny` names");
    const verdict = trial.peek(from("203.0.113.9"));
    assert.equal(verdict.sentence, "203.0.113.9 is in none of the 1 blocks of `allow`");
    assert.equal(verdict.status, 403);
    assert.deepEqual(verdict.fixes, [
      { title: "Allow 203.0.113.9", path: ["allow"], value: ["10.0.0.0/8", "203.0.113.9"] },
    ]);
    assert.equal(trial.peek(from("10.1.1.1")).sentence, "10.1.1.1 is in 10.0.0.0/8");
  });

  it("says where a block is wrong, and what it should be", () => {
    assert.match(messages("{ allow: [0x7f.1] }")[0], /no address and no CIDR/);
    assert.match(messages("{ allow: [10.0.0.0/33] }")[0], /no address and no CIDR/);
    assert.match(messages("{ allow: [10.0.0.0/08] }")[0], /no address and no CIDR/);
    assert.match(messages("{ deny: [localhost] }")[0], /no address and no CIDR/);
    assert.match(messages("{}")[0], /allow/);
    const [host] = problemsOf(ipFilter, "{ allow: [10.1.2.3/8] }");
    assert.match(host.message, /the block is 10\.0\.0\.0\/8/);
    assert.deepEqual(host.fix, { title: "Write 10.0.0.0/8", path: ["allow", 0], value: "10.0.0.0/8" });
    assert.ok(!fits(ipFilter, "{ allow: 10.0.0.0/8 }"));
    assert.ok(!fits(ipFilter, "{ allows: [] }"));
  });

  it("agrees with arithmetic on whole numbers for every IPv4 block", () => {
    const word = fc.nat(0xffffffff);
    fc.assert(
      fc.property(word, fc.nat(32), word, fc.boolean(), (base, bits, other, near) => {
        const size = 2 ** (32 - bits);
        const start = Math.floor(base / size) * size;
        const address = near ? Math.min(0xffffffff, start + (other % (2 * size))) : other;
        const trial = new Trial(ipFilter, `{ allow: ["${text(start)}/${bits}"] }`);
        const inside = address >= start && address < start + size;
        assert.equal(trial.peek(from(text(address))).reason === "", inside);
      }),
      { numRuns: 300 },
    );
  });

  it("judges any text without throwing", () => {
    const trial = new Trial(ipFilter, "{ allow: [127.0.0.1, '::1'], deny: [10.0.0.0/8] }");
    fc.assert(
      fc.property(fc.oneof(anyText(), fc.ipV4(), fc.ipV6()), (ip) => void trial.peek(from(ip))),
      { numRuns: 300 },
    );
  });
});
