/**
 * The layer-4 hash: addresses, and with more fields protocol and ports, of a flow decide its endpoint; the same flow goes
 * to the same endpoint, and few move when one leaves. Azure calls the choices 2-, 3- and 5-tuple; HAProxy's `balance source`
 * is near the first. The table is a Maglev table, walked as ConsistentHash walks it.
 * Must not read anything of a request: at layer 7 it hashes the connection's addresses all the same.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import type { BalancerKind } from "../model/balancer.ts";
import { ConsistentHash, consistentHash, tableOf } from "./consistent-hash.ts";

const config = z.strictObject({
  tuple: z.prefault(z.union([z.literal(2), z.literal(3), z.literal(5)], { error: "must be 2, 3 or 5" }), 2).check(
    z.meta({
      description:
        "What is hashed. 2: source and destination address, so that a client stays with its endpoint. 3: and the protocol. 5: and both ports, so that each connection is by itself.",
      examples: [2, 5],
    }),
  ),
});

export type SourceHashConfig = z.infer<typeof config>;

/** Fields are joined by a letter that none of them holds. */
function tupleReader(tuple: SourceHashConfig["tuple"]): (x: Passage) => string {
  return ({ arrival }) => {
    const addresses = `${arrival.clientIp} ${arrival.localIp ?? ""}`;
    if (tuple === 2) return addresses;
    // TLS is passed through: what the network sees of it is TCP.
    const protocol = arrival.protocol === "udp" ? "udp" : "tcp";
    if (tuple === 3) return `${addresses} ${protocol}`;
    return `${addresses} ${protocol} ${arrival.clientPort} ${arrival.localPort ?? 0}`;
  };
}

export const sourceHash: BalancerKind<SourceHashConfig, null> = {
  type: "SourceHash",
  summary: "The same flow goes to the same endpoint, by a hash of its addresses and, if wanted, protocol and ports.",
  example: "type: SourceHash\ntuple: 2",
  config,
  // Another key, the same walk: its notes are ConsistentHash's, in its order.
  reasons: {
    ...consistentHash.reasons,
    home: (x, y, label) => `its addresses belong to ${label(x)} (slot ${y})`,
    moved: (x, y, label) => `its addresses belong to ${label(x)}, which could not take it: passed on to slot ${y}`,
  },
  concerns: consistentHash.concerns,
  state: () => null,
  compile: ({ tuple }, endpoints) => new ConsistentHash(tableOf("maglev", endpoints), tupleReader(tuple), 0),
};
