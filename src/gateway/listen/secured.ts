/**
 * What a TLS handshake has told, for whoever serves the connection inside.
 * Must not hold a socket.
 */
import type { ClientCertificate } from "../../model/tls.ts";

export interface Secured {
  /** Agreed on by ALPN: "h2" or "http/1.1"; "" when the client offered nothing. */
  readonly protocol: string;
  readonly sni: string | undefined;
  readonly client: ClientCertificate | undefined;
  /** "TLSv1.3" */
  readonly version: string;
}
