/**
 * JSON over HTTP to gRPC, as the rest of the gateway sees it: the fact that says which call a request is, and the
 * translation that the relay then uses. Everything that knows protocol buffers is loaded with the first such request.
 * Must not judge: the policy does, by the fact.
 */
import type { CallFact, CallSource } from "../../model/arrival.ts";
import type { Collected } from "../facts/collected.ts";
import { isGrpc } from "../http2/grpc.ts";
import type { Network, Translatable } from "./call.ts";

export interface TranscoderOptions {
  /** Where relative paths begin. */
  readonly baseDirectory: string;
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
