/**
 * How a layer-4 connection ended, as HAProxy's termination state words it (configuration manual, section 8.5): the first
 * letter says who or what ended it, the second in which phase; a third of ours says who closed first.
 * One place, so that the engine writes and everybody reads the same letters. Must not decide anything.
 */

export const Cause = {
  Normal: "-",
  ClientAborted: "C",
  ServerAborted: "S",
  /** The gateway: a policy, a limit, a broken beginning. */
  Gateway: "P",
  ClientTimeout: "c",
  ServerTimeout: "s",
  /** A person: the listener was removed, the replica drained, or the gateway stopped. */
  Killed: "K",
} as const;

export const Stage = {
  /** The PROXY header or ClientHello was not whole. */
  Request: "R",
  Connect: "C",
  Data: "D",
  Done: "-",
} as const;

export const First = { Client: "c", Server: "s", Gateway: "g" } as const;

export type CauseLetter = (typeof Cause)[keyof typeof Cause];
export type StageLetter = (typeof Stage)[keyof typeof Stage];
export type FirstLetter = (typeof First)[keyof typeof First];
export type Ending = `${CauseLetter}${StageLetter}${FirstLetter}`;

const CAUSES: Readonly<Record<string, string>> = {
  C: "the client aborted it",
  S: "the server aborted or refused it",
  P: "the gateway refused it",
  c: "the client was silent for too long",
  s: "the server did not answer in time",
  K: "it was cut off on a person's order: listener removed, replica gone or gateway stopped",
};

const STAGES: Readonly<Record<string, string>> = {
  R: "before its beginning was whole",
  C: "while the connection to the server was being made",
  D: "while data could flow",
};

const FIRSTS: Readonly<Record<string, string>> = {
  c: "the client closed first, then the server",
  s: "the server closed first, then the client",
  g: "nothing moved any more, so the gateway ended the session",
};

/** "--": what HAProxy would log. */
export function endingCode(ending: string): string {
  return ending.slice(0, 2);
}

/** The code in a sentence without a dot: "the client closed first, then the server". "" for none. */
export function endingWords(ending: string): string {
  if (ending === "") return "";
  const cause = CAUSES[ending[0]];
  if (cause === undefined) return FIRSTS[ending[2]] ?? "it ended normally";
  const stage = STAGES[ending[1]];
  return stage === undefined ? cause : `${cause} ${stage}`;
}

/** Cut off on order: says nothing against client or server. */
export function wasKilled(ending: string | undefined): boolean {
  return ending?.startsWith(Cause.Killed) === true;
}
