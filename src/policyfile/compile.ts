/**
 * A policy file whose fields are all right -> the Plan. Runs over every part also when others have faults, so that
 * checks of policies and secrets are reported in the same pass; the plan is used only when nothing is wrong.
 * Must not check the shape of fields: their declarations do.
 */
import { balancers } from "../balancers/index.ts";
import type { Millis } from "../model/basics.ts";
import { Admin } from "../model/state.ts";
import type { AnyBalancerKind } from "../model/balancer.ts";
import type { PlanEndpoint } from "../model/endpoint.ts";
import type { PathMatch } from "../model/path-match.ts";
import type { FieldMatch, Plan, PlanBackend, PlanListener, PlanMatch, PlanRoute, PlanService } from "../model/plan.ts";
import type { Consumer, Step } from "../model/policy.ts";
import { firstPorts, runEndpoints } from "./replicas.ts";
import { resilience, sessionToken } from "./resilience.ts";
import { StepCompiler } from "./compile-steps.ts";
import { balancingFields, consumer, listener, route, service } from "./document.ts";
import type {
  BalancingConfig,
  ConsumerConfig,
  ListenerConfig,
  MatchConfig,
  RouteConfig,
  ServiceConfig,
} from "./document.ts";
import { laterMessage, LATER_BALANCERS } from "./later.ts";
import { planCheck } from "./health-fields.ts";
import { checkCertificates, checkListener, checkRoute, checkServices, checkSteps, isLayer4 } from "./layers.ts";
import { at, fields, items } from "./names.ts";
import { sameSecret } from "../policies/apiKey.ts";
import { nearest } from "../policies/nearest.ts";
import { orderOf, shadowedMatches } from "./precedence.ts";
import { describe, readBy, type Problems } from "./problems.ts";
import { keysAt } from "./schema.ts";
import { checkNames, planBackendTls, planTls } from "./secure.ts";
import { resolveSecret, unresolvedMessage, variableName, type Sources } from "./secrets.ts";
import { checkRetry, childRoute, mirrorRoute, planHedge, planRetry } from "./sending.ts";
import type { MirrorConfig } from "./sending-fields.ts";
import { moveUp } from "./move.ts";
import { spanOf, type Path } from "./tree.ts";
import { clientKind } from "./user-agent.ts";
import { isLoopback, LOOPBACK } from "./written.ts";

/** @returns a plan; it may be used only when `problems` holds no error. */
export function compile(problems: Problems, sources: Sources): Plan {
  return new Compiler(problems, sources).plan();
}

/** At layer 4 each connection costs two sockets: a bound keeps the process alive. */
const LAYER4_CONNECTIONS = 10_000;
const TCP_IDLE: Millis = 300_000;
const CONNECT: Millis = 3000;
const UDP_IDLE: Millis = 60_000;

class Compiler {
  readonly #problems: Problems;
  readonly #sources: Sources;
  readonly #value: unknown;
  readonly #steps: StepCompiler;
  readonly #consumerList: readonly Consumer[];
  /** Names to indexes; a doubled name keeps its first. */
  readonly #listenerIndex = new Map<string, number>();
  readonly #serviceIndex = new Map<string, number>();
  /** Steps of each service, by index. */
  readonly #serviceSteps: (readonly number[])[] = [];
  /** Steps of each listener, by index. */
  readonly #listenerSteps: (readonly number[])[] = [];
  /** Where each listener stands, by index. */
  readonly #listenerPlaces: { readonly config: ListenerConfig; readonly path: Path }[] = [];

  constructor(problems: Problems, sources: Sources) {
    this.#problems = problems;
    this.#sources = sources;
    this.#value = problems.tree.value;
    this.#consumerList = this.#consumers();
    this.#steps = new StepCompiler(problems, sources, this.#consumerList);
  }

  plan(): Plan {
    for (const [name, value] of Object.entries(fields(at(this.#value, "policies")))) this.#steps.declare(name, value);
    const listeners = this.#listeners();
    const services = this.#services();
    const routes = this.#routes(listeners, services);
    this.#listenerRoutes(listeners, services, routes);
    checkNames(this.#problems, listeners, routes);
    const order = listeners.map((_, index) => orderOf(routes, index));
    this.#reportShadowed(routes, order);
    return { file: this.#problems.tree.file, listeners, services, routes, steps: this.#steps.steps, order };
  }

  #consumers(): Consumer[] {
    const consumers: Consumer[] = [];
    const keys = new Map<string, string>();
    for (const [index, raw] of items(at(this.#value, "consumers"))) {
      const read = consumer.safeParse(raw);
      if (!read.success) continue;
      const { name, groups } = read.data;
      const apiKey = this.#apiKey(read.data, ["consumers", index, "apiKey"], keys);
      consumers.push({ name, groups, ...(apiKey === undefined ? {} : { apiKey }) });
    }
    return consumers;
  }

  #apiKey({ name, apiKey }: ConsumerConfig, path: Path, seen: Map<string, string>): string | undefined {
    if (apiKey === undefined) return undefined;
    const value = resolveSecret(apiKey, this.#sources);
    const problems = this.#problems;
    if (typeof apiKey === "string") {
      const span = spanOf(problems.tree.find(path)?.value);
      const variable = variableName(name);
      const fixes = span
        ? [
            {
              title: `Read it from the environment variable ${variable}`,
              edits: [{ offset: span[0], endOffset: span[1], newText: `{ env: ${variable} }` }],
            },
          ]
        : [];
      const message = `The key of \`${name}\` stands in the file itself: \`{ env: ${variable} }\` keeps it out of version control.`;
      problems.value("SY204", path, message, fixes);
    } else if (value === undefined) {
      problems.value("SY209", path, unresolvedMessage(apiKey));
    }
    const other = value === undefined ? undefined : seen.get(value);
    if (other !== undefined) {
      problems.value("SY206", path, `\`${name}\` and \`${other}\` have the same key: nobody could tell them apart.`);
    } else if (value !== undefined) {
      seen.set(value, name);
    }
    return value;
  }

  #listeners(): PlanListener[] {
    const listeners: PlanListener[] = [];
    for (const [index, raw] of items(at(this.#value, "listeners"))) {
      const name = nameOf(raw, index);
      const path = ["listeners", index];
      const owner = { kind: "listener", name, listener: listeners.length } as const;
      const own = this.#steps.list(at(raw, "policies"), [...path, "policies"], owner);
      const read = listener.safeParse(raw);
      if (!read.success) continue;
      if (!this.#listenerIndex.has(name)) this.#listenerIndex.set(name, listeners.length);
      const compiled = this.#listener(read.data, path, own);
      if (compiled.trusted) this.#steps.trusted.add(listeners.length);
      listeners.push(compiled);
      this.#listenerSteps.push(own);
      this.#listenerPlaces.push({ config: read.data, path });
    }
    return listeners;
  }

  #listener(config: ListenerConfig, path: Path, own: readonly number[]): PlanListener {
    const addresses = config.address?.addresses ?? LOOPBACK;
    if (!addresses.every(isLoopback)) {
      const message =
        "This opens the gateway to other machines: everybody who can reach this address can send requests.";
      this.#problems.value("SY217", [...path, "address"], message);
    }
    checkListener(this.#problems, config, path);
    const tls = planTls(this.#problems, this.#sources, config, path);
    if (isLayer4(config)) checkSteps(this.#problems, this.#stepsAt(own), config.name);
    const { proxyProtocol, trusted, maxConnections = isLayer4(config) ? LAYER4_CONNECTIONS : undefined } = config;
    return {
      name: config.name,
      protocol: config.protocol,
      port: config.port,
      addresses,
      steps: this.#steps.arrange(own).steps,
      ...(tls === undefined ? {} : { tls }),
      ...(trusted ? { trusted } : {}),
      ...(proxyProtocol?.accept ? { proxyProtocol: { trusted: proxyProtocol.trusted } } : {}),
      ...(maxConnections === undefined ? {} : { maxConnections }),
      source: this.#problems.tree.blockRange(path),
    };
  }

  #services(): PlanService[] {
    const services: PlanService[] = [];
    for (const [name, raw] of Object.entries(fields(at(this.#value, "services")))) {
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
      this.#serviceIndex.set(name, index);
      this.#serviceSteps.push(steps);
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

  #stepsAt(indexes: readonly number[]) {
    return indexes.map((index) => this.#steps.steps[index]);
  }

  /** Each layer-4 listener with backends has a route of its own, so that a connection is decided as a request is. */
  #listenerRoutes(listeners: readonly PlanListener[], services: readonly PlanService[], routes: PlanRoute[]): void {
    for (const [index, { config, path }] of this.#listenerPlaces.entries()) {
      const { tree } = this.#problems;
      const listener = listeners[index];
      const named = routes.some((one) => one.layer4 && one.listeners.includes(index));
      if (listener.protocol === "TLS" && !named && (config.backendRefs ?? []).length === 0) {
        const message = `The listener \`${config.name}\` sends its connections nowhere: give it \`backendRefs\`, or a route with \`listeners: [${config.name}]\` and \`hostnames\`.`;
        this.#problems.value("SY216", [...path, "name"], message);
      }
      if (!isLayer4(listener) || config.backendRefs === undefined) continue;
      const at = [...path, "backendRefs"];
      const backends = this.#backends(config.backendRefs, at);
      const steps = backends.flatMap(({ service }) => this.#serviceSteps[service]);
      checkSteps(this.#problems, this.#stepsAt(steps), config.name);
      const source = tree.blockRange(path);
      const own: PlanRoute = {
        index: routes.length,
        name: `listener/${config.name}`,
        listeners: [index],
        hostnames: [],
        matches: [{ path: { kind: "prefix", value: "/" }, methods: [], headers: [], query: [], source }],
        ...this.#steps.arrange(steps),
        backends,
        totalWeight: backends.reduce((sum, backend) => sum + backend.weight, 0),
        timeouts: {
          connect: CONNECT,
          request: 0,
          backendRequest: 0,
          idle: config.timeouts?.idle ?? (listener.protocol === "UDP" ? UDP_IDLE : TCP_IDLE),
        },
        layer4: true,
        source,
      };
      checkServices(this.#problems, own, listener.protocol, services, at);
      routes.push(own);
    }
  }

  /** With some unread nobody knows what they are. */
  #allListenersRead(all: readonly PlanListener[]): boolean {
    return all.length > 0 && all.length === [...items(at(this.#value, "listeners"))].length;
  }

  #backends(written: RouteConfig["backendRefs"], path: Path): PlanBackend[] {
    return written.flatMap((backend, position) => {
      const service = this.#serviceIndex.get(backend.service);
      // Reported as a missing service, or its own fields are wrong.
      if (service === undefined) return [];
      return [{ service, weight: backend.weight, source: this.#problems.tree.blockRange([...path, position]) }];
    });
  }

  #routes(listeners: readonly PlanListener[], services: readonly PlanService[]): PlanRoute[] {
    const routes: PlanRoute[] = [];
    const mirrored: [PlanRoute, Path, MirrorConfig | undefined][] = [];
    for (const [position, raw] of items(at(this.#value, "routes"))) {
      const path = ["routes", position];
      const name = nameOf(raw, position);
      const own = this.#steps.list(at(raw, "policies"), [...path, "policies"], { kind: "route", name });
      const read = route.safeParse(raw);
      if (!read.success) continue;
      const compiled = this.#route(read.data, routes.length, path, own, listeners);
      routes.push(compiled);
      mirrored.push([compiled, path, read.data.mirror]);
      const protocol = compiled.layer4 ? "TLS" : "HTTP";
      checkServices(this.#problems, compiled, protocol, services, [...path, "backendRefs"]);
    }
    // Behind the written ones, so that those keep the numbers of the file.
    for (const [of, path, config] of mirrored) this.#mirror(of, path, config, routes, services);
    for (const [of] of mirrored) this.#children(of.index, routes);
    return routes;
  }

  #mirror(
    of: PlanRoute,
    path: Path,
    config: MirrorConfig | undefined,
    routes: PlanRoute[],
    services: readonly PlanService[],
  ): void {
    const service = config && this.#serviceIndex.get(config.service);
    // Reported as a missing service, or its own fields are wrong; at layer 4 as a field that needs HTTP.
    if (config === undefined || service === undefined || of.layer4) return;
    const at = [...path, "mirror"];
    const source = this.#problems.tree.blockRange(at);
    const made = mirrorRoute(of, routes.length, service, this.#steps.arrange(this.#serviceSteps[service]), source);
    checkServices(this.#problems, made, "HTTP", services, at);
    routes.push(made);
    routes[of.index] = { ...of, mirror: { route: made.index, percent: config.percent, source } };
  }

  /** Routes of what its policies send by themselves. */
  #children(of: number, routes: PlanRoute[]): void {
    const made = new Map<string, number>();
    for (const index of routes[of].steps) {
      const { policy, config } = this.#steps.steps[index];
      for (const request of policy.sends?.(config) ?? []) {
        const service = request.service === undefined ? undefined : this.#serviceIndex.get(request.service);
        // A missing service is reported where its name stands.
        if (request.service !== undefined && service === undefined) continue;
        const own = service === undefined ? undefined : this.#steps.arrange(this.#serviceSteps[service]);
        made.set(request.name, routes.length);
        routes.push(childRoute(routes[of], routes.length, request, service, own));
      }
    }
    if (made.size > 0) routes[of] = { ...routes[of], children: made };
  }

  #route(
    config: RouteConfig,
    index: number,
    path: Path,
    own: readonly number[],
    all: readonly PlanListener[],
  ): PlanRoute {
    const { tree } = this.#problems;
    const layer4 = checkRoute(this.#problems, { path, listeners: config.listeners }, all);
    const drawn = this.#backends(config.backendRefs, [...path, "backendRefs"]);
    const chooser = own.find((index) => this.#steps.steps[index].policy.chooses !== undefined);
    const backends = chooser === undefined ? drawn : this.#alsoChosen(drawn, chooser);
    if (config.backendRefs.length === 0 && backends.length === 0 && !own.some((index) => this.#answers(index))) {
      const message = `The route \`${config.name}\` sends its requests nowhere: they are refused. Give it \`backendRefs: [{ service: name }]\`.`;
      this.#problems.value("SY216", [...path, "name"], message);
    }
    const services = [...new Set(backends.map((backend) => backend.service))];
    checkCertificates(this.#problems, this.#stepsAt(own), all, config.listeners);
    const arranged = this.#steps.arrange(own, ...services.map((target) => this.#serviceSteps[target]));
    const listeners =
      config.listeners?.flatMap((name) => this.#listenerIndex.get(name) ?? []) ??
      all.flatMap((listener, i) => (isLayer4(listener) ? [] : [i]));
    if (layer4) {
      const steps = [...own, ...services.flatMap((target) => this.#serviceSteps[target])];
      checkSteps(this.#problems, this.#stepsAt(steps), config.name);
    } else if (listeners.length === 0 && config.listeners === undefined && this.#allListenersRead(all)) {
      const message = `The route \`${config.name}\` never gets a request: the file has no HTTP listener.`;
      this.#problems.value("SY201", [...path, "name"], message);
    }
    // A key judged on a listener is hidden from the backend as well; the step knows through which listener.
    const onListeners = this.#steps.arrange(listeners.flatMap((listener) => this.#listenerSteps[listener]));
    const bodies = [...(onListeners.bodies ?? []), ...(arranged.bodies ?? [])];
    const preflights = arranged.steps.some((step) => this.#steps.steps[step].policy.preflights === true);
    const matches = config.matches?.map((match, position) =>
      this.#match(match, [...path, "matches", position], preflights, own),
    );
    return {
      index,
      name: config.name,
      listeners,
      hostnames: config.hostnames ?? [],
      matches: matches ?? [this.#match({}, path)],
      ...arranged,
      shapes: [...onListeners.shapes, ...arranged.shapes],
      ...(arranged.bodies === undefined && bodies.length === 0 ? {} : { bodies }),
      backends,
      ...(chooser === undefined ? {} : { chooser }),
      totalWeight: backends.reduce((sum, backend) => sum + backend.weight, 0),
      timeouts: layer4 ? { ...config.timeouts, request: 0, backendRequest: 0 } : config.timeouts,
      ...(layer4 ? { layer4 } : this.#sending(config, path)),
      source: tree.blockRange(path),
    };
  }

  #sending({ retry, hedge }: RouteConfig, path: Path): Pick<PlanRoute, "retry" | "hedge"> {
    const { tree } = this.#problems;
    if (retry !== undefined) checkRetry(this.#problems, retry, [...path, "retry"]);
    return {
      retry: retry && planRetry(retry, tree.blockRange([...path, "retry"])),
      hedge: hedge && planHedge(hedge, tree.blockRange([...path, "hedge"])),
    };
  }

  /** A policy may send where no weight does: those services are the route's as well, with weight 0. */
  #alsoChosen(backends: readonly PlanBackend[], chooser: number): readonly PlanBackend[] {
    const { policy, config, source } = this.#steps.steps[chooser];
    const chosen = (policy.chooses?.(config) ?? []).flatMap((name) => this.#serviceIndex.get(name) ?? []);
    const others = [...new Set(chosen)].filter((index) => backends.every(({ service }) => service !== index));
    return [...backends, ...others.map((service) => ({ service, weight: 0, source }))];
  }

  /** A policy that answers by itself: its route needs no backend. */
  #answers(index: number): boolean {
    const { phase, act } = this.#steps.steps[index];
    return phase === "answer" && (act as Partial<Step<unknown>>).answers !== undefined;
  }

  /** Of the client: each counts as a header. */
  #clientMatches({ userAgent, consumer: wanted }: MatchConfig, path: Path, own: readonly number[]): FieldMatch[] {
    const found: FieldMatch[] = [];
    if (userAgent !== undefined) {
      const value = `of the kind ${userAgent.join(" or ")}`;
      found.push({ name: "user-agent", value, test: (text) => userAgent.includes(clientKind(text)) });
    }
    if (wanted === undefined) return found;
    const at = [...path, "consumer"];
    const known = this.#consumerList.find(({ name }) => name === wanted);
    const place = this.#stepsAt(own)
      .map(({ policy, config }) => policy.consumerPlace?.(config))
      .find((one) => one !== undefined);
    if (known?.apiKey === undefined) {
      const near = nearest(
        wanted,
        this.#consumerList.map(({ name }) => name),
      );
      const hint = near === undefined || near === wanted ? "" : ` Did you mean \`${near}\`?`;
      this.#problems.value("SY106", at, `There is no consumer \`${wanted}\` with an \`apiKey\`.${hint}`);
    } else if (place?.in !== "header") {
      const message =
        "`consumer` needs an `apiKey` policy on this route that reads a header: the route is chosen by the key, and the policy judges it.";
      this.#problems.value("SY106", at, message);
    } else {
      const { apiKey } = known;
      const test = (text: string | undefined) => text !== undefined && sameSecret(text, apiKey);
      found.push({ name: place.name, value: `the key of ${wanted}`, test, hidden: true });
    }
    return found;
  }

  #match(config: MatchConfig, path: Path, preflights = false, own: readonly number[] = []): PlanMatch {
    return {
      path: pathMatch(config.path),
      methods: config.methods ?? [],
      ...(preflights ? { preflights } : {}),
      headers: [
        ...pairs(config.headers).map(({ name, value }) => ({ name: name.toLowerCase(), value })),
        ...this.#clientMatches(config, path, own),
      ],
      query: pairs(config.query),
      source: this.#problems.tree.blockRange(path),
    };
  }

  #reportShadowed(routes: readonly PlanRoute[], order: Plan["order"]): void {
    for (const { route: index, match, by } of shadowedMatches(routes, order)) {
      const loser = routes[index];
      const winner = routes[by.route];
      const where = winner.matches[by.match].source.line;
      const what = loser.matches.length === 1 ? `The route \`${loser.name}\`` : `This match of \`${loser.name}\``;
      const message = `${what} never gets a request: \`${winner.name}\` (line ${where}) matches all of them first.`;
      // Moving helps only where the order of the file decided.
      const equal = loser.matches[match].path.kind === winner.matches[by.match].path.kind;
      const fixes = equal && winner !== loser ? moveUp(this.#problems.tree, loser, winner) : [];
      const range = loser.matches.length === 1 ? this.#nameRange(loser) : loser.matches[match].source;
      this.#problems.add("SY201", range, message, fixes);
    }
  }

  #nameRange(loser: PlanRoute) {
    const { tree } = this.#problems;
    for (const [position, raw] of items(at(this.#value, "routes"))) {
      if (at(raw, "name") === loser.name) return tree.valueRange(["routes", position, "name"]);
    }
    return loser.source;
  }
}

function pairs(record: Readonly<Record<string, string>> | undefined): FieldMatch[] {
  return Object.entries(record ?? {}).map(([name, value]) => ({ name, value }));
}

/** Of an item in a list; its position when it has none that could be one. */
function nameOf(raw: unknown, position: number): string {
  const name = at(raw, "name");
  return typeof name === "string" ? name : String(position);
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

function pathMatch(path: MatchConfig["path"]): PathMatch {
  if (path?.exact !== undefined) return { kind: "exact", value: path.exact };
  if (path?.regex !== undefined) {
    const { source, test } = path.regex;
    return { kind: "regex", value: source, test };
  }
  const prefix = path?.prefix ?? "/";
  // `/orders/` and `/orders` hold for the same paths (Gateway API, PathMatchPathPrefix).
  return { kind: "prefix", value: prefix.length > 1 ? prefix.replace(/\/+$/, "") : prefix };
}
