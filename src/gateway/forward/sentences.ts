/**
 * What went wrong with a backend, in a sentence for the person who runs it: which, what, and what to look at.
 * Must not decide anything.
 */
import type { Millis } from "../../model/basics.ts";
import { Failure } from "../../model/state.ts";
import type { DialProblem } from "./dial.ts";

/** 2000 -> "2 s", 250 -> "250 ms". */
export function seconds(millis: Millis): string {
  return millis >= 1000 ? `${millis / 1000} s` : `${millis} ms`;
}

/** @param code of the system's error. @returns one of Failure. */
export function failureOfConnect(code: string): number {
  if (code === "ECONNREFUSED") return Failure.ConnectRefused;
  if (isTlsCode(code)) return Failure.TlsFailed;
  return code === "ETIMEDOUT" ? Failure.ConnectTimeout : Failure.ConnectFailed;
}

/** OpenSSL's codes for certificates have no prefix of their own. */
function isTlsCode(code: string): boolean {
  return code.startsWith("ERR_TLS_") || code.startsWith("ERR_SSL_") || /CERT|_SIGNATURE|SELF_SIGNED|CRL/.test(code);
}

function tlsSentence(place: string, code: string): string {
  const trust =
    "give its service `tls: { ca: ./ca.pem }` with the certificate that signed it, or `verify: false` to take any";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `${place} showed a certificate for another name: set \`tls: { serverName: … }\` of the service to the name in it.`;
  }
  if (code === "CERT_HAS_EXPIRED") return `${place} showed a certificate that has expired (${code}).`;
  if (code.startsWith("ERR_SSL_"))
    return `${place} and the gateway could not agree on TLS (${code}): does it speak https on that port?`;
  return `${place} showed a certificate that nobody known has signed (${code}): ${trust}.`;
}

export function connectSentence(place: string, failure: number, problem: DialProblem | undefined): string {
  const tried = problem === undefined || problem.addresses.length === 0 ? "" : ` (${problem.addresses.join(" and ")})`;
  if (failure === Failure.TlsFailed) return tlsSentence(place, problem?.code ?? "");
  if (failure === Failure.ConnectRefused) return `${place} refused the connection${tried}: is it running?`;
  const code = problem?.code ?? "unknown error";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `${place} has no address: its host name was not found (${code}).`;
  return `${place} could not be reached${tried}: ${code}.`;
}

/** @param how "closed the connection", "failed (ECONNRESET)", or what is wrong with the answer. */
export function lostSentence(place: string, failure: number, how: string, committed: boolean): string {
  switch (failure) {
    case Failure.MalformedResponse:
      return `${place} answered with something that is not valid HTTP/1.1: ${how}`;
    case Failure.ResetDuringResponse:
      return committed
        ? `${place} ${how} in the middle of its answer; the client's connection was cut so that it notices.`
        : `${place} ${how} in the middle of its answer.`;
    default:
      return `${place} ${how} before it answered.`;
  }
}
