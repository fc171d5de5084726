/**
 * A gRPC status as an HTTP answer: the code of google.rpc.Code as status, google.rpc.Status as JSON with its details.
 * Must not throw, whatever a service sends as details.
 */
import { fromBinary, toJson, type FileRegistry, type JsonValue } from "@bufbuild/protobuf";

/** By code (google/rpc/code.proto, "HTTP Mapping"). */
const CODES: readonly (readonly [string, number])[] = [
  ["OK", 200],
  ["CANCELLED", 499],
  ["UNKNOWN", 500],
  ["INVALID_ARGUMENT", 400],
  ["DEADLINE_EXCEEDED", 504],
  ["NOT_FOUND", 404],
  ["ALREADY_EXISTS", 409],
  ["PERMISSION_DENIED", 403],
  ["RESOURCE_EXHAUSTED", 429],
  ["FAILED_PRECONDITION", 400],
  ["ABORTED", 409],
  ["OUT_OF_RANGE", 400],
  ["UNIMPLEMENTED", 501],
  ["INTERNAL", 500],
  ["UNAVAILABLE", 503],
  ["DATA_LOSS", 500],
  ["UNAUTHENTICATED", 401],
];

export interface CallStatus {
  readonly code: number;
  readonly message: string;
  /** `grpc-status-details-bin`; "" = none. */
  readonly details: string;
}

export function httpStatusOf(code: number): number {
  return CODES[code]?.[1] ?? 500;
}

export function nameOfCode(code: number): string {
  return CODES[code]?.[0] ?? `status ${code}`;
}

/** @param fields of the trailers, or of a head that is all there is. @returns undefined when they say no status. */
export function statusIn(get: (name: string) => string | undefined): CallStatus | undefined {
  const code = get("grpc-status");
  if (code === undefined || !/^\d{1,4}$/.test(code)) return undefined;
  return {
    code: Number(code),
    message: percentDecoded(get("grpc-message") ?? ""),
    details: get("grpc-status-details-bin") ?? "",
  };
}

/** google.rpc.Status as JSON. Details of unknown types keep their name and their bytes. */
export function statusJson(status: CallStatus, registry: FileRegistry): JsonValue {
  const { code, message } = status;
  const details = detailsOf(status, registry);
  return { code, status: nameOfCode(code), message, ...(details.length === 0 ? {} : { details }) };
}

interface AnyMessage {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

function detailsOf({ details }: CallStatus, registry: FileRegistry): JsonValue[] {
  const status = registry.getMessage("google.rpc.Status");
  const any = registry.getMessage("google.protobuf.Any");
  if (details === "" || status === undefined || any === undefined) return [];
  try {
    const read = fromBinary(status, Buffer.from(details, "base64")) as unknown as { readonly details: AnyMessage[] };
    return read.details.map((detail) => {
      try {
        return toJson(any, detail as never, { registry });
      } catch {
        return { "@type": detail.typeUrl, value: Buffer.from(detail.value).toString("base64") };
      }
    });
  } catch {
    return [];
  }
}

/** "Percent-Encoded" of the protocol, UTF-8; what is not that stays as it is. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
