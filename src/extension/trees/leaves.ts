/**
 * Services, routes and limits of the gateway as rows of a tree. Health is always an icon and a word.
 * Must not know VS Code and must not read a clock: what changes with time comes from the gateway.
 */
import type { LimitKeyView, LimitsView, LimitView } from "../../contract/limits.ts";
import type { EndpointView, RouteView, ServiceView, ServicesView } from "../../contract/services.ts";
import { milliseconds, percent, plain, rate, type Leaf } from "./leaf.ts";

interface Look {
  readonly icon: string;
  readonly color?: string;
  readonly word: string;
}

const HEALTH: Readonly<Record<EndpointView["health"], Look>> = {
  up: { icon: "pass-filled", color: "testing.iconPassed", word: "up" },
  down: { icon: "error", color: "testing.iconFailed", word: "down" },
  ejected: { icon: "circle-slash", color: "testing.iconFailed", word: "ejected" },
  drain: { icon: "arrow-circle-down", color: "charts.yellow", word: "draining" },
  maintenance: { icon: "tools", color: "charts.yellow", word: "in maintenance" },
  unknown: { icon: "circle-outline", color: "disabledForeground", word: "not tried yet" },
  starting: { icon: "loading~spin", color: "charts.blue", word: "starting" },
  restarting: { icon: "refresh", color: "testing.iconFailed", word: "restarting" },
  leaving: { icon: "arrow-circle-down", color: "disabledForeground", word: "leaving" },
  forbidden: { icon: "workspace-untrusted", color: "charts.yellow", word: "not started" },
};

export function serviceLeaves(view: ServicesView | undefined): Leaf[] {
  return (view?.services ?? []).map(serviceLeaf);
}

function serviceLeaf(service: ServiceView): Leaf {
  const { name, healthy, total } = service;
  const state = healthy === total ? "ok" : healthy === 0 ? "down" : "part";
  const look = {
    ok: { icon: "server", color: "testing.iconPassed" },
    part: { icon: "warning", color: "charts.yellow" },
    down: { icon: "error", color: "testing.iconFailed" },
  }[state];
  const scaling = service.scale === undefined || service.scale === total ? "" : ` · scaling to ${service.scale}`;
  const description = `${healthy}/${total} healthy${scaling} · ${rate(service.perSecond)}`;
  return {
    id: `service/${name}`,
    label: name,
    description,
    ...look,
    tooltip: `**${plain(name)}**\n\n${healthy} of ${total} replicas healthy, ${rate(service.perSecond)}\n\nbalanced by ${plain(service.algorithm)}${service.sentence === undefined ? "" : `\n\n${plain(service.sentence)}`}`,
    say: `Service ${name}, ${healthy} of ${total} healthy, ${rate(service.perSecond)}`,
    context: service.scale === undefined ? "switchyard.service" : "switchyard.service.managed",
    endpoint: { service: name, url: "" },
    location: service.location,
    filter: `service:${name}`,
    children: service.endpoints.map((endpoint) => endpointLeaf(name, endpoint)),
  };
}

/** Median and 95th percentile of late, else the running mean. */
function latencyOf({ latency, p50 = -1, p95 = -1 }: EndpointView): string {
  if (p50 >= 0) return ` · p50 ${milliseconds(p50)}, p95 ${milliseconds(p95)}`;
  return latency < 0 ? "" : ` · ${milliseconds(latency)}`;
}

function endpointLeaf(service: string, endpoint: EndpointView): Leaf {
  const look = HEALTH[endpoint.health];
  const latency = latencyOf(endpoint);
  const busy = `${endpoint.inFlight} in flight${latency}`;
  const state = endpoint.health === "up" ? `up · ${busy}` : sentenceOf(endpoint, look);
  const simulated = endpoint.simulation === undefined ? "" : `simulated: ${endpoint.simulation}`;
  const description = simulated === "" ? state : `${simulated} · ${state}`;
  const lines = [
    `**${plain(endpoint.label)}** ${plain(endpoint.url)}`,
    ...(simulated === "" ? [] : [`$(beaker) ${plain(simulated)}`]),
    plain(endpoint.sentence || look.word),
    `${busy}, ${rate(endpoint.perSecond)}, ${percent(endpoint.share)} of the service's traffic, weight ${endpoint.weight}`,
  ];
  return {
    id: `service/${service}/${endpoint.url}/${endpoint.index}`,
    label: endpoint.label,
    description,
    ...(simulated === "" ? { icon: look.icon, color: look.color } : { icon: "beaker", color: "charts.purple" }),
    tooltip: lines.join("\n\n"),
    say: `Replica ${endpoint.label} of ${service}, ${simulated === "" ? "" : `${simulated}, `}${sentenceOf(endpoint, look)}, ${busy}`,
    context: contextOf(endpoint),
    endpoint: { service, url: endpoint.url },
    location: endpoint.location,
    filter: `service:${service} replica:${endpoint.label}`,
    children: [],
  };
}

/** Words that the menus of the manifest look for: ".up", ".managed", ".simulated". */
function contextOf({ health, managed, simulation, admin }: EndpointView): string {
  const words = [health, ...(admin === undefined || admin === "Up" ? [] : ["held"])];
  if (managed === true) words.push("managed");
  if (simulation !== undefined) words.push("simulated");
  return `switchyard.endpoint.${words.join(".")}`;
}

function sentenceOf(endpoint: EndpointView, look: Look): string {
  if (endpoint.sentence === "") return look.word;
  return endpoint.sentence.startsWith(look.word) ? endpoint.sentence : `${look.word} · ${endpoint.sentence}`;
}

export function routeLeaves(view: ServicesView | undefined): Leaf[] {
  return (view?.routes ?? []).map(routeLeaf);
}

function routeLeaf(route: RouteView): Leaf {
  const refused = route.rejectedShare > 0 ? ` · ${percent(route.rejectedShare)} rejected` : "";
  const traffic = `${route.total === 0 ? "no traffic yet" : rate(route.perSecond)}${refused}`;
  return {
    id: `route/${route.name}`,
    label: route.name,
    description: `${route.summary} · ${traffic}`,
    icon: route.rejectedShare > 0.2 ? "shield" : "git-branch",
    color: route.rejectedShare > 0.2 ? "charts.yellow" : undefined,
    tooltip: `**${plain(route.name)}** ${plain(route.summary)}\n\n${traffic}\n\n${route.total} requests since the gateway started`,
    say: `Route ${route.name}, ${route.summary}, ${traffic}`,
    context: "switchyard.route",
    location: route.location,
    filter: `route:${route.name}`,
    children: [],
  };
}

/** @param elapsed milliseconds since the view was true: buckets fill meanwhile without a message. */
export function limitLeaves(view: LimitsView | undefined, elapsed = 0): Leaf[] {
  return (view?.limits ?? []).map((limit) => {
    const keys = limit.keys.map((key) => aged(limit, key, elapsed));
    const filled = limit.keys.filter((key, at) => key.nextIn > 0 && keys[at].nextIn === 0).length;
    return limitLeaf({ ...limit, keys, emptyCount: Math.max(0, limit.emptyCount - filled) });
  });
}

/** Whether some bucket still fills after `elapsed` milliseconds. */
export function stillFilling(view: LimitsView | undefined, elapsed: number): boolean {
  return (view?.limits ?? []).some(({ keys }) => keys.some(({ fullIn }) => fullIn > elapsed));
}

function aged({ perSecond }: LimitView, key: LimitKeyView, elapsed: number): LimitKeyView {
  if (key.frozen === true) return key;
  const left = key.fullIn <= elapsed ? key.capacity : Math.min(key.capacity, key.left + (perSecond * elapsed) / 1000);
  return { ...key, left, nextIn: Math.max(0, key.nextIn - elapsed), fullIn: Math.max(0, key.fullIn - elapsed) };
}

function limitLeaf(limit: LimitView): Leaf {
  const keys = limit.keyCount === 0 ? "no keys yet" : `${limit.emptyCount}/${limit.keyCount} keys empty`;
  const children = limit.keys.map((key) => keyLeaf(limit, key));
  const hidden = limit.keyCount - limit.keys.length;
  if (hidden > 0) children.push(moreLeaf(limit, hidden));
  return {
    id: `limit/${limit.identity}`,
    label: limit.name,
    description: `${keys} · ${limit.text}`,
    icon: "dashboard",
    color: limit.emptyCount > 0 ? "charts.yellow" : undefined,
    tooltip: `**${plain(limit.name)}** of ${plain(limit.owner)}\n\n${plain(limit.text)}, ${plain(limit.algorithm)}\n\n${keys}`,
    say: `Limit ${limit.name} of ${limit.owner}, ${limit.text}, ${keys}`,
    context: "switchyard.limit",
    location: limit.location,
    filter: `policy:${limit.name}`,
    bucket: { identity: limit.identity },
    children,
  };
}

const CELLS = 8;

function keyLeaf(limit: LimitView, key: LimitKeyView): Leaf {
  const share = limit.capacity === 0 ? 0 : Math.min(1, Math.max(0, key.left / limit.capacity));
  const filled = key.left < 1 ? 0 : Math.max(1, Math.round(share * CELLS));
  const gauge = "█".repeat(filled) + "░".repeat(CELLS - filled);
  const left = `${Math.floor(key.left)}/${key.capacity}`;
  const next = key.nextIn > 0 ? ` next ${milliseconds(key.nextIn)}` : "";
  const refused = key.rejected > 0 ? ` · ${key.rejected} rejected` : "";
  const frozen = key.frozen === true;
  const empty = key.nextIn > 0 || (frozen && key.left < 1);
  return {
    id: `limit/${limit.identity}/${key.key}`,
    label: key.key,
    description: `${gauge} ${left}${next}${frozen ? " · frozen" : ""}${refused}`,
    icon: frozen ? "debug-pause" : empty ? "circle-slash" : "key",
    color: empty ? "testing.iconFailed" : undefined,
    tooltip: `**${plain(key.key)}** has ${left} left${plain(next)}\n\n${frozen ? "frozen by hand: it neither refills nor empties, until it is thawed or the gateway ends" : `full in ${plain(milliseconds(key.fullIn))}`}\n\n${key.rejected} rejected`,
    say: `Key ${key.key}, ${left} left${next}${frozen ? ", frozen" : ""}${refused}`,
    context: `switchyard.key${limit.adjustable === true ? (frozen ? ".frozen" : ".free") : ""}`,
    location: limit.location,
    filter: `policy:${limit.name} key:${key.key}`,
    bucket: { identity: limit.identity, key: key.key },
    children: [],
  };
}

function moreLeaf(limit: LimitView, hidden: number): Leaf {
  const label = `${hidden} more`;
  const why = "Emptiest first; Reset Bucket… searches all of them.";
  return {
    id: `limit/${limit.identity}//more`,
    label,
    description: "",
    icon: "ellipsis",
    tooltip: why,
    say: `${label}. ${why}`,
    context: "switchyard.more",
    location: limit.location,
    children: [],
  };
}
