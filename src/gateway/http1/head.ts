/**
 * What the codec hands out: one parsed head as one string and a table of offsets, without header objects.
 * Must not hold a socket, a clock or anything else of the gateway.
 */

/** Header names the scanner recognises while it passes; `Head.known` holds one of these for each field. */
export const Known = {
  Other: 0,
  Host: 1,
  Connection: 2,
  ContentLength: 3,
  TransferEncoding: 4,
  KeepAlive: 5,
  Upgrade: 6,
  Expect: 7,
  Te: 8,
  Trailer: 9,
  ProxyConnection: 10,
  Via: 11,
  Forwarded: 12,
  XForwardedFor: 13,
  XForwardedProto: 14,
  XForwardedHost: 15,
  Authorization: 16,
  Cookie: 17,
  ContentType: 18,
  SetCookie: 19,
  ProxyAuthenticate: 20,
  ProxyAuthorization: 21,
  Date: 22,
  Server: 23,
  TraceParent: 24,
} as const;

/** How a body is delimited (RFC 9112 section 6). */
export const Framing = { None: 0, Length: 1, Chunked: 2, UntilClose: 3, Tunnel: 4 } as const;

/** At most this many field lines in a head or trailer section; more is 431. */
export const MAX_FIELDS = 100;
/** At most this many bytes in a head, start line included; more is 431. */
export const MAX_HEAD_BYTES = 16384;
