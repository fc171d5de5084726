/**
 * What a layer-4 connection's detail shows in place of headers: its ends, how it ended, and what this layer sees and
 * cannot see. Must not show bytes: this layer does not know what in them is secret.
 */
import type { ConnectionView } from "../../contract/detail.ts";
import type { Row } from "../../contract/traffic.ts";
import type { Arrival } from "../../model/arrival.ts";
import { startLine } from "./heads.ts";
import { endingCode, endingWords } from "./ending.ts";

export interface ConnectionInput {
  readonly row: Row;
  readonly arrival: Arrival;
  /** "" while it is open. */
  readonly ending: string;
  /** PROXY headers as lines: what a proxy in front said, and what was said to the server; "" = none. */
  readonly received: string;
  readonly sent: string;
}

const SEES = [
  "addresses and ports of both sides",
  "bytes each way, never their meaning",
  "when, how long, and who closed first",
];
const TLS_SEES = ["the server name that the client asked for (SNI)"];
export const HIDDEN_AT_4 = [
  "method, path, headers and status",
  "where one request ends and the next begins",
  "who the caller is: tokens, keys, cookies",
];
export const HIDDEN_BY_TLS = ["anything inside TLS: it is passed through, not ended here"];
const UDP_HIDDEN = ["whether a datagram was lost: nobody acknowledges them"];

export function connectionView({ row, arrival, ending, received, sent }: ConnectionInput): ConnectionView {
  const { clientIp, clientPort, localIp, localPort, protocol, sni } = arrival;
  return {
    client: place(clientIp, clientPort),
    destination: localIp === undefined ? "" : place(localIp, localPort ?? 0),
    server: row.endpoint === undefined ? "" : `${row.service ?? ""} ${row.endpoint}`.trim(),
    serverName: sni,
    proxyReceived: startLine(received) || undefined,
    proxySent: startLine(sent) || undefined,
    termination: endingCode(ending),
    ended: endingWords(ending),
    sees: protocol === "tls" ? [...SEES, ...TLS_SEES] : SEES,
    hidden: [...HIDDEN_AT_4, ...(protocol === "tls" ? HIDDEN_BY_TLS : []), ...(protocol === "udp" ? UDP_HIDDEN : [])],
  };
}

function place(ip: string, port: number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}
