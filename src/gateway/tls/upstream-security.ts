/**
 * How a connection to an https:// endpoint is secured: whom to believe, which name to expect, what to offer by ALPN.
 * Must not be lax by itself: only a service that says `verify: false` gets unverified connections.
 */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { checkServerIdentity, createSecureContext, type ConnectionOptions } from "node:tls";
import type { PlanEndpoint } from "../../model/endpoint.ts";
import type { PlanService } from "../../model/plan.ts";

export interface UpstreamSecurity {
  /** Connections of one key may be used for one another. */
  readonly key: string;
  readonly options: ConnectionOptions;
}

export class UpstreamSecurities {
  private readonly directory: string;
  /** By service: a plan's services are made anew with every edit, and so is what was read for them. */
  private readonly known = new WeakMap<PlanService, Map<string, UpstreamSecurity>>();
  private edition = 0;

  /** @param directory where relative paths begin. */
  constructor(directory: string) {
    this.directory = directory;
  }

  /** @returns undefined for http://. @param protocols offered by ALPN. */
  of(service: PlanService, endpoint: PlanEndpoint, protocols: readonly string[]): UpstreamSecurity | undefined {
    if (endpoint.secure !== true) return undefined;
    let made = this.known.get(service);
    if (made === undefined) this.known.set(service, (made = new Map()));
    const key = `${endpoint.host} ${protocols.join(" ")}`;
    let security = made.get(key);
    if (security === undefined) made.set(key, (security = this.make(service, endpoint, protocols)));
    return security;
  }

  private make(service: PlanService, endpoint: PlanEndpoint, protocols: readonly string[]): UpstreamSecurity {
    const { ca, serverName, verify = true } = service.tls ?? {};
    const name = serverName ?? endpoint.host;
    const authorities = ca === undefined ? undefined : this.read(ca);
    const options: ConnectionOptions = {
      secureContext: createSecureContext({
        minVersion: "TLSv1.2",
        ...(authorities === undefined ? {} : { ca: authorities }),
      }),
      ALPNProtocols: [...protocols],
      rejectUnauthorized: verify,
      // SNI holds names only (RFC 6066 section 3); an address is expected in the certificate all the same.
      ...(isIP(name) === 0 ? { servername: name } : {}),
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    };
    const trust = authorities === undefined ? "" : String(++this.edition);
    return { key: `${protocols.join(",")} ${name} ${verify} ${trust}`, options };
  }

  /** A file that went away since the plan was read leaves nobody to believe: every connection is refused, and says why. */
  private read(path: string): string {
    try {
      return readFileSync(resolve(this.directory, path), "utf8");
    } catch {
      return "";
    }
  }
}
