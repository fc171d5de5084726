/**
 * How an attempt or request failed, in words. The numbers are model Failure.
 * Exists so that the table, the attempts tab and the problem document say the same.
 */
import { Failure } from "../model/state.ts";

const words: Readonly<Record<number, string>> = {
  [Failure.None]: "",
  [Failure.ConnectRefused]: "connection refused",
  [Failure.ConnectTimeout]: "no connection in time",
  [Failure.ConnectFailed]: "could not connect",
  [Failure.ResetBeforeResponse]: "closed the connection before it answered",
  [Failure.ResetDuringResponse]: "closed the connection in the middle of its answer",
  [Failure.MalformedResponse]: "answered with something that is not HTTP/1.1",
  [Failure.BackendTimeout]: "did not answer in time",
  [Failure.RequestTimeout]: "the request took longer than its timeout",
  [Failure.IdleTimeout]: "nothing moved for longer than the idle timeout",
  [Failure.ClientGone]: "the client went away first",
  [Failure.TlsFailed]: "no TLS with it: the certificate is not believed, or it speaks none",
  [Failure.Outrun]: "called off: another attempt answered first",
  [Failure.TryTimeout]: "did not answer within the time of one attempt",
  [Failure.BadAnswer]: "answered with a status to be tried again, and nobody was left",
  [Failure.Behind]: "took the mirrored body too slowly",
  [Failure.Deregistered]: "the replica left the service, and the time to drain was over",
};

/** @returns "" for no failure. */
export function failureWords(failure: number): string {
  return words[failure] ?? `failure ${failure}`;
}
