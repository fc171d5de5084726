/**
 * How long and how much a client connection may: the numbers of listen/connection.ts, in one place to be looked up.
 * Must not hold what a policy file can say: those are a route's timeouts.
 */
import type { Millis } from "../../model/basics.ts";

/** From the first byte of a head to its last. */
export const HEADER: Millis = 10_000;
/** A connection without a request. */
export const KEEP_ALIVE: Millis = 60_000;
/** What is read and thrown away of a body that nobody wants, before the connection is closed instead. */
export const DISCARD_BYTES = 1024 * 1024;
/** A refused request whose body is announced to be no longer than this keeps its connection. */
export const SMALL_BODY = 65536;
/** How long a closing connection still reads, so that a reset does not eat the answer. */
export const LINGER: Millis = 2000;
/**
 * A FIN does not tell a client that waits from one that is gone. After a while without an answer two 102 (Processing)
 * go out, the second shortly after the first: the kernel of a client that is gone answers the first with a reset.
 */
export const PROBE_AFTER: Millis = 1000;
export const PROBE_AGAIN: Millis = 250;
export const PROBE_PAUSE: Millis = 5000;
export const PROBE = "HTTP/1.1 102 Processing\r\n\r\n";
/** A connection whose body fills the buffer that all share reads into one of its own until the body ends. */
export const LARGE_BUFFER = 65536;
