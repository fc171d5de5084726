/**
 * Where the methods of a service are described: files beside the policy file, read anew when they change, or the server
 * itself. One entry per policy; what cannot be had is remembered for a moment, so that a flood of requests asks once.
 * Must not read what a policy does not name.
 */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { CallSource } from "../../model/arrival.ts";
import type { PlanEndpoint } from "../../model/endpoint.ts";
import type { Plan, PlanService } from "../../model/plan.ts";
import type { Backend } from "../forward/backend.ts";
import type { DialProblem } from "../forward/dial.ts";
import { connectSentence, failureOfConnect } from "../forward/sentences.ts";
import { callOnce } from "./grpc-call.ts";
import { ProtoProblem } from "./proto-files.ts";
import { filesByReflection } from "./reflection.ts";
import { filesOfProto, schemaOf, type Schema } from "./schema.ts";
import type { Network } from "./call.ts";

/** Files are looked at again when that many milliseconds have passed. */
const LOOK_AGAIN = 1000;
/** A server is asked again: after a failure, when a method is missing, and in any case. */
const ASK_AFTER_FAILURE = 1000;
const ASK_FOR_MISSING = 2000;
const ASK_ANYWAY = 60_000;
const ASK_LIMIT = 3000;
const MOST_FILE = 16 * 1_048_576;
const MOST_ENDPOINTS = 3;

interface Entry {
  schema: Schema | undefined;
  problem: ProtoProblem | undefined;
  pending: Promise<Schema> | undefined;
  at: number;
  /** Modification time and size of each file read. */
  stamps: ReadonlyMap<string, string>;
}

export class SchemaSource {
  readonly #baseDirectory: string;
  readonly #network: () => Network | undefined;
  readonly #entries = new WeakMap<CallSource, Entry>();

  constructor(baseDirectory: string, network: () => Network | undefined) {
    this.#baseDirectory = baseDirectory;
    this.#network = network;
  }

  /** @throws ProtoProblem, or rejects with it. */
  of(source: CallSource): Schema | Promise<Schema> {
    const entry = this.#entry(source);
    return source.reflection === true ? this.#asked(source, entry) : this.#read(source, entry);
  }

  /** @returns undefined when there is no reason to believe that asking again would tell more. */
  refreshed(source: CallSource): Promise<Schema> | undefined {
    const entry = this.#entry(source);
    if (source.reflection !== true || performance.now() - entry.at < ASK_FOR_MISSING) return undefined;
    return this.#ask(source, entry);
  }

  #entry(source: CallSource): Entry {
    let entry = this.#entries.get(source);
    if (entry === undefined) {
      entry = { schema: undefined, problem: undefined, pending: undefined, at: -Infinity, stamps: new Map() };
      this.#entries.set(source, entry);
    }
    return entry;
  }

  // ---- Files -----------------------------------------------------------------------------------------------------

  #read(source: CallSource, entry: Entry): Schema {
    const now = performance.now();
    if (now - entry.at >= LOOK_AGAIN) {
      entry.at = now;
      const changed = [...entry.stamps].some(([path, stamp]) => stampOf(path) !== stamp);
      if (changed || entry.schema === undefined) this.#load(source, entry);
    }
    if (entry.schema !== undefined) return entry.schema;
    throw entry.problem ?? new ProtoProblem("the files are not there");
  }

  /** Those of before serve on while the new ones cannot be read: somebody is writing them. */
  #load(source: CallSource, entry: Entry): void {
    const stamps = new Map<string, string>();
    const open = (path: string): Buffer | undefined => {
      const stamp = stampOf(path);
      stamps.set(path, stamp);
      return stamp === "" ? undefined : readFileSync(path);
    };
    try {
      const files =
        source.proto === undefined
          ? descriptorFiles(source, this.#baseDirectory, open)
          : this.#protoFiles(source, open);
      entry.schema = schemaOf(files, source.service);
      entry.problem = undefined;
    } catch (error) {
      entry.problem = error instanceof ProtoProblem ? error : new ProtoProblem(String(error));
    }
    entry.stamps = stamps;
  }

  #protoFiles({ proto = "", importPaths }: CallSource, open: (path: string) => Buffer | undefined) {
    const entry = resolve(this.#baseDirectory, proto);
    const folders = [
      ...importPaths.map((path) => resolve(this.#baseDirectory, path)),
      dirname(entry),
      this.#baseDirectory,
    ];
    return filesOfProto(proto, (name) => {
      if (name === proto) return open(entry)?.toString("utf8");
      for (const folder of folders) {
        const text = open(resolve(folder, name))?.toString("utf8");
        if (text !== undefined) return text;
      }
      return undefined;
    });
  }

  // ---- The server itself -----------------------------------------------------------------------------------------

  #asked(source: CallSource, entry: Entry): Schema | Promise<Schema> {
    const age = performance.now() - entry.at;
    if (entry.schema !== undefined) {
      // What is known serves while it is asked again.
      if (age >= ASK_ANYWAY) this.#ask(source, entry).catch(() => {});
      return entry.schema;
    }
    if (entry.problem !== undefined && age < ASK_AFTER_FAILURE) throw entry.problem;
    return this.#ask(source, entry);
  }

  #ask(source: CallSource, entry: Entry): Promise<Schema> {
    entry.pending ??= this.#askEndpoints(source)
      .then(
        (schema) => {
          entry.problem = undefined;
          return (entry.schema = schema);
        },
        (error: unknown) => {
          entry.problem = error instanceof ProtoProblem ? error : new ProtoProblem(String(error));
          if (entry.schema !== undefined) return entry.schema;
          throw entry.problem;
        },
      )
      .finally(() => {
        entry.at = performance.now();
        entry.pending = undefined;
      });
    return entry.pending;
  }

  async #askEndpoints(source: CallSource): Promise<Schema> {
    const network = this.#network();
    if (network === undefined)
      throw new ProtoProblem("no endpoint can be asked by server reflection before the gateway runs");
    const { plan } = network.active();
    const service = serviceOf(plan, source.owner);
    if (service === undefined || service.endpoints.length === 0) {
      throw new ProtoProblem("there is no endpoint that could be asked by server reflection");
    }
    let last: unknown;
    for (const endpoint of service.endpoints.slice(0, MOST_ENDPOINTS)) {
      try {
        const place = `${service.name} at ${endpoint.label}`;
        const ask = (path: string, message: Uint8Array) => call(network, service, endpoint, place, path, message);
        return schemaOf(await filesByReflection(ask, source.service, place), source.service);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }
}

function stampOf(path: string): string {
  try {
    const looks = statSync(path);
    // A pipe would be waited for, and a device never ends.
    if (!looks.isFile()) return "";
    const { mtimeMs, size } = looks;
    if (size > MOST_FILE) throw new ProtoProblem(`${path} has more than ${MOST_FILE / 1_048_576} MiB`);
    return `${mtimeMs} ${size}`;
  } catch (error) {
    if (error instanceof ProtoProblem) throw error;
    return "";
  }
}

function descriptorFiles({ descriptor = "" }: CallSource, base: string, open: (path: string) => Buffer | undefined) {
  const bytes = open(resolve(base, descriptor));
  if (bytes === undefined) throw new ProtoProblem(`${descriptor} cannot be read`);
  try {
    const { file } = fromBinary(FileDescriptorSetSchema, bytes);
    if (file.length > 0) return file;
  } catch {
    // Said below.
  }
  throw new ProtoProblem(
    `${descriptor} is no descriptor set: make it with protoc --include_imports --descriptor_set_out, or buf build -o`,
  );
}

/** Whose endpoints: those of the service, or of the first one that the route leads to. */
function serviceOf(plan: Plan, owner: string): PlanService | undefined {
  const slash = owner.indexOf("/");
  const [kind, name] = [owner.slice(0, slash), owner.slice(slash + 1)];
  if (kind === "service") return plan.services.find((each) => each.name === name);
  const route = plan.routes.find((each) => each.name === name);
  return plan.services[route?.backends[0]?.service ?? -1];
}

async function call(
  { sessions, securities }: Network,
  service: PlanService,
  endpoint: PlanEndpoint,
  place: string,
  path: string,
  message: Uint8Array,
) {
  const { host, port } = endpoint;
  const to = { host, port, security: securities.of(service, endpoint, ["h2"]) };
  const backend =
    sessions.take(to) ??
    (await new Promise<Backend>((done, fail) => {
      const callOff = sessions.dial(to, (made, problem) => {
        clearTimeout(timer);
        if (made !== undefined) done(made);
        else fail(new ProtoProblem(`server reflection failed: ${connectWords(place, problem)}`));
      });
      const timer = setTimeout(() => {
        callOff();
        fail(new ProtoProblem(`server reflection failed: ${place} accepted no connection within ${ASK_LIMIT} ms`));
      }, ASK_LIMIT);
    }));
  return callOnce(backend, `${host.includes(":") ? `[${host}]` : host}:${port}`, path, message, ASK_LIMIT);
}

function connectWords(place: string, problem: DialProblem | undefined): string {
  return connectSentence(place, failureOfConnect(problem?.code ?? ""), problem).replace(/\.$/, "");
}
