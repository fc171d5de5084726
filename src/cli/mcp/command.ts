/**
 * `switchyard mcp`: what a gateway records and decides, for agents. Read-only unless a person says `--allow-edits`.
 * Must not write to standard output: it belongs to the protocol.
 */
import { oneFile, readWords } from "../usage.ts";
import { readArchive, type Archive } from "./archive.ts";
import { GatewayLink } from "./gateway-link.ts";
import { serve } from "./server.ts";
import { FileWorld } from "./world.ts";

const OPTIONS = { "allow-edits": { type: "boolean" }, har: { type: "string" } } as const;

export async function mcp(words: string[]): Promise<number> {
  const { values, positionals } = readWords(words, OPTIONS);
  const file = oneFile(positionals);
  let archive: Archive | undefined;
  try {
    if (values.har !== undefined) archive = readArchive(values.har);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
  if (process.stdin.isTTY)
    process.stderr.write(`Waiting for an agent that speaks MCP on standard input (policy: ${file}). Ctrl-C ends it.\n`);
  const world = new FileWorld({
    file,
    link: new GatewayLink(file),
    mayEdit: values["allow-edits"] === true,
    ...(archive !== undefined && { archive }),
  });
  const problem = await serve(world);
  world.close();
  if (problem !== undefined) process.stderr.write(`switchyard mcp: ${problem}\n`);
  return problem === undefined ? 0 : 1;
}
