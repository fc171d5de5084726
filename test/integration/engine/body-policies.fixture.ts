/**
 * A running engine under one route's policies, with a node:http backend that does as it is told, and requests by node:http:
 * for policies that work on bodies. Must not sleep to wait for anything.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  createServer,
  request as ask,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { explain } from "../../../src/decide/explain.ts";
import type { Story } from "../../../src/decide/story.ts";
import type { Passage } from "../../../src/model/arrival.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { read } from "../../../src/policyfile/read.ts";
import type { EngineOptions } from "../../../src/gateway/listen/engine.ts";
import { startEngine, stopEverything, type Kept, type Running } from "./harness.ts";

export type Serve = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

const closing: (() => void)[] = [];

export async function stop(): Promise<void> {
  await stopEverything();
  for (const close of closing.splice(0)) close();
}

export interface Served extends Running {
  readonly seen: { readonly head: IncomingMessage; readonly body: Buffer }[];
  send(options: SendOptions): Promise<Reply>;
  story(row: Kept): Story;
}

export interface SendOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | readonly (string | Buffer)[];
}

/** @param policies of the one route, as YAML. @param files beside the policy file. */
export async function serving(
  policies: string,
  serve: Serve,
  files: Readonly<Record<string, string>> = {},
  more = "",
  options: Partial<EngineOptions> = {},
): Promise<Served> {
  const seen: { head: IncomingMessage; body: Buffer }[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (bytes: Buffer) => pieces.push(bytes));
    request.on("end", () => {
      const body = Buffer.concat(pieces);
      seen.push({ head: request, body });
      serve(request, response, body);
    });
    request.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const plan = planFrom(policies, port, files, more);
  const running = await startEngine(plan, options);
  return {
    ...running,
    seen,
    send: (options) => send(running.port, options),
    story: (row) => storyOf(plan, row),
  };
}

function planFrom(policies: string, port: number, files: Readonly<Record<string, string>>, more: string): Plan {
  const text = `
version: 1
listeners: [{ name: edge, port: 8080 }]
services:
  shop: { endpoints: [{ url: "http://127.0.0.1:${port}" }] }
${more.replaceAll("{port}", String(port))}
routes:
  - name: shop
    matches: [{ path: { prefix: / } }]
    policies: ${policies}
    backendRefs: [{ service: shop }]
`;
  const { plan, diagnostics } = read(text, "bodies.yaml", {
    env: () => undefined,
    file: (path) => files[path.replace(/^(?!\.)/, "./")],
  });
  assert.ok(plan, diagnostics.map(({ message }) => message).join("\n"));
  return { ...plan, listeners: plan.listeners.map((one) => ({ ...one, port: 0 })) };
}

function storyOf(plan: Plan, kept: Kept): Story {
  const seen: Passage = {
    arrival: {
      layer: 7,
      listener: 0,
      clientIp: "127.0.0.1",
      clientPort: 1,
      method: kept.method ?? "",
      path: kept.path ?? "",
      header: (name) => new RegExp(`^${name}: *(.*)$`, "im").exec(kept.requestHead)?.[1].trim(),
    },
    facts: kept.facts,
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
    seed: kept.seed,
    tried: 0,
    wallClock: kept.at,
    requestId: () => "",
  };
  return explain(kept.decision, plan, seen, { status: kept.status, failure: kept.failure });
}

export function send(port: number, { method = "GET", path = "/", headers = {}, body }: SendOptions): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = ask(
      { port, host: "127.0.0.1", method, path, headers: { ...headers }, agent: false },
      (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (bytes: Buffer) => pieces.push(bytes));
        response.on("error", reject);
        response.on("end", () => {
          const whole = Buffer.concat(pieces);
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: whole,
            text: whole.toString("utf8"),
          });
        });
      },
    );
    request.on("error", reject);
    if (Array.isArray(body)) for (const piece of body as (string | Buffer)[]) request.write(piece);
    else if (body !== undefined) return void request.end(body as string | Buffer);
    request.end();
  });
}

export const json =
  (value: unknown): Serve =>
  (_request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(value));
  };
