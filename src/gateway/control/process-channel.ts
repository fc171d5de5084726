/**
 * The gateway's side of the channel to the process that forked it: many sessions over one `process.send`.
 * It ends the gateway when the channel goes, so that no gateway outlives its parent.
 * Must not trust the parent's messages to be well formed.
 */
import type { Frame, SessionMessage, StartMessage } from "../../contract/frames.ts";
import type { Gateway } from "../gateway.ts";

/** Messages that may wait in the channel before a session counts as congested. */
const MAX_WAITING = 64;
const MAX_SESSIONS = 64;

export class ProcessChannel {
  private readonly gateway: Gateway;
  private readonly sessions = new Map<string, ReturnType<Gateway["connect"]>>();
  private waiting = 0;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  /** Begins to answer. Before, nothing but a StartMessage may be sent. */
  open(): void {
    process.on("message", (message) => this.receive(message));
  }

  private receive(message: unknown): void {
    if (typeof message !== "object" || message === null) return;
    const { session, data } = message as Partial<SessionMessage>;
    if (typeof session !== "string" || session.length > 200) return;
    if (data === undefined) {
      this.sessions.get(session)?.close();
      this.sessions.delete(session);
      return;
    }
    this.session(session)?.receive(data);
  }

  private session(name: string): ReturnType<Gateway["connect"]> | undefined {
    const known = this.sessions.get(name);
    if (known !== undefined || this.sessions.size >= MAX_SESSIONS) return known;
    const session = this.gateway.connect({
      send: (frame) => this.send(name, frame),
      congested: () => this.waiting > MAX_WAITING,
    });
    this.sessions.set(name, session);
    return session;
  }

  private send(session: string, data: Frame): void {
    this.waiting++;
    tellParent({ session, data }, () => void this.waiting--);
  }
}

/** A channel that has closed meanwhile is no error: "disconnect" tells. */
export function tellParent(message: SessionMessage | StartMessage, done: () => void = () => {}): void {
  if (process.send === undefined || !process.connected) return done();
  process.send(message, undefined, undefined, done);
}
