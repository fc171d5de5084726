#!/usr/bin/env node
/**
 * The command line: `switchyard run | check | explain | test | ca | mcp`. It reads the arguments and hands over.
 * Must not hold what a command does: each has its file.
 */
import { ca } from "./ca.ts";
import { check } from "./check.ts";
import { explain } from "./explain.ts";
import { HELP } from "./help.ts";
import { mint } from "./mint.ts";
import { run } from "./run.ts";
import { test } from "./test.ts";
import { Usage } from "./usage.ts";

declare const SWITCHYARD_VERSION: string | undefined;

const commands: Readonly<Record<string, (words: string[]) => Promise<number>>> = {
  run,
  check,
  explain,
  test,
  ca,
  mint,
  // The protocol's library is loaded by nobody else.
  mcp: async (words) => (await import("./mcp/command.ts")).mcp(words),
};

async function main(words: string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(HELP.all);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-v") {
    process.stdout.write(`${typeof SWITCHYARD_VERSION === "string" ? SWITCHYARD_VERSION : "development"}\n`);
    return 0;
  }
  if (!Object.hasOwn(commands, name))
    throw new Usage(`There is no command "${name}". Known are run, check, explain, mint, test, ca and mcp.`);
  if (rest.includes("--help") || rest.includes("-h")) {
    process.stdout.write(HELP[name as keyof typeof HELP]);
    return 0;
  }
  return await commands[name](rest);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Usage)) throw error;
  process.stderr.write(`${error.message}\nswitchyard --help tells more.\n`);
  process.exitCode = 2;
}
