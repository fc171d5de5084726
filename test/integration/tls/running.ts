/**
 * An engine that serves a policy text, with the world around it that TLS needs: a folder for files and one for the CA.
 */
import { FactGatherer } from "../../../src/gateway/facts/gatherer.ts";
import { Engine, type EngineOptions } from "../../../src/gateway/listen/engine.ts";
import { PolicyReader } from "../../../src/gateway/control/policy-reader.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { freshState } from "../../../src/model/fresh.ts";
import { join } from "node:path";
import { startEngine, type TestKeeper } from "../engine/harness.ts";

export interface Serving {
  readonly engine: Engine;
  readonly keeper: TestKeeper;
  readonly plan: Plan;
  /** Of the first listener. */
  readonly port: number;
  apply(text: string): Promise<void>;
}

/** @param directory of the policy file. @throws with the diagnostics when the text has errors. */
export async function serve(text: string, directory: string, options: Partial<EngineOptions> = {}): Promise<Serving> {
  const reader = new PolicyReader(join(directory, "switchyard.yaml"));
  const compile = (written: string): Plan => {
    const { plan, diagnostics } = reader.read(written);
    if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
    return plan;
  };
  const running = await startEngine(compile(text), {
    baseDirectory: directory,
    facts: new FactGatherer({ baseDirectory: directory }),
    ...options,
  });
  let revision = 1;
  return {
    ...running,
    async apply(next) {
      const plan = compile(next);
      await running.engine.apply(plan, freshState(plan), ++revision);
    },
  };
}

export interface PolicyOptions {
  /** Lines of the listener behind its port, in flow style: "protocol: HTTPS, tls: { ... }". */
  readonly listener?: string;
  readonly port?: number;
  readonly url: string;
  /** Lines of the service, in flow style. */
  readonly service?: string;
  readonly route?: string;
}

export function policy({
  listener = "protocol: HTTP",
  port = 0,
  url,
  service = "",
  route = "",
}: PolicyOptions): string {
  return `version: 1
listeners: [{ name: edge, port: ${port}, address: 127.0.0.1, ${listener} }]
services: { orders: { endpoints: [{ url: "${url}" }]${service === "" ? "" : `, ${service}`} } }
routes: [{ name: all, backendRefs: [{ service: orders }]${route === "" ? "" : `, ${route}`} }]
`;
}
