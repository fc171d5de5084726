/**
 * What a token costs: one that is known (the edge's cache and the judgement of its claims), and one that is not, against
 * node:crypto's own verification of the same signatures in the same run.
 * Must not open a socket.
 */
import { createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from "node:crypto";
import { median, table, type Bench } from "./bench.ts";
import { TokenVerifier } from "../src/gateway/facts/token-verifier.ts";
import type { TokenSource } from "../src/model/arrival.ts";
import { jwt } from "../src/policies/jwt.ts";
import { contextOf, configOf, passageOf } from "../src/policies/trial.fixture.ts";
import type { Step } from "../src/model/policy.ts";

const EXPIRES = 4_000_000_000;

interface Kind {
  readonly name: string;
  readonly algorithm: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function kinds(): readonly Kind[] {
  return [
    { name: "RS256", algorithm: "RS256", ...generateKeyPairSync("rsa", { modulusLength: 2048 }) },
    { name: "ES256", algorithm: "ES256", ...generateKeyPairSync("ec", { namedCurve: "P-256" }) },
  ];
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const dsaEncoding = "ieee-p1363" as const;

function tokenOf({ algorithm, privateKey }: Kind, n: number): string {
  const claims = { iss: "https://dev.local/", aud: "orders", sub: `user-${n}`, scope: "orders:read", exp: EXPIRES };
  const input = `${encode({ alg: algorithm, typ: "JWT" })}.${encode(claims)}`;
  return `${input}.${sign("sha256", Buffer.from(input), { key: privateKey, dsaEncoding }).toString("base64url")}`;
}

function byCrypto(key: KeyObject, token: string): void {
  const end = token.lastIndexOf(".");
  const signature = Buffer.from(token.slice(end + 1), "base64url");
  if (!verify("sha256", Buffer.from(token.slice(0, end)), { key, dsaEncoding }, signature)) throw new Error("bad");
}

/** Microseconds of processor time, all threads, for each of `count` calls, one after another. */
async function timed(count: number, run: (n: number) => unknown): Promise<number> {
  const start = process.cpuUsage();
  for (let n = 0; n < count; n++) await run(n);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / count;
}

export const tokens: Bench = async (smoke) => {
  const [rounds, count] = smoke ? [1, 20] : [9, 400];
  const rows = [["microseconds for one token", "node:crypto", "unknown token", "ratio", "known token"]];
  for (const kind of kinds()) {
    const pem = kind.publicKey.export({ type: "spki", format: "pem" }).toString();
    const own = createPublicKey(pem);
    const source: TokenSource = { header: "authorization", publicKey: pem, algorithms: [kind.algorithm] };
    const verifier = new TokenVerifier({ baseDirectory: "." });
    const plain: number[] = [];
    const fresh: number[] = [];
    const cached: number[] = [];
    let made = 0;
    for (let round = 0; round <= rounds; round++) {
      const batch = Array.from({ length: count }, () => tokenOf(kind, made++));
      const a = await timed(count, (n) => byCrypto(own, batch[n]));
      const b = await timed(count, (n) => verifier.verdict(source, `Bearer ${batch[n]}`));
      const c = await known(verifier, source, batch[0], smoke ? 100 : 100_000);
      if (round > 0) {
        plain.push(a);
        fresh.push(b);
        cached.push(c);
      }
    }
    verifier.close();
    const [a, b] = [median(plain), median(fresh)];
    rows.push([kind.name, a.toFixed(1), b.toFixed(1), `${(b / a).toFixed(2)}x`, median(cached).toFixed(2)]);
  }
  return table(rows);
};

/** Verdict from the cache and the policy's judgement: all that a request with a known token pays. */
async function known(verifier: TokenVerifier, source: TokenSource, token: string, calls: number): Promise<number> {
  const yaml = '{ issuer: "https://dev.local/", audiences: [orders], jwks: ./x.json }';
  const config = configOf(jwt, yaml) as never;
  const act = jwt.compile(config, contextOf()) as Step<undefined>;
  const name = jwt.needs?.(config, contextOf())[0].name ?? "";
  const fact = await verifier.verdict(source, `Bearer ${token}`);
  const x = passageOf({ facts: { [name]: fact } });
  const note = { put() {} };
  const value = `Bearer ${token}`;
  const start = process.cpuUsage();
  for (let n = 0; n < calls; n++) {
    x.facts = { [name]: verifier.verdict(source, value) };
    x.caller.jwt = x.caller.label = undefined;
    if (act.peek(x, undefined, 0, note) !== 0) throw new Error("the bench's token must be admitted");
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / calls;
}
