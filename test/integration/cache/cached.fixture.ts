/**
 * A gateway with a cache over one backend that does as it is told, on a clock that only the test moves: hours pass at once,
 * and the wall clock may jump by itself. Everything goes over real sockets.
 * Must not sleep to wait for anything.
 */
import { once } from "node:events";
import { createServer, request as ask, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { freshState } from "../../../src/model/fresh.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { carry } from "../../../src/policyfile/carry.ts";
import { read } from "../../../src/policyfile/read.ts";
import { FactGatherer } from "../../../src/gateway/facts/gatherer.ts";
import { Engine } from "../../../src/gateway/listen/engine.ts";
import { TestKeeper } from "../engine/harness.ts";

/** Starts at an odd origin. Monotonic and wall move together but for `jump`. */
export class Clock {
  private monotonic = 7_919.25;
  private wall = Date.UTC(2026, 10, 24, 11, 3, 7, 419);

  readonly now = (): number => this.monotonic;
  readonly wallClock = (): number => this.wall;

  /** @param seconds that pass. */
  pass(seconds: number): void {
    this.monotonic += seconds * 1000;
    this.wall += seconds * 1000;
  }

  /** Somebody sets the clock of the machine. */
  jump(seconds: number): void {
    this.wall += seconds * 1000;
  }

  date(offset = 0): string {
    return new Date(this.wall + offset * 1000).toUTCString();
  }
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** 1xx that came before. */
  readonly interim: readonly number[];
}

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
}

const started: { engine: Engine; server: Server }[] = [];

/** Ends everything. Call from afterEach. */
export async function stopCaches(): Promise<void> {
  for (const { engine, server } of started.splice(0)) {
    await engine.drain(0);
    server.closeAllConnections();
    server.close();
  }
}

export class Cached {
  readonly clock = new Clock();
  readonly keeper = new TestKeeper();
  readonly facts: FactGatherer;
  readonly engine: Engine;
  readonly backendPort: number;
  readonly server: Server;
  plan: Plan;
  private revision = 0;

  constructor(server: Server, text: (port: number) => string) {
    this.server = server;
    this.backendPort = (server.address() as AddressInfo).port;
    const { now, wallClock } = this.clock;
    this.facts = new FactGatherer({ baseDirectory: process.cwd(), now } as ConstructorParameters<
      typeof FactGatherer
    >[0]);
    let seed = 1;
    this.engine = new Engine({ recorder: this.keeper, facts: this.facts, now, wallClock, seed: () => seed++ });
    this.plan = planOf(text(this.backendPort));
    started.push({ engine: this.engine, server });
  }

  async serve(text?: (port: number) => string): Promise<void> {
    if (text !== undefined) this.plan = planOf(text(this.backendPort));
    const { plan } = this;
    await this.engine.apply(
      plan,
      (old, at) => (old === undefined ? freshState(plan) : carry(old.state, old.plan, plan, at)),
      ++this.revision,
    );
  }

  get port(): number {
    return this.engine.listeners[0].addresses[0].port;
  }

  /** Rejects when the connection breaks off. */
  ask({ method = "GET", path = "/", headers = {}, body = "" }: Asked = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const interim: number[] = [];
      const { port } = this;
      const length = body === "" ? {} : { "content-length": String(body.length) };
      const sent = ask({
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: { ...length, ...headers } as Record<string, string>,
        agent: false,
      });
      sent.on("information", ({ statusCode }) => interim.push(statusCode));
      sent.on("error", reject);
      sent.on("response", (answer) => {
        let text = "";
        answer.setEncoding("latin1");
        answer.on("data", (piece: string) => (text += piece));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text, interim }),
        );
      });
      sent.end(body);
    });
  }
}

/** @param policy the config of `cache`, as YAML in one line. */
export async function cached(serve: RequestListener, policy = "{}", text = cachePolicy(policy)): Promise<Cached> {
  const server = createServer(serve);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const made = new Cached(server, text);
  await made.serve();
  return made;
}

export function cachePolicy(policy: string): (port: number) => string {
  return (port) => `version: 1
listeners:
  - { name: edge, port: 8080, address: 127.0.0.1 }
services:
  origin: { endpoints: [{ url: "http://127.0.0.1:${port}" }] }
routes:
  - name: all
    policies: [{ cache: ${policy} }]
    backendRefs: [{ service: origin }]
`;
}

/** On a port that the system chooses. */
function planOf(text: string): Plan {
  const { plan, diagnostics } = read(text, "switchyard.yaml", { env: () => undefined, file: () => undefined });
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics, undefined, 1));
  return { ...plan, listeners: plan.listeners.map((listener) => ({ ...listener, port: 0 })) };
}
