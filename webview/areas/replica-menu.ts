/**
 * What a person can do to one replica, or to how many there are, as controls of the services area. They wish by an
 * `act` event; whoever holds the session does it. Must not do anything by themselves.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { AdminState, EndpointView, ServiceView, Simulation } from "../../src/contract/services.ts";

export type ReplicaAct =
  | { readonly kind: "admin"; readonly service: string; readonly url: string; readonly admin: AdminState }
  | {
      readonly kind: "simulate";
      readonly service: string;
      readonly url: string;
      readonly simulation: Simulation | null;
    }
  | { readonly kind: "clearSimulations" }
  | { readonly kind: "scale"; readonly service: string; readonly replicas: number }
  | { readonly kind: "log"; readonly service: string; readonly url: string; readonly label: string };

const MOST = 32;

const SIMULATIONS: readonly { readonly words: string; readonly simulation: Simulation }[] = [
  { words: "Down", simulation: { kind: "down" } },
  { words: "200 ms latency", simulation: { kind: "latency", milliseconds: 200 } },
  { words: "2 s latency", simulation: { kind: "latency", milliseconds: 2000 } },
  { words: "503 always", simulation: { kind: "errors", status: 503, percent: 100 } },
  { words: "503 for 20%", simulation: { kind: "errors", status: 503, percent: 20 } },
];

/** A native menu: one press opens it, arrows choose, Escape leaves. */
export function replicaMenu(service: string, endpoint: EndpointView): TemplateResult {
  const { url, label, admin = "Up", health } = endpoint;
  const acts: { readonly words: string; readonly group: string; readonly act: ReplicaAct }[] = [];
  const admins: readonly [AdminState, string, boolean][] = [
    ["Drain", "Drain", admin === "Up"],
    ["Maintenance", "Take into Maintenance", admin !== "Maintenance"],
    ["Up", "Readmit", admin !== "Up" || health === "ejected" || health === "down"],
  ];
  for (const [state, words, fits] of admins)
    if (fits) acts.push({ words, group: "Replica", act: { kind: "admin", service, url, admin: state } });
  if (endpoint.managed === true)
    acts.push({ words: "Open Log", group: "Replica", act: { kind: "log", service, url, label } });
  for (const { words, simulation } of SIMULATIONS)
    acts.push({ words, group: "Simulate", act: { kind: "simulate", service, url, simulation } });
  if (endpoint.simulation !== undefined)
    acts.push({ words: "Nothing", group: "Simulate", act: { kind: "simulate", service, url, simulation: null } });
  const groups = [...new Set(acts.map(({ group }) => group))];
  const chosen = (event: Event): void => {
    const menu = event.currentTarget as HTMLSelectElement;
    const act = acts[Number(menu.value)]?.act;
    menu.value = "";
    if (act !== undefined) wish(menu, act);
  };
  return html`<select class="acts" aria-label="Act on ${label} of ${service}" .value=${""} @change=${chosen}>
    <option value="" hidden>⋯</option>
    ${groups.map(
      (name) =>
        html`<optgroup label=${name}>
          ${acts.map(({ words, group }, i) =>
            group === name ? html`<option value=${String(i)}>${words}</option>` : nothing,
          )}
        </optgroup>`,
    )}
  </select>`;
}

/** − 3 + for a service whose replicas the gateway runs. */
export function scaler({ name, scale }: ServiceView): TemplateResult | typeof nothing {
  if (scale === undefined) return nothing;
  const to =
    (replicas: number) =>
    (event: Event): void =>
      wish(event.currentTarget as HTMLElement, { kind: "scale", service: name, replicas });
  return html`<span class="scaler" role="group" aria-label="Replicas of ${name}">
    <button ?disabled=${scale <= 1} aria-label="One replica less" title="One replica less" @click=${to(scale - 1)}>
      −
    </button>
    <span class="num" role="status" aria-label="${scale} replicas wanted">${scale}</span>
    <button ?disabled=${scale >= MOST} aria-label="One replica more" title="One replica more" @click=${to(scale + 1)}>
      +
    </button>
  </span>`;
}

function wish(from: HTMLElement, act: ReplicaAct): void {
  from.dispatchEvent(new CustomEvent<ReplicaAct>("act", { detail: act, bubbles: true, composed: true }));
}
