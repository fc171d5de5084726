/**
 * The words of what the engine itself refuses or could not do: malformed requests, loops, backends that fail.
 * One table, so that page, record and answer say the same.
 * Must not hold refusals of policies, router or balancer: decide/refusals.ts does.
 */
import { Failure } from "../../model/state.ts";
import { reasonPhrase, type Problem } from "./refuse.ts";

/** A request that is not well formed, or that asks for what a gateway does not do. */
export function requestProblem(status: number, code: string, detail: string): Problem {
  return {
    type: `urn:switchyard:http:${code}`,
    title: reasonPhrase(status),
    status,
    detail,
    proxyError: code === "loop" ? "proxy_loop_detected" : "http_request_error",
    lines: "",
  };
}

/** What the codec, or a deadline, says of bytes that are no request. */
export interface Unreadable {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  /** What had arrived of the head, latin1. */
  readonly seen: string;
}

export function malformed(problem: Unreadable): Problem {
  return requestProblem(problem.status, problem.code, problem.detail);
}

interface FailureWords {
  readonly name: string;
  readonly status: number;
  readonly title: string;
  readonly proxyError: string;
}

const FAILURES: Readonly<Record<number, FailureWords>> = {
  [Failure.ConnectRefused]: {
    name: "connect-refused",
    status: 502,
    title: "Backend refused the connection",
    proxyError: "connection_refused",
  },
  [Failure.ConnectTimeout]: {
    name: "connect-timeout",
    status: 504,
    title: "No connection to the backend in time",
    proxyError: "connection_timeout",
  },
  [Failure.ConnectFailed]: {
    name: "connect-failed",
    status: 502,
    title: "No connection to the backend",
    proxyError: "destination_unavailable",
  },
  [Failure.ResetBeforeResponse]: {
    name: "reset",
    status: 502,
    title: "Backend closed the connection before it answered",
    proxyError: "connection_terminated",
  },
  [Failure.ResetDuringResponse]: {
    name: "truncated",
    status: 502,
    title: "Backend closed the connection in the middle of its answer",
    proxyError: "http_response_incomplete",
  },
  [Failure.MalformedResponse]: {
    name: "malformed-response",
    status: 502,
    title: "Backend's answer is not valid HTTP/1.1",
    proxyError: "http_protocol_error",
  },
  [Failure.BackendTimeout]: {
    name: "backend-timeout",
    status: 504,
    title: "Backend did not answer in time",
    proxyError: "http_response_timeout",
  },
  [Failure.TryTimeout]: {
    name: "try-timeout",
    status: 504,
    title: "Backend did not answer within the time of one attempt",
    proxyError: "http_response_timeout",
  },
  [Failure.BadAnswer]: {
    name: "bad-answer",
    status: 503,
    title: "Backend answered with a status to be tried again",
    proxyError: "destination_unavailable",
  },
  [Failure.RequestTimeout]: {
    name: "request-timeout",
    status: 504,
    title: "Request took too long",
    proxyError: "http_response_timeout",
  },
  [Failure.IdleTimeout]: {
    name: "idle-timeout",
    status: 504,
    title: "Nothing moved for too long",
    proxyError: "http_response_timeout",
  },
  [Failure.TlsFailed]: {
    name: "tls-failed",
    status: 502,
    title: "No TLS with the backend",
    proxyError: "tls_certificate_error",
  },
  [Failure.Deregistered]: {
    name: "deregistered",
    status: 503,
    title: "The replica left while it answered",
    proxyError: "connection_terminated",
  },
};

/** @param failure one of Failure, not None or ClientGone. */
export function forwardProblem(failure: number, detail: string): Problem {
  const words = FAILURES[failure] ?? FAILURES[Failure.ConnectFailed];
  const { status, title, proxyError } = words;
  return { type: `urn:switchyard:forward:${words.name}`, title, status, detail, proxyError, lines: "" };
}
