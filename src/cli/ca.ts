/**
 * `switchyard ca`: the development CA of this user: where it is, a copy of its certificate, how to trust it and stop
 * trusting it, and its removal. Must not put it into any trust store by itself.
 */
import { copyFileSync } from "node:fs";
import { trustSteps, untrustSteps, type TrustStep } from "../contract/trust.ts";
import { describeCa, developmentCa, removeCa, type AuthorityFacts } from "../gateway/tls/development-ca.ts";
import { readWords, Usage } from "./usage.ts";

const OPTIONS = { json: { type: "boolean" } } as const;

export async function ca(words: string[]): Promise<number> {
  const { values, positionals } = readWords(words, OPTIONS);
  const [action = "show", target, ...more] = positionals;
  if (more.length > 0) throw new Usage(`"${more[0]}" is one word too many.`);
  switch (action) {
    case "show":
      return show(await madeOrFound(), values.json === true);
    case "export":
      if (target === undefined) throw new Usage("Name the file: switchyard ca export ./switchyard-ca.pem");
      return exported((await madeOrFound()).file, target);
    case "trust":
      return steps("To trust it, run", trustSteps(process.platform, (await madeOrFound()).file));
    case "untrust": {
      const found = await describeCa();
      if (found === undefined) return say("There is no development CA.\n");
      return steps("To stop trusting it, run", untrustSteps(process.platform, found.file, found.sha1));
    }
    case "remove":
      return await remove();
    default:
      throw new Usage(`"${action}" is nothing that can be done with the CA: show, export, trust, untrust or remove.`);
  }
}

function exported(file: string, target: string): number {
  try {
    copyFileSync(file, target);
  } catch (error) {
    process.stderr.write(`${target} cannot be written: ${(error as NodeJS.ErrnoException).code ?? String(error)}\n`);
    return 1;
  }
  return say(`The certificate (not the key) is in ${target}.\n`);
}

async function madeOrFound(): Promise<AuthorityFacts> {
  await developmentCa();
  const found = await describeCa();
  if (found === undefined) throw new Error("The development CA was made and cannot be read.");
  return found;
}

function show(found: AuthorityFacts, json: boolean): number {
  if (json) return say(JSON.stringify(found) + "\n");
  return say(
    `${found.subject}
  certificate  ${found.file}
  key          ${found.keyFile} (readable by you alone)
  SHA-256      ${found.fingerprint}
  expires      ${new Date(found.expires).toISOString().slice(0, 10)}

It vouches only for names that nobody on the internet can own (localhost, .test, .local and the like) and this machine.
Nothing trusts it until you say so: switchyard ca trust
`,
  );
}

function steps(head: string, list: readonly TrustStep[]): number {
  return say(`${head}:\n\n${list.map(({ what, command }) => `  # ${what}\n  ${command}\n`).join("\n")}`);
}

async function remove(): Promise<number> {
  const found = await describeCa();
  await removeCa();
  if (found === undefined) return say("There is no development CA.\n");
  const back = untrustSteps(process.platform, found.file, found.sha1);
  say("The development CA and its key are deleted; the next HTTPS listener with `certificate: auto` makes another.\n");
  return steps("If you had trusted it, take it out of the lists as well", back);
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}
