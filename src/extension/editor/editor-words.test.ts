/** The words that stand in the editor while the gateway runs: lenses, ghost text, status, hints, hovers. */
import assert from "node:assert/strict";
import type { SeriesView } from "../../contract/analytics.ts";
import type { LimitsView } from "../../contract/limits.ts";
import type { RouteView, ServicesView } from "../../contract/services.ts";
import type { WhatIfView } from "../../contract/what-if.ts";
import { liveBlocks } from "../../policyfile/blocks.ts";
import { read } from "../../policyfile/read.ts";
import { ghostText, statusOfPreview } from "./ghost-text.ts";
import { lensLine, limitsOf } from "./lens-text.ts";
import { historyOf, liveMarkdown, unsavedLimit } from "./live-hover.ts";
import { runtimeHints } from "./runtime-hints.ts";

const TEXT = `services:
  orders:
    endpoints: [{ url: http://localhost:4001 }, { url: http://localhost:4002 }]
policies:
  per-user: { rateLimit: { key: header.x-user, requests: 5, per: 1m } }
routes:
  - name: all
    policies: [per-user]
    backendRefs: [{ service: orders }]
`;
const [service, limit, route] = liveBlocks(TEXT);
const stamp = { generation: "g", seq: 1 };
const endpoint = {
  index: 0,
  label: ":4001",
  url: "http://localhost:4001",
  health: "up" as const,
  sentence: "up",
  inFlight: 1,
  weight: 1,
  latency: 3,
  perSecond: 2,
  share: 1,
};

const routeView = (more: Partial<RouteView> = {}): RouteView => ({
  name: "all",
  summary: "any /",
  perSecond: 12.4,
  rejectedShare: 0.021,
  total: 900,
  p95: 38,
  ...more,
});

const services = (more: Partial<RouteView> = {}): ServicesView => ({
  stamp,
  at: 0,
  services: [
    {
      name: "orders",
      algorithm: "LeastRequest",
      healthy: 1,
      total: 2,
      perSecond: 12,
      endpoints: [
        endpoint,
        {
          ...endpoint,
          index: 1,
          label: ":4002",
          health: "ejected",
          sentence: "ejected, back in 18 s after 5 failures",
        },
      ],
    },
  ],
  routes: [routeView(more)],
});

const limits = (
  keys: readonly { key: string; left: number; rejected: number }[],
  keyCount = keys.length,
): LimitsView => ({
  stamp,
  at: 0,
  limits: [
    {
      identity: "route/all/rateLimit/per-user",
      name: "per-user",
      owner: "route all",
      algorithm: "tokenBucket",
      text: "5 per 1m by header.x-user, tokenBucket",
      capacity: 5,
      perSecond: 0.08,
      keys: keys.map((key) => ({ ...key, capacity: 5, nextIn: 0, fullIn: 0 })),
      keyCount,
      emptyCount: keys.filter(({ left }) => left < 1).length,
    },
  ],
});

const seriesOf = (
  kind: SeriesView["kind"],
  name: string,
  rejectedShare: number,
  history: readonly number[],
): SeriesView => ({
  kind,
  name,
  rejectedShare,
  history,
  requests: 9,
  perSecond: 1,
  errorShare: 0,
  p50: 1,
  p95: 1,
  p99: 1,
  bytesIn: 0,
  bytesOut: 0,
});

const live = {
  running: true,
  services: services(),
  limits: limits([
    { key: "alice", left: 0, rejected: 14 },
    { key: "bob", left: 5, rejected: 0 },
  ]),
};
const line = (block: typeof route, numbers: Parameters<typeof lensLine>[1] = live) =>
  lensLine(block, numbers)
    .map(({ title }) => title.replaceAll("\u2007", " "))
    .join(" │ ");

describe("lenses", () => {
  it("say the numbers of a route, a service and a limit in one line each", () => {
    assert.equal(line(route), "▸  12.4 rps · p95  38 ms ·  2.1% rejected │ Traffic │ What-if");
    assert.equal(line(service), "▸ 1/2 healthy · :4002 ejected, back in 18 s │ Traffic");
    assert.equal(line(limit), "▸  50% full · 1/2 keys empty ·  14 rejected │ Keys │ Reset │ What-if");
  });

  it("have a line when the gateway is stopped, idle, or does not know the block yet", () => {
    const stopped = { running: false, services: undefined, limits: undefined };
    assert.equal(line(route, stopped), "▸ — gateway stopped │ Start");
    assert.equal(line(route, { ...live, services: services({ total: 0 }) }), "▸ no traffic yet │ Send Test");
    assert.equal(line(limit, { ...live, limits: limits([]) }), "▸ no traffic yet │ Send Test");
    assert.equal(line({ ...route, name: "new" }), "▸ not saved yet │ What-if");
    assert.equal(line(service, { running: true, services: undefined, limits: undefined }), "▸ …");
  });

  it("keep their width while numbers change", () => {
    const slow = { ...live, services: services({ perSecond: 1.2, p95: 4, rejectedShare: 0.5 }) };
    assert.equal(line(route, slow).length, line(route).length);
  });
});

const view = (more: Partial<WhatIfView>): WhatIfView => ({
  total: 200,
  rejected: 0,
  admitted: 0,
  elsewhere: 0,
  unknown: 0,
  same: 200,
  assumptions: ["given"],
  milliseconds: 3,
  ...more,
});

describe("ghost text", () => {
  const ghost = (more: Partial<WhatIfView>) => ghostText({ kind: "compared", view: view(more), shifts: [] });

  it("says what changes in at most forty characters", () => {
    assert.equal(ghost({ rejected: 14 }), "▲ 14 more rejected of 200");
    assert.equal(ghost({ admitted: 3 }), "▼ 3 fewer rejected of 200");
    assert.equal(ghost({}), "= same (200)");
    assert.equal(ghost({ elsewhere: 5 }), "≈ 5 of 200 otherwise");
    assert.equal(ghost({ unknown: 5 }), "≈ 5 of 200 not known");
    assert.equal(ghost({ total: 0 }), "? none recorded");
    assert.equal(ghostText({ kind: "nothing" }), "? none recorded");
    assert.equal(ghostText({ kind: "invalid", message: "", line: 1 }), undefined);
    const longest = ghost({ rejected: 2048, admitted: 2048, total: 99_999 });
    assert.ok(longest !== undefined && longest.length <= 40, longest);
  });

  it("has a short form for the status bar, and none when nothing changes", () => {
    assert.equal(statusOfPreview(view({ rejected: 14, admitted: 3 })), "+14/−3");
    assert.equal(statusOfPreview(view({})), undefined);
  });
});

describe("hints of the running gateway", () => {
  const hints = (numbers: { services?: ServicesView; limits?: LimitsView }) =>
    runtimeHints([service, limit, route], numbers.services ?? services(), numbers.limits ?? live.limits).map(
      ({ code, message }) => `${code} ${message}`,
    );

  it("tell of replicas that are down", () => {
    assert.deepEqual(hints({}), ["SY301 Replica :4002 of orders: ejected, back in 18 s after 5 failures."]);
  });

  it("tell of a limit on a listener and on a service, by what they let in", () => {
    const on = (owner: string): LimitsView => {
      const { limits: all, ...rest } = live.limits;
      return { ...rest, limits: all.map((one) => ({ ...one, owner })) };
    };
    const told = (owner: string, shares: readonly ReturnType<typeof seriesOf>[]) =>
      runtimeHints([limit], services(), on(owner), shares).map(({ code, message }) => `${code} ${message}`);
    const busy = [seriesOf("gateway", "", 0.4, []), seriesOf("service", "orders", 0.3, [])];
    assert.match(told("listener edge", busy)[0], /^SY302 40% of the requests on listener edge/);
    assert.match(told("service orders", busy)[0], /^SY302 30% of the requests on service orders/);
    assert.deepEqual(told("service orders", [seriesOf("service", "orders", 0.1, [])]), []);
    assert.deepEqual(told("listener edge", []), []);
  });

  it("tell of a limit that rejects more than a fifth, and of a key that nobody has", () => {
    const busy = hints({ services: services({ rejectedShare: 0.34 }) });
    assert.match(busy[1], /^SY302 34% of the requests on route all were rejected/);
    const strange = hints({ limits: limits([{ key: "(none)", left: 2, rejected: 0 }], 1) });
    assert.match(strange[1], /^SY203 No recorded request has header\.x-user/);
  });
});

describe("live hovers", () => {
  const series = [seriesOf("route", "all", 0.02, [0, 0, 9, 0, 4, 8, 16, 2])];
  const hover = (block: typeof route, more: { limits?: LimitsView; unsaved?: string } = {}) => {
    const limits = limitsOf(block, more.limits ?? live.limits);
    const history = historyOf(block, limits, series);
    return liveMarkdown(block, { services: live.services, docs: "page#L9", ...more, limits, history });
  };

  it("say the numbers of the block under the cursor, the last five minutes, and what can be done", () => {
    assert.match(
      hover(route) ?? "",
      /12 rps · p95 38 ms · 2% rejected in the last minute · 5 min ▁▂▄█▁ · .*\[Docs\]\(page#L9\)/,
    );
    assert.match(
      hover(limit) ?? "",
      /^\*\*5 per 1m by header\\\.x\\-user, tokenBucket\*\* on route all · 5 min ▁▂▄█▁ · 1 of 2 keys empty · emptiest: `alice` 0\/5 · `bob` 5\/5 · top rejected `alice` 14 · \[Keys\]\(command:switchyard\.limits\.focus\) · \[What-if\]/,
    );
    assert.match(hover(service) ?? "", /:4002.*ejected/);
    assert.equal(hover({ ...route, name: "x" }), undefined);
  });

  it("say what an unsaved limit would be, beside what it is", () => {
    const text = `version: 1\nlisteners: [{ name: edge, port: 8080 }]\n${TEXT.replace("requests: 5", "requests: 4")}`;
    const { plan } = read(text, "x", { env: () => undefined, file: () => undefined });
    const unsaved = unsavedLimit(limit, plan);
    assert.match(
      hover(limit, { unsaved }) ?? "",
      /^\*\*4 per 1m.*tokenBucket unsaved \(saved 5 per 1m.*tokenBucket\)\*\*/,
    );
    assert.doesNotMatch(hover(limit, { unsaved: unsavedLimit(limit, undefined) }) ?? "", /unsaved/);
  });
});
