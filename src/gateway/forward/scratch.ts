/**
 * One read buffer for all sockets in the clear that have little to say: between two reads nobody needs one, so a thousand
 * idle connections hold none. A read that fills it is the sign of a body, and then a connection takes one of its own.
 * Whoever reads into it must have copied what it wants to keep before it returns: pausing the socket is not enough here,
 * since the next read of any other socket overwrites it. Must not be given to a write that may be kept.
 */

/** Below what Outgoing writes as text, so that nearly all that is read into it is copied anyway. */
export const SCRATCH_BYTES = 16_384;

/** Not out of Node's pool, which hands out pieces of one allocation. */
export const scratch: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
