/**
 * How long and how much a layer-4 connection may beyond what a policy file says, in one place to be looked up.
 * Must not hold what a policy file can say.
 */
import type { Millis } from "../../model/basics.ts";

/** From accept to the end of the PROXY header, and from there to the end of the ClientHello. */
export const BEGINNING: Millis = 5000;
/** Attempts in all, the first included. */
export const ATTEMPTS = 3;
/** What is kept of a client that speaks before a server is there. */
export const EARLY_BYTES = 65_536;
/** Connections of a listener that was removed get this long to end. */
export const DRAIN: Millis = 30_000;
/** Between two looks of the traffic view at an open connection. */
export const PROGRESS: Millis = 1000;
/** A side that sends this much at once gets a read buffer of its own instead of the one that all share. */
export const SMALL_READ = 4096;
export const LARGE_BUFFER = 65_536;
/** Datagrams kept until the first answer, to be sent again to another address if the first refuses them. */
export const EARLY_DATAGRAMS = 16;
/** Flows that were refused are remembered, so that each makes one row and not one per datagram. */
export const REFUSED_FLOWS = 1024;
