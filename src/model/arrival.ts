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
  | FactNeed<"cache", CacheSource>
  | FactNeed<"token", TokenSource>
  | FactNeed<"password", PasswordSource>
  | FactNeed<"introspection", IntrospectionSource>
  | FactNeed<"authority", AuthoritySource>
  | FactNeed<"certificate", CertificateSource>
  | FactNeed<"body", BodySource>
  | FactNeed<"call", CallSource>;

/** How JSON over HTTP becomes a call: where the methods are described, and how messages are read and written. */
export interface CallSource {
  /** Exactly one of the three. Paths as written. */
  readonly proto?: string;
  readonly descriptor?: string;
  readonly reflection?: true;
  /** Folders in which imports of `proto` are looked for. */
  readonly importPaths: readonly string[];
  /** Whose endpoints are asked by server reflection: "route/orders" or "service/orders". */
  readonly owner: string;
  /** With its package. */
  readonly service: string;
  /** What stands before the paths of the service's rules; "" = nothing. */
  readonly prefix: string;
  /** Bytes of a request's body. */
  readonly most: number;
  /** Bytes of one message that comes back. */
  readonly mostAnswer: number;
  readonly ignoreUnknown: boolean;
  readonly ignoreQuery: readonly string[];
  readonly plusIsBlank: boolean;
  readonly form: { readonly defaults: boolean; readonly enumsAsNumbers: boolean; readonly protoNames: boolean };
}

/** Which call a request is. */
export type CallFact =
  | {
      readonly state: "call";
      readonly service: string;
      readonly method: string;
      /** Of the path, with the prefix. */
      readonly template: string;
      /** The answer is a stream of messages. */
      readonly streams: boolean;
    }
  /** The caller speaks gRPC itself. */
  | { readonly state: "native" }
  /** `methods`: some that there are, in words. `near`: the one that was probably meant. */
  | {
      readonly state: "noMethod";
      readonly service: string;
      readonly near?: string;
      readonly methods: readonly string[];
    }
  /** The path is called by other HTTP methods. */
  | { readonly state: "otherMethod"; readonly methods: readonly string[] }
  | { readonly state: "ambiguous"; readonly methods: readonly string[] }
  | { readonly state: "streamsRequests"; readonly method: string }
  | { readonly state: "badRequest"; readonly problem: string }
  | { readonly state: "tooLarge"; readonly length: number; readonly most: number }
  /** Values and names in the body. */
  | { readonly state: "tooMany"; readonly weight: number; readonly most: number }
  | { readonly state: "busy" }
  /** What the service offers could not be looked up. */
  | { readonly state: "unavailable"; readonly problem: string };

interface FactNeed<Kind extends string, Source> {
  /** Unique per distinct lookup; the key under which the answer stands in Facts. */
  readonly name: string;
  readonly kind: Kind;
  readonly source: Source;
  /** Looked up only where it is true: reads nothing but the request itself. Absent: always. */
  readonly when?: (x: Passage) => boolean;
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

/** Where a token stands, and the server that knows whether it holds (RFC 7662). */
export interface IntrospectionSource {
  readonly header: string;
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Milliseconds that an answer serves, at most; `exp` ends it earlier. 0 = every request asks. */
  readonly cache: number;
  /** Milliseconds. */
  readonly timeout: number;
}

export type IntrospectionFact =
  | { readonly state: "absent" }
  | { readonly state: "malformed"; readonly problem: string }
  | { readonly state: "inactive" }
  /** The server could not be asked, or did not say. */
  | { readonly state: "unavailable"; readonly problem: string }
  | { readonly state: "active"; readonly claims: Readonly<Record<string, unknown>> };

/** A server that is asked about every request. Header names in lower case. */
export interface AuthoritySource {
  readonly url: string;
  /** Milliseconds. */
  readonly timeout: number;
  /** Of the request, given to it. */
  readonly forwardHeaders: readonly string[];
  /** Of its answer, kept in the fact. */
  readonly keep: readonly string[];
}

export type AuthorityFact =
  | { readonly state: "unavailable"; readonly problem: string }
  | {
      readonly state: "answered";
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      /** Its WWW-Authenticate, when it sent one. */
      readonly challenge?: string;
    };

export interface CertificateSource {
  /** PEM file as written: one of these CAs must stand above the client's certificate. Absent: whom the listener believes. */
  readonly ca?: string;
}

/** The edge's verdict on the client's certificate. Who may do what is the policy's to say. */
export type CertificateFact =
  | { readonly state: "absent" }
  /** Shown, and not believed: by the listener, or because no CA of the file stands above it. */
  | { readonly state: "unverified" | "foreign"; readonly subject: string; readonly problem: string }
  | { readonly state: "unavailable"; readonly problem: string }
  | {
      readonly state: "verified";
      readonly subject: string;
      /** "CN=alice": each part of the subject by itself. */
      readonly attributes: readonly string[];
      /** "DNS:a.test": each alternative name by itself. */
      readonly names: readonly string[];
    };

/**
 * What a policy wants to know of a request's body before the decision: its own question, answered at the edge and
 * recorded, so that replay needs no body. The body is collected once for all who ask.
 */
export interface BodySource {
  /** Bytes; a longer body comes as TooLarge. */
  readonly most: number;
  /** Header fields of the request that `read` looks at, in lower case; absent: none. */
  readonly headers?: readonly string[];
  /**
   * The answer: small plain data, since it is kept with the request. A function of its arguments; must not throw. It may
   * run in another thread, where there is of `x` only what arrived: nothing of the caller, no fact.
   */
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
