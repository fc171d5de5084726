/**
 * What one policy file exports, and all it exports. Schema, validation, completion, hover, docs and explanation
 * iterate over the list of these; nothing else in the project knows a policy by name.
 * Must not import anything but the model.
 */
import type * as z from "zod/mini";
import type { FactRequest, Passage } from "./arrival.ts";
import type { Millis, Phase, Reason } from "./basics.ts";
import type { ContentCoding } from "./body.ts";
import type { BodyWork } from "./body-work.ts";
import type { Note } from "./decision.ts";
import type { Outcome } from "./state.ts";
import type { PathMatch } from "./path-match.ts";
import type { TokenWay } from "./token-wish.ts";

/** `peek` never writes state; `take` always does, and only after every peek of the stage admitted. */
export interface Step<State> {
  /** Must call note.put exactly once, with the reason it returns. */
  peek(x: Passage, state: State, now: Millis, note: Note): Reason;
  take?(x: Passage, state: State, now: Millis): void;
  /** Asked after a peek that admitted: true = this step answers by itself, and nobody behind it is asked. Writes nothing. */
  answers?(x: Passage, now: Millis): boolean;
  /** What it answers; after `answers` was true. A function of its arguments, so that `explain` can show it again. */
  answer?(x: Passage, matched: PathMatch): Answer;
  /** Milliseconds that a request which took waits before anything is sent for it. A function of the passage. */
  delay?(x: Passage): Millis;
  /** Once, when a request that took ends. */
  end?(x: Passage, state: State, outcome: Outcome, now: Millis): void;
  /** Once, when this step's peek refused and so ended the stage (in shadow: would have). For counting only: must not
   *  change what any later peek answers. Called by the core at that moment, so that replay repeats it. */
  refused?(x: Passage, state: State, now: Millis): void;
}

/** What a step says to the caller instead of any backend. Content-Length, Date and Connection are the engine's. */
export interface Answer {
  /** 200 to 599. */
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  /** Sent as UTF-8; none with 204 and 304. */
  readonly body: string;
  /** Cuts the connection instead of saying anything. */
  readonly reset?: boolean;
}

/** The fields of one head on its way through, as a shape may change them. Names are case-insensitive. */
export interface FieldEdit {
  get(name: string): string | undefined;
  /** Each field of that name by itself: those that hold commas of their own (Set-Cookie) cannot be taken apart. */
  all(name: string): readonly string[];
  set(name: string, value: string): void;
  add(name: string, value: string): void;
  remove(name: string): void;
}

export interface RequestEdit extends FieldEdit {
  /** Path without the query. */
  path: string;
  /** Without the "?"; undefined when the target has none. */
  query: string | undefined;
  /** Authority sent as Host. */
  authority: string;
}

export interface ReplyEdit extends FieldEdit {
  /** Of the answer. */
  readonly status: number;
  /** Sets Content-Encoding, and the body gets that coding on its way. @returns false when this runtime cannot. */
  encode(coding: ContentCoding): boolean;
}

/** Rewrites heads. A function of its arguments, so that `explain` can show each change again, with its owner. */
export interface Shape {
  request?(x: Passage, edit: RequestEdit, matched: PathMatch): void;
  response?(x: Passage, edit: ReplyEdit): void;
  /** What it does with bodies. */
  readonly body?: BodyWork;
  /** Name of the service that the request goes to, whatever the route's weights say; undefined = they say. */
  service?(x: Passage): string | undefined;
}

/** What a policy compiles to. */
export type Act<State> = Step<State> | Shape | (Step<State> & Shape);

/** A change to the policy file that would mend a problem. `path` is below the policy's config. */
export interface Fix {
  readonly title: string;
  readonly path: readonly (string | number)[];
  /** JSON value to put there; undefined removes the key. */
  readonly value: unknown;
}

export interface RefusalReason<Config> {
  readonly status: number;
  /** Short noun phrase for `title` of the problem document and for the table. */
  readonly title: string;
  /** One sentence with the numbers. May read the recorded passage; must not throw. */
  say(config: Config, x: number, y: number, seen: Passage): string;
  /** The same in few words, for a table, to follow the policy's name: "0 of 20, next in 1.3 s". Absent: `say`. */
  brief?(config: Config, x: number, y: number, seen: Passage): string;
  fix?(config: Config, x: number, y: number, seen: Passage): readonly Fix[];
  /** Everything that is wrong, place by place (RFC 9457 section 3): with the problem document and the timeline. */
  errors?(config: Config, x: number, y: number, seen: Passage): readonly PlacedError[];
}

export interface PlacedError {
  /** JSON Pointer into what was sent, or where in a head: "query/limit". */
  readonly pointer: string;
  readonly detail: string;
}

export interface Consumer {
  readonly name: string;
  /** Resolved secret, or undefined when it could not be resolved. */
  readonly apiKey?: string;
  readonly groups: readonly string[];
}

/** A secret as written: a string, `{ env: NAME }` or `{ file: ./path }`. */
export type SecretRef = string | { readonly env: string } | { readonly file: string };

/** What a policy may ask while it compiles. */
export interface CompileContext {
  readonly consumers: readonly Consumer[];
  /** Names of the stage the policy stands in: "listener/edge", "route/orders" or "service/orders". */
  readonly owner: string;
  readonly routeName?: string;
  /** undefined when it cannot be resolved; the reader has reported that by then. */
  secret(ref: SecretRef): string | undefined;
  /** Text of a file, relative to the policy file; undefined when it cannot be read. Nothing secret: it may be shown. */
  file(path: string): string | undefined;
}

/** A problem that the schema alone cannot see (an expression that does not parse, a bad CIDR). */
export interface ConfigProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** Offsets within the scalar at `path`, when only a part of it is wrong. */
  readonly within?: { readonly start: number; readonly end: number };
  readonly fix?: Fix;
}

export interface Policy<Config, State, ReasonName extends string> {
  /** The key in the policy file. */
  readonly kind: string;
  readonly phase: Phase;
  /** One sentence for docs, hover and completion. */
  readonly summary: string;
  /** A YAML snippet that is valid by itself: docs, completion and the derived tests use it. */
  readonly example: string;
  /** The one declaration that gives TypeScript type, reader, JSON Schema, form and docs; each field has `.meta/describe` docs. */
  readonly config: z.ZodMiniType<Config>;
  /** Order is the numbering: stable for ever, add only at the end. */
  readonly reasons: { readonly [Name in ReasonName]: RefusalReason<Config> };
  /** The sentence for a step that admitted. */
  admits(config: Config, x: number, y: number, seen: Passage): string;
  check?(config: Config, context: CompileContext): readonly ConfigProblem[];
  needs?(config: Config, context: CompileContext): readonly FactRequest[];
  /**
   * At layer 4 there are addresses and no request. Absent: the policy needs HTTP. Present: undefined when this config
   * works there too, else what it reads that is not there, after "reads".
   */
  layer4?(config: Config): string | undefined;
  /** Where it reads the key of a consumer, so that a route can be chosen by it before anybody is identified. */
  consumerPlace?(config: Config): SecretPlace | undefined;
  /** What a token must hold so that it lets this request pass: any of these, [] = no token does. Absent: it asks no token. */
  tokenWays?(config: Config, seen: Passage): readonly TokenWay[];
  /** Set when it reads the certificate of the client: a listener must ask for one. */
  readsClientCertificate?(config: Config): boolean;
  /** Requests that it sends by itself, as children of the one that it works for. */
  sends?(config: Config): readonly PolicyRequest[];
  /** Where in its config, as it is written, names of services stand: for references, renaming and completion. */
  servicePlaces?(written: unknown): readonly (readonly string[])[];
  /** What it answers stands in for a service: such requests are marked. */
  readonly mocks?: true;
  /** It answers CORS preflights: a route with it takes a preflight for any method that it takes. */
  readonly preflights?: boolean;
  /** Names of the services among which its act chooses by `service`, instead of the route's weights. */
  chooses?(config: Config): readonly string[];
  /** Absent for policies without state. */
  state?(config: Config): State;
  /** Keeps state over an edit; absent = start afresh when the config differs, keep when it is equal. */
  carry?(old: State, from: Config, to: Config, now: Millis): State;
  /** A step may be a shape too (a key is judged, then hidden from the backend): whoever applies shapes asks every
   *  act for `request` and `response`, whoever judges asks for `peek`. */
  compile(config: Config, context: CompileContext): Act<State>;
  /**
   * Header fields that go with the answer (RateLimit, WWW-Authenticate). `reason` 0 on admitted requests.
   * @param twin above 0 when limits that say the very same were told before: names in a field must differ.
   */
  replyFields?(
    config: Config,
    reason: Reason,
    x: number,
    y: number,
    seen: Passage,
    twin: number,
  ): readonly (readonly [string, string])[];
  /** Where in a request this policy reads a secret: masked in everything that leaves the gateway. */
  secretPlaces?(config: Config): readonly SecretPlace[];
  /** Live gauges for the Limits view. */
  gauge?: LimitGauge<Config, State>;
  /** Set when its state outlives the gateway. */
  durable?: DurableState<Config, State>;
}

/** What of a policy's state is kept on disk, and how it comes back. Whoever keeps it knows neither policy nor meaning. */
export interface DurableState<Config, State> {
  /** Differs whenever there is something new to keep. */
  changes(state: State): number;
  /** Plain data that says what the entries mean. */
  head(config: Config, state: State): Readonly<Record<string, unknown>>;
  entries(state: State): Iterable<readonly [string, number]>;
  /** @returns undefined when they mean something else under this config. */
  load(
    config: Config,
    head: Readonly<Record<string, unknown>>,
    entries: Iterable<readonly [string, number]>,
  ): State | undefined;
}

/** One field of a request that carries a secret. Header names in lower case. */
export interface SecretPlace {
  readonly in: "header" | "query" | "cookie";
  readonly name: string;
}

/** How a limit shows itself. */
export interface LimitGauge<Config, State> {
  describe(config: Config): { capacity: number; perSecond: number; key: string; algorithm: string; text: string };
  /** Keys with the least left first. `left` may be fractional. `rejected` counts since the key appeared. */
  keys(
    config: Config,
    state: State,
    now: Millis,
  ): Iterable<{
    key: string;
    left: number;
    fullIn: Millis;
    nextIn: Millis;
    rejected: number;
    /** Stands still by a person's will. */
    frozen?: boolean;
  }>;
  size(state: State): number;
  reset(config: Config, state: State, key: string, now: Millis): void;
  /** Sets what is left. Absent, as the next two: nothing of that can be set by hand. */
  set?(config: Config, state: State, key: string, left: number, now: Millis): void;
  /** Frozen, a bucket neither refills nor empties: who fits into what is left passes. */
  freeze?(config: Config, state: State, key: string, frozen: boolean, now: Millis): void;
  /** All that is known of a key, as plain data of its own; undefined = nothing. `restore` puts it back. */
  saved?(state: State, key: string): unknown;
  restore?(config: Config, state: State, key: string, saved: unknown, now: Millis): void;
}

/** One request that a policy may send by itself. */
export interface PolicyRequest {
  /** Unique within the policy's config. */
  readonly name: string;
  /** Absent: wherever the route sends its own requests. */
  readonly service?: string;
  /** Milliseconds for the whole of it; absent = the route's. */
  readonly timeout?: Millis;
}

// The list is heterogeneous; each policy is checked against its own types where it is declared.
// eslint-disable-next-line typescript/no-explicit-any
export type AnyPolicy = Policy<any, any, string>;
