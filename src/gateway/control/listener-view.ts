/**
 * The engine's listeners as the contract's: an address that can be clicked, and what is wrong with it.
 */
import type { ListenerStatus } from "../../contract/status.ts";
import type { ListenerStatus as EngineListener } from "../listen/engine.ts";

export function listenerStatuses(listeners: readonly EngineListener[]): ListenerStatus[] {
  return listeners.map((listener) => {
    const bound = listener.addresses.filter((address) => address.port !== 0);
    const port = bound[0]?.port ?? listener.port;
    // One address of two missing (no IPv6 on this machine) is no problem for anybody.
    const problem = bound.length === 0 ? listener.addresses.find((address) => address.problem)?.problem : undefined;
    const scheme = listener.protocol.toLowerCase();
    return { name: listener.name, url: `${scheme}://${hostOf(bound.map((b) => b.address))}:${port}`, port, problem };
  });
}

function hostOf(addresses: readonly string[]): string {
  if (addresses.length === 0 || addresses.some((address) => LOCAL.has(address))) return "localhost";
  const first = addresses[0];
  return first.includes(":") ? `[${first}]` : first;
}

/** What "localhost" reaches. */
const LOCAL = new Set(["127.0.0.1", "::1", "0.0.0.0", "::"]);
