/**
 * A request in words, to be decided without being sent: what the command line, an agent or a person asks about.
 * Must not import anything.
 */

export interface ExplainRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly clientIp?: string;
}
