/**
 * The statuses of gRPC by number (grpc/grpc, doc/statuscodes.md): their names, and on whose side the fault is. Every
 * answer of gRPC is a 200 of HTTP, so ejection and circuit breaker go by the status of HTTP that stands for the call's,
 * as Envoy's outlier detection does ("will use the HTTP status mapped from the grpc-status response header").
 * Must not decide anything: it says what a status means.
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

/** By status: what google.rpc.Code says, and Envoy's Grpc::Utility::grpcToHttpStatus with it. */
const HTTP_STATUSES = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

/** @returns the status of HTTP that stands for it; that of UNKNOWN for one that is none. */
export function httpStatusOf(status: number): number {
  return HTTP_STATUSES[status] ?? 500;
}

/** What is added in a row: " (counts as a 503 of its replica)"; "" where nothing is held against the replica. */
export function blameWords(status: number): string {
  return isCallersFault(status) ? "" : ` (counts as a ${httpStatusOf(status)} of its replica)`;
}

/** "14 UNAVAILABLE" */
export function grpcWords(status: number): string {
  return `${status} ${NAMES[status] ?? "UNKNOWN"}`;
}

/** @param status not 0. */
export function isCallersFault(status: number): boolean {
  return httpStatusOf(status) < 500;
}
