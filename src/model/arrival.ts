/**
 * What one request brings with it: the Arrival, the Facts looked up for it, the Caller found on the way,
 * and the Passage that carries all three through the steps.
 * Must not read a header that was not asked for, nor keep anything after the request has ended.
 */
import type { Seed } from "./basics.ts";
import type { CollectedBody } from "./body.ts";
import type { CacheSource } from "./cache.ts";
import type { ClientCertificate } from "./tls.ts";

/** What arrived. At layer 4 there is no method, path or header, and a policy cannot read one. */
export interface Arrival {
  readonly layer: 4 | 7;
  /** Index into `plan.listeners`. */
  readonly listener: number;
  /** Textual address; an IPv4-mapped IPv6 address is given as IPv4. */
  readonly clientIp: string;
  readonly clientPort: number;
  /** What a layer-4 listener carries; absent at layer 7. */
  readonly protocol?: "tcp" | "udp" | "tls";
  /** Address and port that the client connected to; known at layer 4. */
  readonly localIp?: string;
  readonly localPort?: number;
  /** Server name that the client's TLS asked for, lower case; a layer-4 listener routes by it as if it were `host`. */
  readonly sni?: string;
  /** What the client showed in its TLS handshake. */
  readonly clientCertificate?: ClientCertificate;
  readonly method?: string;
  /** Lower case, without port. */
  readonly host?: string;
  /** As it arrived (not decoded, not normalised), without the query; starts with "/" or is "*". */
  readonly path?: string;
  /** Without the "?"; undefined when the target had none. */
  readonly query?: string;
  /** @param name lower case. Several fields of one name come joined by ", " (RFC 9110 section 5.3). */
  header(name: string): string | undefined;
}

/** What had to be looked up before deciding, by fact name; recorded, so that replay is exact. */
export type Facts = Readonly<Record<string, unknown>>;

/** What a route's steps want looked up. The gateway has one gatherer per `kind`. */
export type FactRequest =
  FactNeed<"cache", CacheSource> | FactNeed<"token", TokenSource> | FactNeed<"password", PasswordSource> | FactNeed<"body", BodySource>;

interface FactNeed<Kind extends string, Source> {
  /** Unique per distinct lookup; the key under which the answer stands in Facts. */
  readonly name: string;
  readonly kind: Kind;
  readonly source: Source;
}

/** Where a token stands in the request and which keys verify it. Exactly one key source is set. */
export interface TokenSource {
  readonly header: string;
  readonly jwks?: string;
  readonly secret?: string;
  readonly publicKey?: string;
  /** Its keys are where its discovery document says (OpenID Connect Discovery 1.0). */
  readonly issuer?: string;
  readonly algorithms: readonly string[];
}

/** The edge's verdict on a token: signature only. Times, issuer and audience are the core's to judge. */
export type TokenFact =
  | { readonly state: "absent" }
  | { readonly state: "malformed"; readonly problem: string }
  | { readonly state: "badSignature"; readonly problem: string; readonly claims?: Readonly<Record<string, unknown>> }
  | { readonly state: "keysUnavailable"; readonly problem: string }
  | {
      readonly state: "verified";
      readonly algorithm: string;
      readonly claims: Readonly<Record<string, unknown>>;
      /** What there is to say of the keys: the last good ones serve, since the key server is down. */
      readonly remark?: string;
    };

/** Whose password may stand in the Authorization header (RFC 7617). Each has either a password or a hash of it. */
export interface PasswordSource {
  readonly header: string;
  readonly users: readonly {
    readonly name: string;
    readonly password?: string;
    /** PHC string: `$scrypt$ln=..,r=..,p=..$salt$hash`. */
    readonly hash?: string;
  }[];
}

/** The edge's verdict on a name and password. Hashing is dear, so it is done there, and remembered. */
export type PasswordFact =
  | { readonly state: "absent" }
  | { readonly state: "malformed"; readonly problem: string }
  | { readonly state: "unknown"; readonly user: string }
  | { readonly state: "wrong"; readonly user: string }
  /** Too many passwords are being checked at this moment. */
  | { readonly state: "busy"; readonly problem: string }
  | { readonly state: "verified"; readonly user: string };

/**
 * What a policy wants to know of a request's body before the decision: its own question, answered at the edge and
 * recorded, so that replay needs no body. The body is collected once for all who ask.
 */
export interface BodySource {
  /** Bytes; a longer body comes as TooLarge. */
  readonly most: number;
  /** The answer: small plain data, since it is kept with the request. A function of its arguments; must not throw. */
  read(body: CollectedBody, x: Passage): unknown;
}

/** Who calls, as far as the identify steps have found out. The only thing a peek may write. */
export interface Caller {
  consumer: string | undefined;
  groups: readonly string[];
  /** Claims of a verified token. */
  jwt: Readonly<Record<string, unknown>> | undefined;
  /** The word to show for this caller: consumer name, or the token's `sub`. */
  label: string | undefined;
}

/** One request on its way through the steps; reused by its connection, never kept. */
export interface Passage {
  arrival: Arrival;
  facts: Facts;
  caller: Caller;
  seed: Seed;
  /** Bit i is set when endpoint i of the chosen service was tried already. */
  tried: number;
  /** Epoch milliseconds that belong to `now`: for token times (exp, nbf). Recorded with the request. */
  wallClock: number;
  /** The request's public id, made when somebody needs it (a template, a problem document). */
  requestId(): string;
}
