/**
 * Asks a policy's question about a body: at once where the body is small, in a thread of its own where it is large or
 * turns out to cost much, so that nobody else's request waits for it.
 * Bounded: so many wait, each so long, the thread has so much memory; what is beyond is a body state of its own.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Arrival, FactRequest, Passage } from "../../model/arrival.ts";
import { BodyState, WHOLE_ALLOWANCE } from "../../model/body.ts";
import type { Plan } from "../../model/plan.ts";
import type { PlanRecipe } from "../what-if/recipe.ts";
import { Collected } from "./collected.ts";

/** Of the request what a question about its body may look at. */
export type SentArrival = Omit<Arrival, "header"> & { readonly headers: Readonly<Record<string, string>> };

export interface BodyQuestion {
  readonly id: number;
  /** Of the plan that asks. Its recipe comes with its first question. */
  readonly revision: number;
  readonly recipe: PlanRecipe | undefined;
  readonly need: string;
  readonly arrival: SentArrival;
  readonly wallClock: number;
  readonly body: { readonly state: number; readonly length: number; readonly type: string; readonly bytes: Uint8Array };
}

export type BodyAnswer =
  | { readonly id: number; readonly begun: true }
  | { readonly id: number; readonly fact: unknown }
  | { readonly id: number; readonly problem: string };

export type BodyNeed = Extract<FactRequest, { kind: "body" }>;

/** Decoded bytes that are judged at once: parsing as much takes a few milliseconds, whatever it holds. */
const AT_ONCE = 8192;
/** Steps that a small body may cost here before it goes to the thread: some ten milliseconds. */
const STEPS_AT_ONCE = 5000;
/** Bytes of bodies that wait for the thread, even when whoever sent them has gone. */
const MOST_WAITING = 32 * 1_048_576;
/** Milliseconds that the thread may take for one body: allowances end it long before, unless the machine is very busy. */
const LONGEST = 20_000;
/** Before it says that it begins with one, it may have to start, and to read the policy file. */
const LONGEST_START = 120_000;
/** Mebibytes: 8 MiB of JSON become some twentyfold. */
const MEMORY = 512;

interface Waiting {
  readonly need: BodyNeed;
  readonly recipe: PlanRecipe;
  readonly arrival: SentArrival;
  readonly wallClock: number;
  readonly body: Collected;
  tell(fact: unknown): void;
}

export class BodyReader {
  readonly #recipes = new WeakMap<BodyNeed, PlanRecipe>();
  readonly #waiting: Waiting[] = [];
  #bytesWaiting = 0;
  #asked: (Waiting & { readonly id: number; late: NodeJS.Timeout }) | undefined;
  #worker: Worker | undefined;
  /** Revisions that the thread has. */
  readonly #brought = new Set<number>();
  #nextId = 1;
  #closed = false;

  /** A plan is about to serve: its questions can be asked elsewhere too. Without it all are answered here. */
  planned(plan: Plan, recipe: PlanRecipe | undefined): void {
    if (recipe === undefined) return;
    for (const route of plan.routes)
      for (const need of route.needs) if (need.kind === "body") this.#recipes.set(need, recipe);
  }

  fact(need: BodyNeed, x: Passage, body: Collected): unknown {
    const recipe = this.#recipes.get(need);
    const { read } = need.source;
    if (recipe === undefined || body.bytes === undefined) return read(body, x);
    if (body.bytes.length <= AT_ONCE) {
      body.allowance.left = STEPS_AT_ONCE;
      const fact = read(body, x);
      if (body.allowance.left >= 0) return fact;
      body.allowance.left = WHOLE_ALLOWANCE;
    }
    if (this.#closed || this.#bytesWaiting + body.bytes.length > MOST_WAITING)
      return read(new Collected(BodyState.Busy, body.length, body.type), x);
    const arrival = sentOf(x, need.source.headers ?? []);
    return new Promise((tell) => {
      this.#bytesWaiting += body.bytes?.length ?? 0;
      this.#waiting.push({ need, recipe, arrival, wallClock: x.wallClock, body, tell });
      this.#nextSoon();
    });
  }

  close(): void {
    this.#closed = true;
    this.#end();
    for (const one of this.#waiting.splice(0)) tellState(one, BodyState.Busy);
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
    const { need, recipe, arrival, wallClock, body } = next;
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
      need: need.name,
      arrival,
      wallClock,
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
    if ("fact" in answer) asked.tell(answer.fact);
    else tellState(asked, BodyState.TooMuch);
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
    tellState(asked, BodyState.TooMuch);
    this.#nextSoon();
  }
}

/** @param state one of BodyState: what became of the body instead. */
function tellState({ need, body, arrival, wallClock, tell }: Waiting, state: number): void {
  tell(need.source.read(new Collected(state, body.length, body.type), passageOf(arrival, wallClock)));
}

function sentOf({ arrival }: Passage, names: readonly string[]): SentArrival {
  const { layer, listener, clientIp, clientPort, method = "", host = "", path = "", query } = arrival;
  const headers: Record<string, string> = {};
  for (const name of names) {
    const value = arrival.header(name);
    if (value !== undefined) headers[name] = value;
  }
  return { layer, listener, clientIp, clientPort, method, host, path, ...(query !== undefined && { query }), headers };
}

/** What a question sees of a request when it is asked apart from it: the request's own passage is reused meanwhile. */
export function passageOf(sent: SentArrival, wallClock: number): Passage {
  const { headers, ...arrival } = sent;
  return {
    arrival: { ...arrival, header: (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined) },
    facts: {},
    caller: { consumer: undefined, groups: [], jwt: undefined, label: undefined },
    seed: 0,
    tried: 0,
    wallClock,
    requestId: () => "",
  };
}

/** Beside the bundle, whose shared parts stand in a folder below; the source itself in tests. */
function scriptPath(): string {
  const places = ["./bodies.js", "../bodies.js", "./body-thread.fixture.mjs"];
  const paths = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? paths[0];
}
