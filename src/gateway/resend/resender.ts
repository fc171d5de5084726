/**
 * Really sends a request through one of this gateway's own listeners: over a loopback connection of its own, so that it
 * walks every step that any request walks. Its row is found by the port of that connection and marked as a replay.
 * Must not reach anything but a listener of this gateway, and must not cost requests anything while nothing is sent.
 */
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectSecure } from "node:tls";
import type { DraftResult, SendResult } from "../../contract/sending.ts";
import type { Plan } from "../../model/plan.ts";
import type { ListenerStatus } from "../listen/engine.ts";
import { Tag } from "../record/chunk.ts";
import type { Mask } from "../record/mask.ts";
import type { Recorder } from "../record/recorder.ts";
import { draftOf, readDraft } from "./draft.ts";
import { bodyHindrance, headFor, recordedRequest, type RecordedRequest } from "./recorded.ts";

export interface ResenderOptions {
  readonly recorder: Recorder;
  plan(): Plan;
  listeners(): readonly ListenerStatus[];
  mask(): Mask;
}

/** Milliseconds until whoever asked is told that there is no answer yet: less than a call may take. */
const TOLD_AFTER = 8000;
/** Milliseconds until an unanswered request is given up. */
const PATIENCE = 120_000;
/** Bytes of an answer that hold its status line. */
const MOST_STATUS = 4096;

interface Door {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** In the plan. */
  readonly index: number;
}

export class Resender {
  private readonly options: ResenderOptions;

  constructor(options: ResenderOptions) {
    this.options = options;
  }

  /** Sends what was recorded, as it was recorded. Never rejects. */
  async replay(id: number): Promise<SendResult> {
    const found = recordedRequest(this.options.recorder, id);
    if (typeof found === "string") return { kind: "refused", message: found };
    const hindrance = bodyHindrance(found);
    if (hindrance !== undefined) return { kind: "refused", message: `${hindrance} It was not sent.` };
    const { requestHead, requestBody } = found.payload;
    return this.send(this.listenerOf(found), requestHead, Buffer.from(requestBody));
  }

  /** A recorded request as a text to be edited. */
  draft(id: number): DraftResult {
    const found = recordedRequest(this.options.recorder, id);
    if (typeof found === "string") return { kind: "refused", message: found };
    return { kind: "draft", text: draftOf(found, this.maskFor(found)) };
  }

  /** Sends what a person made of `draft(id)`. Never rejects. */
  async sendDraft(id: number, text: string): Promise<SendResult> {
    const found = recordedRequest(this.options.recorder, id);
    if (typeof found === "string") return { kind: "refused", message: found };
    const read = readDraft(text, found, this.maskFor(found));
    if ("message" in read) return { kind: "invalid", ...read };
    return this.send(this.listenerOf(found), read.head, read.body);
  }

  /** Hides what a recorded request carried too; of one that is gone nothing is left to hide. */
  maskOf(id: number): Mask {
    const found = recordedRequest(this.options.recorder, id);
    return typeof found === "string" ? this.options.mask() : this.maskFor(found);
  }

  private maskFor({ payload }: RecordedRequest): Mask {
    return this.options.mask().with(payload.requestHead);
  }

  /** Name of the listener that a recorded request came to. */
  private listenerOf({ place: { chunk, index } }: RecordedRequest): string {
    const plan = this.options.recorder.plans.get(chunk.revision[index])?.plan;
    return plan?.listeners[chunk.listener[index]]?.name ?? "";
  }

  /** @param head start line, fields and empty line; what belongs to the connection is written anew. Never rejects. */
  private async send(listener: string, head: string, body: Buffer): Promise<SendResult> {
    const door = this.door(listener);
    if (typeof door === "string") return { kind: "refused", message: door };
    const bytes = Buffer.concat([Buffer.from(headFor(head, body.length), "latin1"), body]);
    const watched = new Watched(this.options.recorder, door);
    try {
      return await exchange(door, bytes, watched);
    } catch (error) {
      return { kind: "refused", message: `It could not be sent to listener ${listener}: ${(error as Error).message}.` };
    }
  }

  private door(name: string): Door | string {
    const plan = this.options.plan();
    const index = plan.listeners.findIndex((each) => each.name === name);
    const status = this.options.listeners().find((each) => each.name === name);
    if (index < 0 || status === undefined) return `The policy has no listener "${name}" any more.`;
    if (plan.listeners[index].proxyProtocol !== undefined)
      return `Listener ${name} wants a PROXY header, which says who the client is; nothing was sent under a false name.`;
    if (status.protocol !== "HTTP" && status.protocol !== "HTTPS") return `Listener ${name} does not speak HTTP.`;
    const bound = status.addresses.find((address) => address.port !== 0);
    if (bound === undefined) return `Listener ${name} is not open.`;
    return { host: reachable(bound.address), port: bound.port, secure: status.protocol === "HTTPS", index };
  }
}

/** Finds the row of one connection as it begins, and marks it when it has ended. */
class Watched {
  id = 0;
  private readonly recorder: Recorder;
  private readonly door: Door;
  private port = -1;
  private forget: () => void = () => {};

  constructor(recorder: Recorder, door: Door) {
    this.recorder = recorder;
    this.door = door;
  }

  begin(port: number): void {
    this.port = port;
    const over = (): void => this.end();
    this.forget = this.recorder.listen({
      began: (id) => this.began(id),
      ended: (id) => {
        if (id === this.id) this.mark();
      },
      evicted: () => {},
      cleared: over,
    });
  }

  end(): void {
    this.forget();
  }

  private began(id: number): void {
    if (this.id !== 0) return;
    const place = this.recorder.place(id);
    if (place === undefined) return;
    const { chunk, index } = place;
    if (chunk.clientPort[index] === this.port && chunk.listener[index] === this.door.index) this.id = id;
  }

  private mark(): void {
    const place = this.recorder.place(this.id);
    if (place !== undefined) place.chunk.tags[place.index] |= Tag.Replay;
    this.end();
  }
}

/** Resolves when the answer has ended, or after TOLD_AFTER with what is known. Rejects when there was no connection. */
function exchange(door: Door, bytes: Buffer, watched: Watched): Promise<SendResult> {
  return new Promise((resolve, reject) => {
    let start = "";
    let problem: Error | undefined;
    const tell = (): void => {
      if (problem !== undefined && watched.id === 0) return reject(problem);
      resolve({ kind: "sent", id: watched.id, status: statusIn(start) });
    };
    const { host, port, secure } = door;
    const ready = (socket: Socket) => (): void => {
      watched.begin(socket.localPort ?? -1);
      socket.write(bytes);
    };
    // It is our own listener, reached on this machine: there is nobody to be told apart by a certificate.
    const socket: Socket = secure
      ? connectSecure({ host, port, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] }, () => ready(socket)())
      : connectPlain({ host, port }, () => ready(socket)());
    const told = setTimeout(tell, TOLD_AFTER).unref();
    const patience = setTimeout(() => socket.destroy(), PATIENCE).unref();
    socket.on("data", (part: Buffer) => {
      if (start.length < MOST_STATUS) start += part.toString("latin1", 0, MOST_STATUS);
    });
    socket.once("error", (error) => (problem = error));
    socket.once("close", () => {
      clearTimeout(told);
      clearTimeout(patience);
      // The row ends with the answer, a moment before or after its last byte has come here.
      setImmediate(() => {
        tell();
        setTimeout(() => watched.end(), 1000).unref();
      });
    });
  });
}

/** Of the last head that stands at the beginning: informational ones come before it (RFC 9110, section 15.2). */
function statusIn(start: string): number {
  for (const [, status] of start.matchAll(/(?:^|\r\n\r\n)HTTP\/1\.1 (\d{3})[^\r]*\r\n/g))
    if (Number(status) >= 200 || status === "101") return Number(status);
  return 0;
}

function reachable(address: string): string {
  return address === "0.0.0.0" || address === "::" ? "127.0.0.1" : address;
}
