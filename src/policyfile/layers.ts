/**
 * What may stand where, by layer: a TCP, TLS or UDP listener sees addresses and a server name at most, so routes,
 * policies and services behind it must not need a request; and services that speak plain TCP or UDP need such a listener.
 * Must not compile anything: it checks what compile has put together.
 */
import type { PlanListener, PlanRoute, PlanService, PlanStep } from "../model/plan.ts";
import type { ListenerConfig } from "./document.ts";
import { fields, get } from "./names.ts";
import type { Problems } from "./problems.ts";
import { removal } from "./removal.ts";
import type { Path } from "./tree.ts";

/** Keys of a route that means something without HTTP. */
const ROUTE_KEYS = new Set(["name", "listeners", "hostnames", "policies", "timeouts", "backendRefs"]);

export function isLayer4({ protocol }: Pick<PlanListener, "protocol">): boolean {
  return protocol === "TCP" || protocol === "TLS" || protocol === "UDP";
}

/** A listener by itself. */
export function checkListener(problems: Problems, config: ListenerConfig, path: Path): void {
  const { protocol, name } = config;
  const wrong = (key: string, message: string): void => {
    const at = [...path, key];
    problems.key("SY218", at, message, removal(problems.tree, at, `Remove \`${key}\``));
  };
  if (!isLayer4(config)) {
    if (config.backendRefs !== undefined) {
      wrong(
        "backendRefs",
        `\`${protocol}\` listeners send requests by \`routes\`: \`backendRefs\` is for TCP, TLS and UDP.`,
      );
    }
    if (config.timeouts !== undefined) {
      wrong(
        "timeouts",
        `Time limits of \`${protocol}\` stand on its routes: on a listener they are for TCP, TLS and UDP.`,
      );
    }
    return;
  }
  if (protocol === "UDP" && config.timeouts?.connect !== undefined) {
    const at = [...path, "timeouts", "connect"];
    const message = "`timeouts.connect` needs a connection, and `UDP` opens none: it has `idle`.";
    problems.key("SY218", at, message, removal(problems.tree, at, "Remove `connect`"));
  }
  if (protocol !== "TLS" && (config.backendRefs ?? []).length === 0) {
    const message = `The listener \`${name}\` sends its connections nowhere: they are refused. Give it \`backendRefs: [{ service: name }]\`.`;
    problems.value("SY216", [...path, "name"], message);
  }
}

export interface RoutePlace {
  readonly path: Path;
  /** Names as written; undefined when the route has no `listeners`. */
  readonly listeners: readonly string[] | undefined;
}

/** A written route by the listeners that it names. @returns true when it is one of layer 4. */
export function checkRoute(
  problems: Problems,
  { path, listeners: named }: RoutePlace,
  listeners: readonly PlanListener[],
): boolean {
  const found = (named ?? []).map((name) => listeners.find((listener) => listener.name === name));
  const layer4 = found.some((listener) => listener !== undefined && isLayer4(listener));
  if (!layer4) return false;
  for (const [position, listener] of found.entries()) {
    if (listener === undefined || listener.protocol === "TLS") continue;
    const message = isLayer4(listener)
      ? `\`${listener.name}\` is a ${listener.protocol} listener: it sees no name to route by, so its \`backendRefs\` stand on the listener itself.`
      : `\`${listener.name}\` is of another layer than the route's TLS listener: give each its own route.`;
    problems.value("SY218", [...path, "listeners", position], message);
  }
  for (const key of Object.keys(fields(get(problems.tree.value, path)))) {
    if (ROUTE_KEYS.has(key)) continue;
    const message = `\`${key}\` needs HTTP, which a TLS listener passes through unread: such a route has \`hostnames\`, \`policies\`, \`timeouts\` (\`connect\`, \`idle\`) and \`backendRefs\`.`;
    const at = [...path, key];
    problems.key("SY218", at, message, removal(problems.tree, at, `Remove \`${key}\``));
  }
  for (const key of ["request", "backendRequest"]) {
    const at = [...path, "timeouts", key];
    if (get(problems.tree.value, at) === undefined) continue;
    const message = `\`timeouts.${key}\` needs requests and answers, which a TLS listener does not see: it has \`connect\` and \`idle\`.`;
    problems.key("SY218", at, message, removal(problems.tree, at, `Remove \`${key}\``));
  }
  return true;
}

/** Policies that need a request, where there is none. */
export function checkSteps(problems: Problems, steps: readonly PlanStep[], listener: string): void {
  for (const step of steps) {
    const { policy, config, kind } = step;
    const reads = step.when === undefined ? policy.layer4?.(config) : "`when`, which looks at the request";
    if (policy.layer4 !== undefined && reads === undefined) continue;
    const what = reads === undefined ? "needs HTTP" : `reads ${reads}`;
    const message = `\`${kind}\` ${what}, and \`${listener}\` works at layer 4, where there are only addresses.`;
    problems.add("SY214", step.source, message);
  }
}

/** Policies that read a client's certificate, where no listener asks for one. @param named as the route names them. */
export function checkCertificates(
  problems: Problems,
  steps: readonly PlanStep[],
  listeners: readonly PlanListener[],
  named: readonly string[] | undefined,
): void {
  const used = listeners.filter((one) => (named === undefined ? !isLayer4(one) : named.includes(one.name)));
  if (used.length === 0 || used.some((one) => one.tls?.clientCertificate !== undefined)) return;
  for (const step of steps) {
    if (step.policy.readsClientCertificate?.(step.config) !== true) continue;
    const names = used.map(({ name }) => `\`${name}\``).join(", ");
    const message = `\`${step.kind}\` will find no certificate: ${names} ${used.length === 1 ? "asks" : "ask"} for none. Give an HTTPS listener \`tls: { clientCertificate: { ca: ./ca.pem, required: false } }\`.`;
    problems.add("SY222", step.source, message);
  }
}

/** Services by what their endpoints speak. @param at paths of the route's backends. */
export function checkServices(
  problems: Problems,
  route: PlanRoute,
  protocol: PlanListener["protocol"],
  services: readonly PlanService[],
  at: Path,
): void {
  for (const [position, backend] of route.backends.entries()) {
    const service = services[backend.service];
    const path = [...at, position, "service"];
    const wrong = (message: string): void => problems.value("SY218", path, message);
    const schemes = new Set(service.endpoints.map(({ url }) => url.split("://")[0].toLowerCase()));
    const allowed = SCHEMES[protocol];
    const bad = [...schemes].find((scheme) => !allowed(scheme));
    if (bad !== undefined) {
      wrong(`\`${service.name}\` has an endpoint \`${bad}:\`, which ${WORDS[protocol]}.`);
    }
    const { proxyProtocol: version } = service;
    const carried = protocol === "TCP" || protocol === "TLS" || (protocol === "UDP" && version === 2);
    if (version !== undefined && !carried) {
      const why =
        protocol === "UDP"
          ? "only version 2 can stand before a datagram; write `v2`"
          : "HTTP connections to backends are shared by clients; they get Forwarded and X-Forwarded-For";
      wrong(`\`${service.name}\` wants PROXY headers (\`proxyProtocol\`): ${why}.`);
    }
  }
}

const bytesOver = (scheme: string): boolean => scheme === "tcp" || scheme === "http";
const messages = (scheme: string): boolean => scheme !== "tcp" && scheme !== "udp";

const SCHEMES: Readonly<Record<PlanListener["protocol"], (scheme: string) => boolean>> = {
  TCP: bytesOver,
  TLS: (scheme) => bytesOver(scheme) || scheme === "https",
  UDP: (scheme) => scheme === "udp",
  HTTP: messages,
  HTTPS: messages,
};

const NOT_HTTP = "an HTTP route cannot send requests to: use http:, or a listener of its own protocol";
const WORDS: Readonly<Record<PlanListener["protocol"], string>> = {
  TCP: "a TCP listener cannot pass bytes to: use tcp: or http:",
  TLS: "a TLS listener cannot pass bytes to: use tcp:",
  UDP: "a UDP listener cannot send datagrams to: use udp:",
  HTTP: NOT_HTTP,
  HTTPS: NOT_HTTP,
};
