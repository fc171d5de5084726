/**
 * The services with their replicas, and the routes: health as glyph and word, requests in flight, share of traffic.
 * VS Code shows these as native trees; this is for the browser and the wide panel. Must not compute health.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { EndpointView, RouteView, ServicesView as Services, ServiceView } from "../../src/contract/services.ts";
import { replicaMenu, scaler } from "./replica-menu.ts";
import { PageElement } from "../parts/element.ts";
import { icon } from "../parts/icon.ts";
import { placeLink, type OpenPlace } from "../parts/place.ts";
import { sparkline } from "../parts/sparkline.ts";
import { duration, percent, rate, whole } from "../parts/words.ts";

const HEALTH: Readonly<Record<EndpointView["health"], { icon: string; tone: string }>> = {
  up: { icon: "check", tone: "ok" },
  down: { icon: "error", tone: "bad" },
  ejected: { icon: "circle-slash", tone: "stop" },
  drain: { icon: "arrow-down", tone: "warn" },
  maintenance: { icon: "pause", tone: "warn" },
  unknown: { icon: "question", tone: "quiet" },
  starting: { icon: "sync", tone: "quiet" },
  restarting: { icon: "sync", tone: "bad" },
  leaving: { icon: "arrow-down", tone: "quiet" },
  forbidden: { icon: "circle-slash", tone: "warn" },
};

export class ServicesArea extends PageElement {
  static override properties = {
    services: { attribute: false },
    shown: { type: String },
    open: { attribute: false },
  };
  declare services: Services | undefined;
  declare shown: "services" | "routes";
  declare open: OpenPlace;

  constructor() {
    super();
    this.shown = "services";
  }

  #filter(text: string): void {
    this.dispatchEvent(new CustomEvent("show-traffic", { detail: text, bubbles: true }));
  }

  protected override render(): TemplateResult {
    const { services } = this;
    const content =
      services === undefined
        ? html`<p class="note">Loading…</p>`
        : this.shown === "services"
          ? services.services.map((service) => this.#service(service))
          : this.#routes(services.routes);
    return html`<div class="area-body" tabindex="0" role="region" aria-label=${this.shown}>${content}</div>`;
  }

  #service(service: ServiceView): TemplateResult {
    const short = service.healthy < service.total;
    return html`<section class="service" aria-label="Service ${service.name}">
      <h2>
        ${service.name} ${placeLink(service.location, this.open)}
        <span class="facts-line dim"
          ><span class=${short ? "tone-stop" : "tone-ok"}>${service.healthy} of ${service.total} healthy</span> ·
          ${service.algorithm} · ${rate(service.perSecond)}</span
        >
        ${scaler(service)}
        ${service.sentence === undefined ? nothing : html`<span class="facts-line dim">${service.sentence}</span>`}
      </h2>
      <ul class="endpoints">
        ${service.endpoints.map((endpoint) => this.#endpoint(service, endpoint))}
      </ul>
    </section>`;
  }

  #endpoint(service: ServiceView, endpoint: EndpointView): TemplateResult {
    const health = HEALTH[endpoint.health] ?? HEALTH.unknown;
    return html`<li class="endpoint h-${endpoint.health}">
      <span class="tone-${health.tone} health"
        >${endpoint.simulation === undefined ? icon(health.icon) : icon("beaker")} ${endpoint.health}</span
      >
      <button
        class="link num"
        title="Traffic from ${endpoint.url}"
        @click=${() => this.#filter(`replica:${endpoint.label}`)}
      >
        ${endpoint.label}
      </button>
      <span class="meter" aria-hidden="true"><i .style=${`width: ${(endpoint.share * 100).toFixed(1)}%`}></i></span>
      <span class="num right">${percent(endpoint.share)}</span>
      <span class="num right dim">${endpoint.inFlight} in flight</span>
      <span class="num right dim" title=${latencyTitle(endpoint)}>${latencyOf(endpoint)}</span>
      <span class="dim why" title=${wordsOf(endpoint)}>${sparkline(endpoint.history)} ${wordsOf(endpoint)}</span>
      <span class="ends">${placeLink(endpoint.location, this.open)} ${replicaMenu(service.name, endpoint)}</span>
    </li>`;
  }

  #routes(routes: readonly RouteView[]): TemplateResult {
    if (routes.length === 0) return html`<p class="note">No routes.</p>`;
    return html`<table class="routes" aria-label="Routes">
      <thead>
        <tr>
          <th scope="col">Route</th>
          <th scope="col">Matches</th>
          <th scope="col" class="right">Rate</th>
          <th scope="col" class="right">Refused</th>
          <th scope="col" class="right">Requests</th>
          <th scope="col"><span class="unseen">Line</span></th>
        </tr>
      </thead>
      <tbody>
        ${routes.map(
          (route) =>
            html`<tr>
              <th scope="row">
                <button class="link" @click=${() => this.#filter(`route:${route.name}`)}>${route.name}</button>
              </th>
              <td class="num">${route.summary}</td>
              <td class="num right">${rate(route.perSecond)}</td>
              <td class="num right ${route.rejectedShare > 0 ? "tone-stop" : "dim"}">
                ${percent(route.rejectedShare)}
              </td>
              <td class="num right dim">${whole(route.total)}</td>
              <td>${placeLink(route.location, this.open) ?? nothing}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
  }
}

function wordsOf({ health, sentence, simulation }: EndpointView): string {
  const simulated = simulation === undefined ? [] : [`simulated: ${simulation}`];
  return [...simulated, ...(sentence === health ? [] : [sentence])].join(" · ");
}

/** "12 ms / 340 ms": median and 95th percentile of late, else the running mean. */
function latencyOf({ latency, p50 = -1, p95 = -1 }: EndpointView): string {
  if (p50 >= 0) return `${duration(p50)} / ${duration(p95)}`;
  return latency < 0 ? "–" : duration(latency);
}

function latencyTitle({ p50 = -1 }: EndpointView): string {
  return p50 >= 0
    ? "Time to the first byte over the last 10 s: median / 95th percentile"
    : "Mean time to the first byte";
}
