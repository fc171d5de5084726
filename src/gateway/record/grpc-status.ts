/**
 * The statuses of gRPC by number (grpc/grpc, doc/statuscodes.md): their names, and on whose side the fault is.
 * Must not decide anything: a row is coloured by it.
 */
const NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** Those that google.rpc.Code maps to a 5xx of HTTP. */
const SERVERS_FAULT: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);

/** "14 UNAVAILABLE" */
export function grpcWords(status: number): string {
  return `${status} ${NAMES[status] ?? "UNKNOWN"}`;
}

/** @param status not 0. */
export function isCallersFault(status: number): boolean {
  return !SERVERS_FAULT.has(status);
}
