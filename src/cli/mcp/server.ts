/**
 * The tools as an MCP server over standard input and output, for clients of this protocol revision and, by its
 * handshake, of the older ones. The official SDK speaks the protocol; here stands only what is offered.
 * Must not write anything else to standard output.
 */
import { Server } from "@modelcontextprotocol/server";
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { callTool } from "../../agents/call.ts";
import { FIX, inputSchema, outputSchema, TOOLS } from "../../agents/declarations.ts";
import type { AgentWorld } from "../../agents/world.ts";

declare const SWITCHYARD_VERSION: string | undefined;

/** Bytes of one message: a whole policy text, in which each character may take six. */
const LONGEST_MESSAGE = 8 * 1_048_576;

const INSTRUCTIONS =
  "Switchyard is a local HTTP gateway and load balancer that is configured by a policy file. Start with list_rejections or explain_request when a request through it is refused; try every change of the policy with simulate_edit before it is made. Line numbers are of the policy file.";

/** @returns when the client has gone: undefined, or why it was hung up on. */
export function serve(world: AgentWorld): Promise<string | undefined> {
  const { stdin, stdout } = process;
  return new Promise((resolve) => {
    let problem = "the connection was closed";
    const transport = new StdioServerTransport(stdin, stdout, { maxBufferSize: LONGEST_MESSAGE });
    const handle = serveStdio(() => serverOf(world), {
      transport,
      onerror: (error) => {
        problem = error.message;
      },
    });
    const end = (): void => {
      const gone = stdin.readableEnded || stdout.destroyed;
      void handle.close().finally(() => resolve(gone ? undefined : problem));
    };
    // It closes by itself over a message that is too large.
    const closed = transport.onclose;
    // No event target: the library knows one listener.
    // oxlint-disable-next-line unicorn/prefer-add-event-listener
    transport.onclose = () => {
      closed?.();
      end();
    };
    stdin.once("end", end).once("close", end).once("error", end);
    stdout.once("error", end).once("close", end);
  });
}

function serverOf(world: AgentWorld): Server {
  const version = typeof SWITCHYARD_VERSION === "string" ? SWITCHYARD_VERSION : "development";
  const server = new Server(
    { name: "switchyard", title: "Switchyard", version },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  );
  const mayEdit = world.edit !== undefined;
  const tools = TOOLS.map((tool) => {
    const edits = mayEdit && tool.name === FIX.name;
    const { name, title, description } = tool;
    return {
      name,
      title,
      description,
      inputSchema: inputSchema(tool, mayEdit),
      outputSchema: outputSchema(tool),
      annotations: { title, readOnlyHint: !edits, destructiveHint: edits, idempotentHint: true, openWorldHint: false },
    };
  });
  server.setRequestHandler("tools/list", () => ({ tools }));
  server.setRequestHandler("tools/call", async ({ params }) => {
    const answer = await callTool(world, params.name, params.arguments);
    if (!answer.ok) return { content: [{ type: "text", text: answer.message }], isError: true };
    return {
      content: [{ type: "text", text: JSON.stringify(answer.value) }],
      structuredContent: answer.value as Record<string, unknown>,
    };
  });
  return server;
}
