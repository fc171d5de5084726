/**
 * JSON over HTTP to gRPC, as the rest of the gateway sees it: the fact that says which call a request is, and the
 * translation that the relay then uses. Everything that knows protocol buffers is loaded with the first such request.
 * Must not judge: the policy does, by the fact.
 */
import type { CallFact, CallSource, Passage } from "../../model/arrival.ts";
import type { Timeouts } from "../../model/plan.ts";
import type { Collected } from "../facts/collected.ts";
import type { Backend } from "../forward/backend.ts";
import type { EngineServices } from "../forward/services.ts";
import type { OutgoingRequest } from "../http1/compose.ts";
import { isGrpc } from "../http2/grpc.ts";

/** What the translation needs of the running engine, for servers that are asked about themselves. */
export type Network = Pick<EngineServices, "sessions" | "securities" | "active" | "now">;

export interface TranscoderOptions {
  /** Where relative paths begin. */
  readonly baseDirectory: string;
}

/** One request as a call, ready to be sent. */
export interface Translation {
  /** Makes the composed head that of a call. @param timeouts of the route. */
  compose(request: OutgoingRequest, timeouts: Timeouts): void;
  wrap(backend: Backend): Backend;
}

/** A passage that can carry a translation to the relay. */
export interface Translatable extends Passage {
  translation?: Translation | undefined;
}

type Loaded = import("./translator.ts").Translator;

export class Transcoder {
  readonly #baseDirectory: string;
  #network: Network | undefined;
  #loaded: Loaded | undefined;
  #loading: Promise<Loaded> | undefined;

  constructor(options: TranscoderOptions) {
    this.#baseDirectory = options.baseDirectory;
  }

  /** The engine runs: server reflection has somebody to ask. */
  attach(network: Network): void {
    this.#network = network;
  }

  /** Never rejects. Sets `x.translation` when the request is a call. */
  fact(source: CallSource, x: Translatable, body: Collected): CallFact | Promise<CallFact> {
    if (isGrpc(x.arrival.header("content-type"))) return { state: "native" };
    if (this.#loaded !== undefined) return this.#loaded.fact(source, x, body);
    return this.#load().then(
      (loaded) => loaded.fact(source, x, body),
      (error: unknown) => ({ state: "unavailable", problem: error instanceof Error ? error.message : String(error) }),
    );
  }

  #load(): Promise<Loaded> {
    return (this.#loading ??= import("./translator.ts").then(
      ({ Translator }) => (this.#loaded = new Translator(this.#baseDirectory, () => this.#network)),
    ));
  }
}
