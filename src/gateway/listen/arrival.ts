/**
 * The Arrival of an HTTP/1.1 request: a view over the parsed head, without a header object.
 * Must not outlive the request: the head beneath is reused for the next one.
 */
import type { Arrival } from "../../model/arrival.ts";
import type { ClientCertificate } from "../../model/tls.ts";
import type { Head } from "../http1/head.ts";
import type { Secured } from "./secured.ts";

const MAPPED = "::ffff:";

/** @returns an IPv4-mapped IPv6 address as IPv4, everything else unchanged. */
export function plainAddress(address: string): string {
  return address.startsWith(MAPPED) && address.includes(".") ? address.slice(MAPPED.length) : address;
}

export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

export class HeadArrival implements Arrival {
  readonly layer = 7;
  listener = 0;
  readonly clientIp: string;
  readonly clientPort: number;
  method = "";
  host = "";
  path = "";
  query: string | undefined = undefined;
  readonly sni: string | undefined;
  readonly clientCertificate: ClientCertificate | undefined;
  private readonly head: Head;

  constructor(head: Head, clientIp: string, clientPort: number, secured?: Secured) {
    this.head = head;
    this.clientIp = clientIp;
    this.clientPort = clientPort;
    this.sni = secured?.sni;
    this.clientCertificate = secured?.client;
  }

  /** Reads the head's request line. @param path in its normal form, see decide/path.ts. */
  fill(path: string): void {
    this.method = this.head.method;
    this.host = this.head.host;
    this.path = path;
    this.query = this.head.query;
  }

  /** For a request whose head could not be read. */
  blank(): void {
    this.method = this.host = this.path = "";
    this.query = undefined;
  }

  header(name: string): string | undefined {
    return this.method === "" ? undefined : this.head.get(name);
  }
}
