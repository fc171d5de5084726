/**
 * Why a message was refused: a stable code, the status to answer with, and a sentence for the person who sent it.
 * Must not be thrown: a malformed message is data.
 */

export interface MessageProblem {
  /** For a request: the status to answer with. For a response: 502. */
  readonly status: number;
  /** Stable for ever, e.g. "content-length-repeated". */
  readonly code: ProblemCode;
  /** One sentence: what is wrong, and where the rule stands. */
  readonly detail: string;
  /** What had arrived of the section (head or trailers) up to the offending byte, latin1, for the recording; may be "". */
  readonly seen: string;
}

interface Wording {
  readonly status: number;
  readonly detail: string;
}

function bad(detail: string): Wording {
  return { status: 400, detail };
}

/** Codes are stable for ever: they become `urn:switchyard:http:<code>`. Statuses are those of requests. */
export const PROBLEMS = {
  // The start line.
  "empty-lines": bad("More than two empty lines stand before the start line (RFC 9112 section 2.2 allows one)."),
  "method-missing": bad("The request line does not start with a method (RFC 9112 section 3.1)."),
  "method-illegal": bad("The method holds a character that no token may hold (RFC 9110 section 9.1)."),
  "method-too-long": { status: 501, detail: "The method is longer than 64 characters; no such method is known." },
  "method-connect": { status: 501, detail: "CONNECT asks for a forward proxy; this gateway is a reverse proxy." },
  "request-line-space": bad("The request line has more than one space between its parts (RFC 9112 section 3)."),
  "target-illegal": bad(
    "The request target holds a space, a control character or a byte outside ASCII; percent-encode it (RFC 9112 section 3.2).",
  ),
  "target-fragment": bad(
    "The request target holds a fragment (`#`), which a client must not send (RFC 9110 section 7.1).",
  ),
  "target-form": bad(
    "The request target is neither a path, nor an http(s) URL, nor `*` with OPTIONS (RFC 9112 section 3.2).",
  ),
  "target-authority": bad(
    "The URL in the request line does not hold a plain host and optional port (RFC 9112 section 3.2.2).",
  ),
  "target-host-mismatch": bad(
    "The URL in the request line names another host than the Host field (RFC 9112 section 3.2.2).",
  ),
  "target-too-long": { status: 414, detail: "The request target is longer than 8192 bytes." },
  "version-missing": bad("The request line has no HTTP version; HTTP/0.9 is not spoken here (RFC 9112 section 3)."),
  "version-illegal": bad(
    "The start line does not hold `HTTP/` with two digits and a dot where the version belongs (RFC 9112 section 2.3).",
  ),
  "version-unsupported": { status: 505, detail: "Only HTTP/1.0 and HTTP/1.1 are spoken on this connection." },
  "status-line-illegal": bad(
    "The status line is not `HTTP/1.1 NNN reason` with a status from 100 to 999 (RFC 9112 section 4).",
  ),
  // Lines.
  "bare-lf": bad("A line ends with LF alone; lines end with CR LF (RFC 9112 section 2.2)."),
  "bare-cr": bad("A CR stands without an LF after it (RFC 9112 section 2.2)."),
  "line-folded": bad("A line starts with white space; folded lines are obsolete (RFC 9112 section 5.2)."),
  "name-empty": bad("A field line has no name before its colon (RFC 9112 section 5)."),
  "name-illegal": bad("A field name holds a character that no token may hold (RFC 9110 section 5.1)."),
  "name-space": bad("White space stands between a field name and its colon (RFC 9112 section 5.1)."),
  "colon-missing": bad("A field line has no colon (RFC 9112 section 5)."),
  "value-illegal": bad("A field value holds a control character (RFC 9110 section 5.5)."),
  "fields-too-many": { status: 431, detail: "There are more than 100 field lines." },
  "head-too-large": { status: 431, detail: "The field section, start line included, is larger than 16 KiB." },
  // Fields.
  "host-missing": bad("An HTTP/1.1 request must have a Host field (RFC 9112 section 3.2)."),
  "host-repeated": bad("There is more than one Host field (RFC 9112 section 3.2)."),
  "host-illegal": bad("The Host field is not a plain host with an optional port (RFC 9110 section 7.2)."),
  "content-length-illegal": bad("Content-Length is not a plain decimal number (RFC 9110 section 8.6)."),
  "content-length-too-large": bad("Content-Length is larger than 2^53 - 1."),
  "content-length-repeated": bad("There is more than one Content-Length (RFC 9112 section 6.3)."),
  "content-length-with-transfer-encoding": bad(
    "Content-Length and Transfer-Encoding stand together (RFC 9112 section 6.3).",
  ),
  "content-length-forbidden": bad(
    "A response with this status cannot have a body, yet announces one (RFC 9110 section 8.6).",
  ),
  "transfer-encoding-repeated": bad(
    "There is more than one Transfer-Encoding field; only a single `chunked` is understood.",
  ),
  "transfer-encoding-illegal": bad("Transfer-Encoding does not end in a single `chunked` (RFC 9112 section 6.3)."),
  "transfer-encoding-unknown": {
    status: 501,
    detail: "Of all transfer codings only `chunked` alone is understood (RFC 9112 section 6.1).",
  },
  "transfer-encoding-old": bad("HTTP/1.0 knows no Transfer-Encoding (RFC 9112 section 6.1)."),
  "transfer-encoding-forbidden": bad(
    "A response with this status cannot have a body, yet has a Transfer-Encoding (RFC 9112 section 6.1).",
  ),
  "connection-too-long": bad("The Connection field names more than 100 options."),
  "upgrade-unasked": bad(
    "The backend switched protocols (101) though nobody offered an upgrade (RFC 9110 section 7.8).",
  ),
  // Bodies.
  "chunk-size-illegal": bad("A chunk does not start with a plain hexadecimal size (RFC 9112 section 7.1)."),
  "chunk-size-too-large": bad("A chunk size has more than 16 digits or is larger than 2^53 - 1."),
  "chunk-extension-illegal": bad("A chunk extension is not `;name` or `;name=value` (RFC 9112 section 7.1.1)."),
  "chunk-extension-too-long": bad("The chunk extensions of this message are larger than 16 KiB."),
  "chunk-end-missing": bad("The data of a chunk is not followed by CR LF (RFC 9112 section 7.1)."),
  "trailer-forbidden": bad(
    "Host, Connection, Content-Length and Transfer-Encoding cannot stand in trailers (RFC 9110 section 6.5.1).",
  ),
  "data-after-close": bad("More bytes follow a message that said `Connection: close` (RFC 9112 section 9.6)."),
  "head-truncated": bad("The connection ended in the middle of a head."),
  "body-truncated": bad("The connection ended in the middle of a body (RFC 9112 section 8)."),
} as const satisfies Record<string, Wording>;

export type ProblemCode = keyof typeof PROBLEMS;

/** @param response responses are refused with 502: the sender was the backend. */
export function problem(code: ProblemCode, response: boolean, seen: string): MessageProblem {
  const { status, detail } = PROBLEMS[code];
  return { status: response ? 502 : status, code, detail, seen };
}
