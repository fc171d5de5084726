/**
 * What a policy file says about TLS: towards clients (a listener) and towards backends (a service).
 * Must not hold a key or a certificate: those are read where they are used.
 */

export interface CertificateFiles {
  /** PEM files as written, relative to the policy file: the chain, and its key. */
  readonly cert: string;
  readonly key: string;
}

export interface PlanTls {
  /** "auto" = from the development CA; else one pair or more, chosen by the name the client asks for (SNI). */
  readonly certificate: "auto" | readonly CertificateFiles[];
  readonly clientCertificate?: {
    /** PEM file as written: who may sign clients' certificates. */
    readonly ca: string;
    /** A client without a good one is refused while it connects. */
    readonly required: boolean;
  };
}

export interface PlanBackendTls {
  /** PEM file as written: the only CAs believed; absent = those that Node brings. */
  readonly ca?: string;
  /** Name asked for (SNI) and expected in the certificate; absent = the endpoint's host. */
  readonly serverName?: string;
  /** False: any certificate is taken, so nobody knows who answers. */
  readonly verify: boolean;
}

/** What is known of a client by its certificate. */
export interface ClientCertificate {
  /** "CN=alice, O=Shop"; a comma within a value is written "\,", so that no value can pass for two. */
  readonly subject: string;
  /** The parts of the subject, each by itself, escaped alike: "CN=alice". */
  readonly attributes: readonly string[];
  readonly issuer: string;
  /** SHA-256, upper case with colons. */
  readonly fingerprint: string;
  readonly serial: string;
  /** Alternative names as written in it: "DNS:a.test, email:x@y". */
  readonly names: string;
  /** Fingerprints of the CAs above it, nearest first, as OpenSSL found them. */
  readonly chain: readonly string[];
  /** Signed by the listener's CA and valid now. */
  readonly verified: boolean;
  /** Why not; "" when verified. */
  readonly problem: string;
}
