/**
 * A connection of layer 4 and the request that it carried, as a gateway with two listeners tells of them.
 * Must not read a clock or randomness.
 */
import type { ConnectionView, LayerView } from "../../src/contract/detail.ts";

const layer = (id: number, more: Partial<LayerView>): LayerView => ({
  id,
  depth: 0,
  listener: "nlb",
  layer: 4,
  speaks: "TCP",
  current: false,
  state: "ok",
  status: 0,
  what: "TCP connection",
  link: "",
  more: 0,
  knows: [{ name: "client", value: "127.0.0.1:50122" }],
  hidden: [],
  steps: [],
  balance: "RoundRobin: the turn of :9081",
  target: "albs :9081",
  duration: 12,
  ...more,
});

/** Of rows 1 and 2: a connection, and the request that it carried. */
export const layersOf = (current: number): LayerView[] => [
  layer(1, { termination: "--", hidden: ["method, path, headers and status"], current: current === 1, more: 4 }),
  layer(2, {
    depth: 1,
    listener: "alb-a",
    layer: 7,
    speaks: "HTTP",
    state: "rejected",
    status: 403,
    what: "GET /api/orders/7",
    link: "its PROXY header names the same client as the layer before (same address and port)",
    knows: [{ name: "path", value: "/api/orders/7" }],
    steps: [{ label: "ipFilter", sentence: "127.0.0.1 is denied", state: "stop" }],
    target: "",
    current: current === 2,
  }),
];

export const connectionOf = (): ConnectionView => ({
  client: "127.0.0.1:50122",
  destination: "127.0.0.1:9000",
  server: "albs :9081",
  proxySent: "PROXY 127.0.0.1 127.0.0.1 50122 9000 (v2)",
  termination: "CD",
  ended: "the client aborted it while data could flow",
  sees: ["addresses and ports of both sides"],
  hidden: ["method, path, headers and status"],
});
