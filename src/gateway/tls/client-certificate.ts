/**
 * The certificate that a client showed in its handshake, as policies and people read it.
 * Must not judge: whether it was required is the listener's to say, who may do what is a policy's.
 */
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { ClientCertificate } from "../../model/tls.ts";

/** @returns undefined when the client showed none. */
export function clientOf(socket: TLSSocket): ClientCertificate | undefined {
  const shown = socket.getPeerCertificate(false) as Partial<DetailedPeerCertificate> | null;
  if (shown === null || shown.fingerprint256 === undefined) return undefined;
  return {
    subject: nameOf(shown.subject),
    issuer: nameOf(shown.issuer),
    fingerprint: shown.fingerprint256,
    serial: shown.serialNumber ?? "",
    names: shown.subjectaltname ?? "",
    verified: socket.authorized,
    // A code of OpenSSL, in spite of the type.
    problem: socket.authorized ? "" : String(socket.authorizationError ?? "not verified"),
  };
}

/** Most specific first, as people write it: "CN=alice, O=Shop". */
function nameOf(name: object | undefined): string {
  return Object.entries(name ?? {})
    .flatMap(([type, value]: [string, string | string[]]) => [value].flat().map((one) => `${type}=${one}`))
    .toReversed()
    .join(", ");
}
