/**
 * One thread that reads bodies, and the bodies that wait for it. Bounded: so many wait, each so long, and the thread has so much
 * memory; what is beyond is a body state of its own. Must not know what is asked of a body.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Arrival, Passage } from "../../model/arrival.ts";
import { BodyState } from "../../model/body.ts";
import type { PlanRecipe } from "../what-if/recipe.ts";
import type { Collected } from "./collected.ts";

/** Of the request what a question about its body may look at. */
export type SentArrival = Omit<Arrival, "header"> & { readonly headers: Readonly<Record<string, string>> };

export interface SentPassage {
  readonly arrival: SentArrival;
  readonly wallClock: number;
  readonly caller: Passage["caller"];
  readonly requestId: string;
}

/** A policy's question by the name of its fact, or the work of steps of the plan on an answer. */
export type Asked = { readonly need: string } | { readonly steps: readonly number[]; readonly status: number };

export interface BodyQuestion {
  readonly id: number;
  /** Of the plan that asks. Its recipe comes with its first question. */
  readonly revision: number;
  readonly recipe: PlanRecipe | undefined;
  readonly asked: Asked;
  readonly passage: SentPassage;
  readonly body: { readonly state: number; readonly length: number; readonly type: string; readonly bytes: Uint8Array };
}

export type BodyAnswer =
  | { readonly id: number; readonly begun: true }
  | { readonly id: number; readonly found: unknown }
  | { readonly id: number; readonly problem: string };

/** What the thread found, or the state of a body that it could not look at: `Busy`, `TooMuch`. */
export type Told = { readonly found: unknown } | { readonly state: number };

/** Bytes of bodies that wait for the thread, even when whoever sent them has gone. */
const MOST_WAITING = 32 * 1_048_576;
/** Milliseconds that the thread may take for one body: allowances end it long before, unless the machine is very busy. */
const LONGEST = 20_000;
/** Before it says that it begins with one, it may have to start, and to read the policy file. */
const LONGEST_START = 120_000;
/** Mebibytes: 8 MiB of JSON become some twentyfold. */
const MEMORY = 512;

interface Waiting {
  readonly asked: Asked;
  readonly recipe: PlanRecipe;
  readonly passage: SentPassage;
  readonly body: Collected;
  tell(told: Told): void;
}

export class BodyQueue {
  readonly #waiting: Waiting[] = [];
  #bytesWaiting = 0;
  #asked: (Waiting & { readonly id: number; late: NodeJS.Timeout }) | undefined;
  #worker: Worker | undefined;
  /** Revisions that the thread has. */
  readonly #brought = new Set<number>();
  #nextId = 1;
  #closed = false;

  /** Never rejects. @param body whole. @returns undefined when too much waits already. */
  ask(recipe: PlanRecipe, asked: Asked, passage: SentPassage, body: Collected): Promise<Told> | undefined {
    const size = body.bytes?.length ?? 0;
    if (this.#closed || this.#bytesWaiting + size > MOST_WAITING) return undefined;
    return new Promise((tell) => {
      this.#bytesWaiting += size;
      this.#waiting.push({ asked, recipe, passage, body, tell });
      this.#nextSoon();
    });
  }

  close(): void {
    this.#closed = true;
    this.#end();
    for (const one of this.#waiting.splice(0)) one.tell({ state: BodyState.Busy });
  }

  /** Not in the turn that joined the body's pieces: handing 8 MiB over, or starting a thread, is enough for one. */
  #nextSoon(): void {
    setImmediate(() => this.#next());
  }

  #next(): void {
    if (this.#asked !== undefined || this.#closed) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#bytesWaiting -= next.body.bytes?.length ?? 0;
    const { asked, recipe, passage, body } = next;
    const { revision } = recipe;
    const fresh = this.#worker === undefined || !this.#brought.has(revision);
    const late = setTimeout(() => this.#end(), LONGEST_START).unref();
    const id = this.#nextId++;
    this.#asked = { ...next, id, late };
    // A view of its own memory alone: a view into a larger one would bring all of that along.
    const bytes = new Uint8Array(body.bytes ?? []);
    const question: BodyQuestion = {
      id,
      revision,
      recipe: fresh ? recipe : undefined,
      asked,
      passage,
      body: { state: body.state, length: body.length, type: body.type, bytes },
    };
    try {
      this.#worker ??= this.#start();
      // A thread has no origin.
      // oxlint-disable-next-line unicorn/require-post-message-target-origin
      this.#worker.postMessage(question, [bytes.buffer]);
      this.#brought.add(revision);
      for (const oldest of this.#brought) if (this.#brought.size > 2) this.#brought.delete(oldest);
    } catch {
      this.#end();
    }
  }

  #start(): Worker {
    const worker = new Worker(scriptPath(), { resourceLimits: { maxOldGenerationSizeMb: MEMORY } });
    worker.unref();
    worker.on("message", (answer: BodyAnswer) => this.#answered(answer));
    const over = () => {
      if (worker === this.#worker) this.#end();
    };
    worker.on("error", over);
    worker.on("exit", over);
    return worker;
  }

  #answered(answer: BodyAnswer): void {
    const asked = this.#asked;
    if (asked === undefined || asked.id !== answer.id) return;
    clearTimeout(asked.late);
    if ("begun" in answer) {
      asked.late = setTimeout(() => this.#end(), LONGEST).unref();
      return;
    }
    this.#asked = undefined;
    asked.tell("found" in answer ? { found: answer.found } : { state: BodyState.TooMuch });
    this.#next();
  }

  /** The thread is gone, or to go: the body it had was too much for it. The next one starts another. */
  #end(): void {
    const asked = this.#asked;
    void this.#worker?.terminate();
    this.#worker = this.#asked = undefined;
    this.#brought.clear();
    if (asked === undefined) return;
    clearTimeout(asked.late);
    asked.tell({ state: BodyState.TooMuch });
    this.#nextSoon();
  }
}

/** @param headers those that may be looked at. */
export function sentOf(x: Passage, headers: readonly string[]): SentPassage {
  const { layer, listener, clientIp, clientPort, method = "", host = "", path = "", query } = x.arrival;
  const fields: Record<string, string> = {};
  for (const name of headers) {
    const value = x.arrival.header(name);
    if (value !== undefined) fields[name] = value;
  }
  return {
    arrival: {
      layer,
      listener,
      clientIp,
      clientPort,
      method,
      host,
      path,
      ...(query !== undefined && { query }),
      headers: fields,
    },
    wallClock: x.wallClock,
    caller: x.caller,
    requestId: x.requestId(),
  };
}

/** What a question sees of a request when it is asked apart from it: the request's own passage is reused meanwhile. */
export function passageOf(sent: SentPassage): Passage {
  const { headers, ...arrival } = sent.arrival;
  return {
    arrival: { ...arrival, header: (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined) },
    facts: {},
    caller: sent.caller,
    seed: 0,
    tried: 0,
    wallClock: sent.wallClock,
    requestId: () => sent.requestId,
  };
}

/** Beside the bundle, whose shared parts stand in a folder below; the source itself in tests. */
function scriptPath(): string {
  const places = ["./bodies.js", "../bodies.js", "./body-thread.fixture.mjs"];
  const paths = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? paths[0];
}
