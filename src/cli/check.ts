/**
 * `switchyard check`: everything that is wrong with a policy file, at once.
 * Must not open a port or run anything.
 */
import { diagnosticLines, tally } from "./diagnostics.ts";
import { paintFor } from "./paint.ts";
import { NoPolicy, policyText } from "./policy-text.ts";
import { oneFile, readWords } from "./usage.ts";
import { PolicyReader } from "../gateway/control/policy-reader.ts";

export async function check(words: string[]): Promise<number> {
  const { positionals } = readWords(words, {});
  const file = oneFile(positionals);
  const paint = paintFor(process.stdout);
  let text: string;
  try {
    text = policyText(file);
  } catch (error) {
    if (!(error instanceof NoPolicy)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  const { plan, diagnostics } = new PolicyReader(file).read(text);
  process.stdout.write(diagnosticLines(diagnostics, paint));
  const verdict = plan === undefined ? paint.bad("cannot be used") : paint.good("can be used");
  process.stdout.write(`${file} ${verdict}: ${tally(diagnostics)}.\n`);
  return plan === undefined ? 1 : 0;
}
