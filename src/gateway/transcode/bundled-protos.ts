/**
 * The `.proto` files that everybody imports and nobody has beside his own: HTTP rules, raw bodies, error details, server
 * reflection. Only what is read here: comments and options are left out, names and numbers are those of
 * googleapis/googleapis and grpc/grpc-proto (Apache-2.0). google/protobuf/*.proto come from @bufbuild/protobuf.
 * Must not hold anything of a user's.
 */

const rpc = (name: string, body: string): readonly [string, string] => [
  `google/rpc/${name}.proto`,
  `syntax = "proto3"; package google.rpc; import "google/protobuf/any.proto"; import "google/protobuf/duration.proto"; ${body}`,
];

/** Both versions of server reflection say the same under another package. */
const reflection = (version: string): readonly [string, string] => [
  `grpc/reflection/${version}/reflection.proto`,
  `syntax = "proto3"; package grpc.reflection.${version};
message ServerReflectionRequest {
  string host = 1;
  oneof message_request { string file_by_filename = 3; string file_containing_symbol = 4; string list_services = 7; }
}
message ServerReflectionResponse {
  string valid_host = 1;
  oneof message_response {
    FileDescriptorResponse file_descriptor_response = 4;
    ListServiceResponse list_services_response = 6;
    ErrorResponse error_response = 7;
  }
}
message FileDescriptorResponse { repeated bytes file_descriptor_proto = 1; }
message ListServiceResponse { repeated ServiceResponse service = 1; }
message ServiceResponse { string name = 1; }
message ErrorResponse { int32 error_code = 1; string error_message = 2; }`,
];

export const BUNDLED_PROTOS: ReadonlyMap<string, string> = new Map([
  [
    "google/api/http.proto",
    `syntax = "proto3"; package google.api;
message Http { repeated HttpRule rules = 1; bool fully_decode_reserved_expansion = 2; }
message HttpRule {
  string selector = 1;
  oneof pattern { string get = 2; string put = 3; string post = 4; string delete = 5; string patch = 6; CustomHttpPattern custom = 8; }
  string body = 7;
  repeated HttpRule additional_bindings = 11;
  string response_body = 12;
}
message CustomHttpPattern { string kind = 1; string path = 2; }`,
  ],
  [
    "google/api/annotations.proto",
    `syntax = "proto3"; package google.api;
import "google/api/http.proto"; import "google/protobuf/descriptor.proto";
extend google.protobuf.MethodOptions { HttpRule http = 72295728; }`,
  ],
  [
    "google/api/httpbody.proto",
    `syntax = "proto3"; package google.api; import "google/protobuf/any.proto";
message HttpBody { string content_type = 1; bytes data = 2; repeated google.protobuf.Any extensions = 3; }`,
  ],
  rpc("status", "message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }"),
  rpc(
    "error_details",
    `message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
message RetryInfo { google.protobuf.Duration retry_delay = 1; }
message DebugInfo { repeated string stack_entries = 1; string detail = 2; }
message QuotaFailure {
  message Violation { string subject = 1; string description = 2; string api_service = 3; string quota_metric = 4; string quota_id = 5; map<string, string> quota_dimensions = 6; int64 quota_value = 7; optional int64 future_quota_value = 8; }
  repeated Violation violations = 1;
}
message PreconditionFailure {
  message Violation { string type = 1; string subject = 2; string description = 3; }
  repeated Violation violations = 1;
}
message BadRequest {
  message FieldViolation { string field = 1; string description = 2; string reason = 3; LocalizedMessage localized_message = 4; }
  repeated FieldViolation field_violations = 1;
}
message RequestInfo { string request_id = 1; string serving_data = 2; }
message ResourceInfo { string resource_type = 1; string resource_name = 2; string owner = 3; string description = 4; }
message Help { message Link { string description = 1; string url = 2; } repeated Link links = 1; }
message LocalizedMessage { string locale = 1; string message = 2; }`,
  ),
  reflection("v1"),
  reflection("v1alpha"),
]);
