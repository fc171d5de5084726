/**
 * What the page says when there is nothing to show, or when what it shows is old: stopped, starting, lost, an invalid
 * policy, nothing yet, paused, filtered out. Each state names what is the case and the way on.
 * Must not guess: every word comes from the connection, the status or the counts.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { PageCommand } from "../../src/contract/page.ts";
import type { Host } from "../channel/host.ts";
import type { Session } from "../session.ts";
import { icon } from "./icon.ts";
import { clock, duration, fileName, percent, rate, whole } from "./words.ts";

type Shown = TemplateResult | typeof nothing;

/** A button for one of the window's commands; none in a browser, which has no window. */
function offer(host: Host, command: PageCommand, words: string): Shown {
  return host.canStart ? html`<button @click=${() => host.run(command)}>${words}</button>` : nothing;
}

interface BannerActions {
  retry(): void;
  showServices(): void;
}

export function banner(session: Session, host: Host, heard: string, { retry, showServices }: BannerActions): Shown {
  const { connection, status } = session;
  if (connection.state === "mismatch")
    return html`<div class="banner bad" role="alert">${icon("warning")} ${connection.message} Reload the page.</div>`;
  if (connection.state === "lost")
    return html`<div class="banner bad" role="alert">
      ${icon("debug-disconnect")}
      <span><b>Gateway lost.</b> Shown as of ${heard}.</span>
      ${
        host.canStart
          ? html`<button @click=${() => host.startGateway()}>Restart</button>`
          : html`<button @click=${retry}>Connect Again</button>`
      }
      ${offer(host, "showLog", "Log")}
    </div>`;
  if (status?.policy.invalid === true) return invalidPolicy(status.policy, host);
  const blocked = status?.listeners.find((listener) => listener.problem !== undefined);
  if (blocked !== undefined)
    return html`<div class="banner warn" role="alert">
      ${icon("warning")} <span>${blocked.url}: ${blocked.problem}</span> ${offer(host, "showLog", "Log")}
    </div>`;
  const down = status?.unhealthy.filter((service) => / 0\/\d+$/u.test(service)) ?? [];
  if (down.length > 0) return servicesDown(down, host, showServices);
  if (status?.state === "draining")
    return html`<div class="banner" role="status">${icon("ellipsis")} Draining: requests in flight may end.</div>`;
  return nothing;
}

/** Beside any other banner: what is pretended is never out of sight. */
export function simulationBanner(session: Session, end: () => void): Shown {
  const simulations = session.status?.simulations ?? [];
  if (simulations.length === 0) return nothing;
  return html`<div class="banner warn simulating" role="status">
    ${icon("beaker")}
    <span
      ><b>Simulating ${simulations.length}.</b>
      ${simulations.map(({ service, label, words }) => `${service} ${label}: ${words}`).join("; ")}.</span
    >
    <button @click=${end}>End</button>
  </div>`;
}

/** Frozen buckets are never out of sight either. */
export function frozenBanner(session: Session, thaw: () => void): Shown {
  const frozen = session.status?.frozen ?? [];
  if (frozen.length === 0) return nothing;
  const shown = frozen.slice(0, 3).map(({ name, key }) => `${name} ${key}`);
  const more = frozen.length > shown.length ? ` and ${frozen.length - shown.length} more` : "";
  return html`<div class="banner warn frozen" role="status">
    ${icon("circle-slash")}
    <span><b>Frozen:</b> ${shown.join(", ")}${more}. It ends with the gateway.</span>
    <button @click=${thaw}>Thaw</button>
  </div>`;
}

/** @param down "orders 0/3" */
function servicesDown(down: readonly string[], host: Host, show: () => void): TemplateResult {
  const words = down.map((service) => service.replace(/ 0\/(\d+)$/u, ": none of $1 healthy"));
  return html`<div class="banner warn" role="status">
    ${icon("warning")}
    <span><b>${down.length === 1 ? "A service is down." : "Services are down."}</b> ${words.join("; ")}.</span>
    ${offer(host, "runScripts", "Run Script")}
    <button @click=${show}>Show</button>
  </div>`;
}

function invalidPolicy(policy: NonNullable<Session["status"]>["policy"], host: Host): TemplateResult {
  const first = policy.diagnostics.find((diagnostic) => diagnostic.severity === "error") ?? policy.diagnostics[0];
  return html`<div class="banner bad" role="alert">
    ${icon("error")}
    <span
      ><b>Policy invalid.</b> ${first === undefined ? "" : `Line ${first.location.line}: ${first.message}`} Serving the
      ${clock(policy.acceptedAt)} version.</span
    >
    ${
      first === undefined
        ? nothing
        : html`<button @click=${() => host.openLocation(first.location)}>
            ${host.opensEditor ? "Go to Line" : `Copy ${fileName(first.location.file)}:${first.location.line}`}
          </button>`
    }
    ${offer(host, "comparePolicy", "Diff")}
  </div>`;
}

interface EmptyActions {
  clearFilter(): void;
  record(): void;
}

export function emptyState(session: Session, host: Host, actions: EmptyActions): Shown {
  const { connection, traffic } = session;
  const { counts } = traffic;
  if (connection.state === "stopped") return stopped(session, host);
  if (connection.state === "starting" && counts === undefined) return message("sync", "Starting the gateway…");
  if (connection.state === "connecting")
    return message("sync", "Connecting to the gateway…", html`<p class="dim">${connection.message}</p>`);
  if (counts === undefined)
    return connection.state === "lost"
      ? message("debug-disconnect", "The gateway is not there.", html`<p class="dim">${connection.message}</p>`)
      : message("ellipsis", "Loading…");
  if (traffic.span.end > traffic.span.first) return nothing;
  if (counts.total > 0 && traffic.filter !== "")
    return message(
      "filter",
      html`${whole(counts.total)} hidden by the filter.`,
      html`<button class="primary" @click=${actions.clearFilter}>Clear Filter</button>`,
    );
  if (!counts.recording)
    return message(
      "record",
      "Recording is stopped.",
      html`<p class="dim">Requests pass the gateway but are not kept.</p>
        <button class="primary" @click=${actions.record}>Start Recording</button>`,
    );
  return noTraffic(session, host);
}

function stopped(session: Session, host: Host): TemplateResult {
  if (!session.connection.trusted)
    return message(
      "lock",
      "This workspace is in Restricted Mode.",
      html`<p class="dim">The policy is read-only and no gateway is started until you trust it.</p>
        ${offer(host, "manageTrust", "Manage Trust")}`,
    );
  return message(
    "debug-disconnect",
    "Gateway stopped.",
    html`${session.connection.message === "" ? nothing : html`<p class="dim">${session.connection.message}</p>`}
    ${host.canStart ? html`<button class="primary" @click=${() => host.startGateway()}>Start</button>` : nothing}`,
  );
}

function noTraffic(session: Session, host: Host): TemplateResult {
  const url = session.status?.listeners[0]?.url;
  const command = url === undefined ? undefined : `curl -i ${url}/`;
  return message(
    "ellipsis",
    "No traffic yet.",
    command === undefined
      ? nothing
      : html`<p class="dim">Point your client at ${url}, or try:</p>
          <div class="command">
            <code class="num">${command}</code>
            <button class="bare" aria-label="Copy the command" title="Copy" @click=${() => host.copyText(command)}>
              ${icon("copy")}
            </button>
          </div>
          ${offer(host, "sendTest", "Send Test")}`,
  );
}

function message(glyph: string, title: unknown, more: unknown = nothing): TemplateResult {
  return html`<div class="empty-state">
    ${icon(glyph, "large")}
    <p class="empty-title">${title}</p>
    ${more}
  </div>`;
}

export function footer(session: Session, host: Host): TemplateResult {
  const { counts, filter, frozen } = session.traffic;
  const { status } = session;
  if (counts === undefined) return html`<footer class="foot"></footer>`;
  const share = counts.rejectedShare;
  return html`<footer class="foot num" aria-label="Summary">
    <span
      >${filter === "" ? `${whole(counts.total)} requests` : `${whole(counts.matched)} of ${whole(counts.total)}`}</span
    >
    ${
      counts.dropped > 0
        ? html`<span title="The ring is full: the oldest were dropped">${whole(counts.dropped)} older dropped</span>`
        : nothing
    }
    ${frozen ? html`<span class="tone-warn">view frozen</span>` : nothing}
    ${counts.recording ? nothing : html`<span class="tone-warn">not recording</span>`}
    <span>${rate(counts.perSecond)}</span>
    ${counts.p95 < 0 ? nothing : html`<span>p95 ${duration(counts.p95)}</span>`}
    <span class=${share > 0 ? "tone-stop" : ""}>${percent(share)} refused</span>
    ${
      status === undefined || host.place === "sidebar"
        ? nothing
        : html`<span class="plan">plan ${status.policy.revision}, saved ${clock(status.policy.acceptedAt)}</span>`
    }
  </footer>`;
}
