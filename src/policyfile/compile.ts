/**
 * A policy file whose fields are all right -> the Plan. Runs over every part also when others have faults, so that
 * checks of policies and secrets are reported in the same pass; the plan is used only when nothing is wrong.
 * Must not check the shape of fields: their declarations do.
 */
import type { Millis } from "../model/basics.ts";
import type { Plan, PlanBackend, PlanListener, PlanRoute, PlanService } from "../model/plan.ts";
import type { Consumer, Step } from "../model/policy.ts";
import { compileConsumers } from "./compile-consumers.ts";
import { compileMatch } from "./compile-match.ts";
import { ServiceCompiler } from "./compile-services.ts";
import { StepCompiler } from "./compile-steps.ts";
import { listener, route, type ListenerConfig, type RouteConfig } from "./document.ts";
import { checkCertificates, checkListener, checkRoute, checkServices, checkSteps, isLayer4 } from "./layers.ts";
import { at, fields, items } from "./names.ts";
import { orderOf, shadowedMatches } from "./precedence.ts";
import type { Problems } from "./problems.ts";
import { checkNames, planTls } from "./secure.ts";
import type { Sources } from "./secrets.ts";
import { checkRetry, childRoute, mirrorRoute, planHedge, planRetry } from "./sending.ts";
import type { MirrorConfig } from "./sending-fields.ts";
import { moveUp } from "./move.ts";
import type { Path } from "./tree.ts";
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
  readonly #services: ServiceCompiler;
  readonly #consumerList: readonly Consumer[];
  /** Names to indexes; a doubled name keeps its first. */
  readonly #listenerIndex = new Map<string, number>();
  /** Steps of each listener, by index. */
  readonly #listenerSteps: (readonly number[])[] = [];
  /** Where each listener stands, by index. */
  readonly #listenerPlaces: { readonly config: ListenerConfig; readonly path: Path }[] = [];

  constructor(problems: Problems, sources: Sources) {
    this.#problems = problems;
    this.#sources = sources;
    this.#value = problems.tree.value;
    this.#consumerList = compileConsumers(problems, sources);
    this.#steps = new StepCompiler(problems, sources, this.#consumerList);
    this.#services = new ServiceCompiler(problems, sources, this.#steps);
  }

  plan(): Plan {
    for (const [name, value] of Object.entries(fields(at(this.#value, "policies")))) this.#steps.declare(name, value);
    const listeners = this.#listeners();
    const services = this.#services.compile();
    const routes = this.#routes(listeners, services);
    this.#listenerRoutes(listeners, services, routes);
    checkNames(this.#problems, listeners, routes);
    const order = listeners.map((_, index) => orderOf(routes, index));
    this.#reportShadowed(routes, order);
    return { file: this.#problems.tree.file, listeners, services, routes, steps: this.#steps.steps, order };
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
      const steps = backends.flatMap(({ service }) => this.#services.steps[service]);
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
          connect: config.timeouts?.connect ?? CONNECT,
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
      const service = this.#services.index.get(backend.service);
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
    const service = config && this.#services.index.get(config.service);
    // Reported as a missing service, or its own fields are wrong; at layer 4 as a field that needs HTTP.
    if (config === undefined || service === undefined || of.layer4) return;
    const at = [...path, "mirror"];
    const source = this.#problems.tree.blockRange(at);
    const made = mirrorRoute(of, routes.length, service, this.#steps.arrange(this.#services.steps[service]), source);
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
        const service = request.service === undefined ? undefined : this.#services.index.get(request.service);
        // A missing service is reported where its name stands.
        if (request.service !== undefined && service === undefined) continue;
        const own = service === undefined ? undefined : this.#steps.arrange(this.#services.steps[service]);
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
    const arranged = this.#steps.arrange(own, ...services.map((target) => this.#services.steps[target]));
    const listeners =
      config.listeners?.flatMap((name) => this.#listenerIndex.get(name) ?? []) ??
      all.flatMap((listener, i) => (isLayer4(listener) ? [] : [i]));
    if (layer4) {
      const steps = [...own, ...services.flatMap((target) => this.#services.steps[target])];
      checkSteps(this.#problems, this.#stepsAt(steps), config.name);
    } else if (listeners.length === 0 && config.listeners === undefined && this.#allListenersRead(all)) {
      const message = `The route \`${config.name}\` never gets a request: the file has no HTTP listener.`;
      this.#problems.value("SY201", [...path, "name"], message);
    }
    // A key judged on a listener is hidden from the backend as well; the step knows through which listener.
    const onListeners = this.#steps.arrange(listeners.flatMap((listener) => this.#listenerSteps[listener]));
    const bodies = [...(onListeners.bodies ?? []), ...(arranged.bodies ?? [])];
    const preflights = arranged.steps.some((step) => this.#steps.steps[step].policy.preflights === true);
    const known = { problems: this.#problems, consumers: this.#consumerList, steps: this.#stepsAt(own), preflights };
    const matches = config.matches?.map((match, position) =>
      compileMatch(match, [...path, "matches", position], known),
    );
    return {
      index,
      name: config.name,
      listeners,
      hostnames: config.hostnames ?? [],
      matches: matches ?? [compileMatch({}, path, { ...known, preflights: false })],
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
    const chosen = (policy.chooses?.(config) ?? []).flatMap((name) => this.#services.index.get(name) ?? []);
    const others = [...new Set(chosen)].filter((index) => backends.every(({ service }) => service !== index));
    return [...backends, ...others.map((service) => ({ service, weight: 0, source }))];
  }

  /** A policy that answers by itself: its route needs no backend. */
  #answers(index: number): boolean {
    const { phase, act } = this.#steps.steps[index];
    return phase === "answer" && (act as Partial<Step<unknown>>).answers !== undefined;
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

/** Of an item in a list; its position when it has none that could be one. */
function nameOf(raw: unknown, position: number): string {
  const name = at(raw, "name");
  return typeof name === "string" ? name : String(position);
}
