/**
 * Services as written -> services of the plan: endpoints, balancing, checks, what protects a backend.
 * Reports by itself what is wrong with `loadBalancer`, whose fields depend on its type.
 * Must not look at routes: a service does not know who sends to it.
 */
import { balancers } from "../balancers/index.ts";
import type { AnyBalancerKind } from "../model/balancer.ts";
import type { PlanEndpoint } from "../model/endpoint.ts";
import type { PlanService } from "../model/plan.ts";
import { Admin } from "../model/state.ts";
import { nearest } from "../policies/nearest.ts";
import type { StepCompiler } from "./compile-steps.ts";
import { balancingFields, service, type BalancingConfig, type ServiceConfig } from "./document.ts";
import { planCheck } from "./health-fields.ts";
import { laterMessage, LATER_BALANCERS } from "./later.ts";
import { at, fields } from "./names.ts";
import { describe, readBy, type Problems } from "./problems.ts";
import { firstPorts, runEndpoints } from "./replicas.ts";
import { resilience, sessionToken } from "./resilience.ts";
import { keysAt } from "./schema.ts";
import type { Sources } from "./secrets.ts";
import { planBackendTls } from "./secure.ts";
import { spanOf, type Path } from "./tree.ts";

export class ServiceCompiler {
  /** Names to indexes. */
  readonly index = new Map<string, number>();
  /** Steps of each service, by index. */
  readonly steps: (readonly number[])[] = [];
  readonly #problems: Problems;
  readonly #sources: Sources;
  readonly #steps: StepCompiler;

  constructor(problems: Problems, sources: Sources, steps: StepCompiler) {
    this.#problems = problems;
    this.#sources = sources;
    this.#steps = steps;
  }

  /** Called once. */
  compile(): PlanService[] {
    const services: PlanService[] = [];
    for (const [name, raw] of Object.entries(fields(at(this.#problems.tree.value, "services")))) {
      const path = ["services", name];
      const index = services.length;
      const steps = this.#steps.list(at(raw, "policies"), [...path, "policies"], {
        kind: "service",
        name,
        service: index,
      });
      const balancing = this.#balancing(at(raw, "loadBalancer"), [...path, "loadBalancer"]);
      const read = service.safeParse(raw);
      if (!read.success || balancing === undefined) continue;
      this.index.set(name, index);
      this.steps.push(steps);
      services.push(this.#service(read.data, name, index, balancing, path));
    }
    return services;
  }

  #service(config: ServiceConfig, name: string, index: number, balancing: Balancing, path: Path): PlanService {
    const { tree } = this.#problems;
    const run = config.run && { ...config.run, source: tree.blockRange([...path, "run"]) };
    const written = (config.endpoints ?? []).map((endpoint, position): PlanEndpoint => ({
      index: position,
      url: endpoint.url.url,
      host: endpoint.url.host,
      port: endpoint.url.port,
      label: endpoint.url.label,
      ...(endpoint.url.secure ? { secure: true } : {}),
      weight: endpoint.weight,
      ...(endpoint.zone === undefined ? {} : { zone: endpoint.zone }),
      priority: endpoint.priority,
      token: sessionToken(endpoint.url.url),
      admin: Admin[endpoint.admin],
      source: tree.blockRange([...path, "endpoints", position]),
    }));
    const endpoints = run === undefined ? written : runEndpoints(run, firstPorts(run));
    const { active, passive } = config.healthCheck;
    const http2 = config.protocol === "HTTP2";
    const proxyVersion = config.proxyProtocol && (config.proxyProtocol === "v1" ? 1 : 2);
    const tls = planBackendTls(this.#problems, this.#sources, config, path);
    return {
      index,
      name,
      endpoints,
      balancerKind: balancing.kind,
      balancerConfig: balancing.config,
      balancer: balancing.kind.compile(balancing.config, endpoints),
      ...(active === undefined ? {} : { active: planCheck(active, endpoints, proxyVersion) }),
      passive,
      panicThreshold: config.panicThreshold,
      ...(http2 ? { http2 } : {}),
      ...(tls === undefined ? {} : { tls }),
      ...(proxyVersion === undefined ? {} : { proxyProtocol: proxyVersion }),
      ...resilience(config, balancing.shared, name, endpoints, (part) => tree.blockRange([...path, ...part])),
      drain: config.drain,
      ...(run === undefined ? {} : { run }),
      source: tree.blockRange(path),
    };
  }

  #balancing(raw: unknown, path: Path): Balancing | undefined {
    const problems = this.#problems;
    if (raw === undefined) return { kind: balancers[0], config: balancers[0].config.parse({}), shared: {} };
    if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
      problems.value(
        "SY102",
        path,
        `\`loadBalancer\`: must be a map such as { type: ${balancers[0].type} }, not ${describe(raw)}.`,
      );
      return undefined;
    }
    const { type, slowStart, locality, ...rest } = raw as Record<string, unknown>;
    const known = balancers.map((kind) => kind.type);
    const kind = balancers.find((one) => one.type === type);
    if (kind === undefined) {
      reportBalancerType(type, known, path, problems);
      return undefined;
    }
    const keys = (where: Path) => keysAt(where, problems.tree.value);
    const given = Object.entries({ slowStart, locality }).filter(([, value]) => value !== undefined);
    const shared = readBy(balancingFields, Object.fromEntries(given), path, problems, keys);
    const config = readBy(kind.config as never, rest, path, problems, keys);
    return config === undefined || shared === undefined ? undefined : { kind, config, shared };
  }
}

interface Balancing {
  readonly kind: AnyBalancerKind;
  readonly config: unknown;
  readonly shared: BalancingConfig;
}

function reportBalancerType(type: unknown, known: readonly string[], path: Path, problems: Problems): void {
  const at = [...path, "type"];
  if (type === undefined) {
    problems.value("SY103", at, `\`type\` is missing in \`loadBalancer\`: one of ${known.join(", ")}.`);
    return;
  }
  if (typeof type === "string" && LATER_BALANCERS.includes(type)) {
    problems.value("SY105", at, laterMessage(type, `use one of ${known.join(", ")}`));
    return;
  }
  const near = typeof type === "string" ? nearest(type, known) : undefined;
  const span = spanOf(problems.tree.find(at)?.value);
  const fixes =
    near && span
      ? [{ title: `Change to ${near}`, edits: [{ offset: span[0], endOffset: span[1], newText: near }] }]
      : [];
  const hint = near ? ` Did you mean \`${near}\`?` : "";
  problems.value("SY102", at, `\`type\`: must be one of ${known.join(", ")}, not ${describe(type)}.${hint}`, fixes);
}
