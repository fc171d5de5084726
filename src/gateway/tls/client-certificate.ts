/**
 * The certificate that a client showed in its handshake, as policies and people read it.
 * Must not judge: whether it was required is the listener's to say, who may do what is a policy's.
 */
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { ClientCertificate } from "../../model/tls.ts";

/** Longer chains are no chains. */
const LONGEST_CHAIN = 8;

/** @returns undefined when the client showed none. */
export function clientOf(socket: TLSSocket): ClientCertificate | undefined {
  const shown = socket.getPeerCertificate(true) as Partial<DetailedPeerCertificate> | null;
  if (shown === null || shown.fingerprint256 === undefined) return undefined;
  const attributes = attributesOf(shown.subject);
  return {
    subject: attributes.join(", "),
    attributes,
    issuer: attributesOf(shown.issuer).join(", "),
    fingerprint: shown.fingerprint256,
    serial: shown.serialNumber ?? "",
    names: shown.subjectaltname ?? "",
    chain: chainOf(shown),
    verified: socket.authorized,
    // A code of OpenSSL, in spite of the type.
    problem: socket.authorized ? "" : String(socket.authorizationError ?? "not verified"),
  };
}

/**
 * Most specific first, as people write it. What parts attributes is escaped within them (RFC 4514 section 2.4), so that
 * no value can pass for two.
 */
function attributesOf(name: object | undefined): string[] {
  return Object.entries(name ?? {})
    .flatMap(([type, value]: [string, string | string[]]) => [value].flat().map((one) => `${type}=${one}`))
    .map((one) => one.replace(/[\\,]/g, "\\$&"))
    .toReversed();
}

function chainOf(shown: Partial<DetailedPeerCertificate>): string[] {
  const chain: string[] = [];
  let above: Partial<DetailedPeerCertificate> | undefined = shown.issuerCertificate;
  // The root is its own issuer.
  while (above?.fingerprint256 !== undefined && !chain.includes(above.fingerprint256) && chain.length < LONGEST_CHAIN) {
    chain.push(above.fingerprint256);
    above = above.issuerCertificate;
  }
  return chain;
}
