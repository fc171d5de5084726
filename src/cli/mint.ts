/**
 * `switchyard mint`: a token with which a request would pass, signed with the development key, on standard output.
 * Must not print the key, and must not send anything.
 */
import { resolve } from "node:path";
import type { MintResult } from "../contract/minting.ts";
import { PolicyReader } from "../gateway/control/policy-reader.ts";
import { FactGatherer } from "../gateway/facts/gatherer.ts";
import { mint as mintToken } from "../gateway/mint/minter.ts";
import { aloneWith } from "./described.ts";
import { diagnosticLines } from "./diagnostics.ts";
import { headersOf } from "./explain.ts";
import { paintFor } from "./paint.ts";
import { NoPolicy, policyText } from "./policy-text.ts";
import { DEFAULT_FILE, readWords, Usage } from "./usage.ts";

export async function mint(words: string[]): Promise<number> {
  const { values, positionals } = readWords(words, {
    claim: { type: "string", multiple: true },
    header: { type: "string", short: "H", multiple: true },
    key: { type: "string" },
    json: { type: "boolean" },
  });
  if (positionals.length < 2 || positionals.length > 3)
    throw new Usage("mint takes a method and a URL, as in: switchyard mint GET http://localhost:8080/orders");
  const [method, url] = positionals.slice(-2);
  const file = positionals.length === 3 ? positionals[0] : DEFAULT_FILE;
  const request = { method, url, headers: headersOf(values.header ?? []) };
  try {
    const result = await made(file, { request, given: claimsOf(values.claim ?? []), key: values.key });
    return result === undefined ? 1 : tell(result, values.json === true);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof NoPolicy ? 1 : 2;
  }
}

interface Order {
  readonly request: { readonly method: string; readonly url: string; readonly headers: Record<string, string> };
  readonly given: Readonly<Record<string, string>>;
  readonly key: string | undefined;
}

/** @returns undefined when the policy cannot be used; its problems are told. */
async function made(file: string, { request, given, key }: Order): Promise<MintResult | undefined> {
  const reader = new PolicyReader(file);
  const { plan, diagnostics } = reader.read(policyText(file));
  if (plan === undefined) {
    process.stderr.write(diagnosticLines(diagnostics, paintFor(process.stderr)));
    return undefined;
  }
  const facts = new FactGatherer({ baseDirectory: reader.directory });
  const context = { ...aloneWith(plan, facts), directory: reader.directory };
  // Relative to where the person stands, not to the policy.
  const order = { request, given, ...(key === undefined ? {} : { key: resolve(key) }) };
  try {
    const first = await mintToken(context, order);
    if (first.kind !== "asks") return first;
    const proposed = first.questions.filter(({ value }) => value !== "");
    if (proposed.length < first.questions.length) return first;
    const answers = Object.fromEntries(proposed.map(({ claim, value }) => [claim, value]));
    return await mintToken(context, { ...order, given: { ...answers, ...given } });
  } finally {
    facts.close();
  }
}

/** The token alone goes to standard output, so that it can be used in a command. */
function tell(result: MintResult, json: boolean): number {
  if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (result.kind === "minted") {
    const { token, claims, key, expires } = result;
    if (!json) process.stdout.write(`${token}\n`);
    const until = new Date(expires).toLocaleTimeString(undefined, { hour12: false });
    if (!json) process.stderr.write(`signed with ${key}, valid until ${until}: ${JSON.stringify(claims)}\n`);
    return 0;
  }
  if (json) return 1;
  if (result.kind === "asks")
    for (const { claim, prompt } of result.questions)
      process.stderr.write(`--claim ${claim}=… is needed: ${prompt}.\n`);
  else process.stderr.write(`${result.message}\n`);
  return 1;
}

function claimsOf(words: readonly string[]): Record<string, string> {
  const claims: Record<string, string> = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    if (equals < 1) throw new Usage(`"${word}" is no claim: write --claim name=value.`);
    claims[word.slice(0, equals)] = word.slice(equals + 1);
  }
  return claims;
}
