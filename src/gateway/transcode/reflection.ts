/**
 * Asks a server what it offers: gRPC server reflection, version v1 and, where that is unknown, v1alpha.
 * Must not ask for more files than a service needs. Throws ProtoProblem, in words for whoever runs the server.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, type FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import type { CallResult } from "./grpc-call.ts";
import { ProtoProblem } from "./proto-files.ts";
import { bundledRegistry, declaredTypes, qualifyTypes, referredTypes } from "./schema.ts";
import { nameOfCode } from "./status.ts";

/** Sends one message to a method of the server. */
export type Ask = (path: string, message: Uint8Array) => Promise<CallResult>;

const VERSIONS = ["v1", "v1alpha"] as const;
const UNIMPLEMENTED = 12;
const MOST_FILES = 500;

type Question =
  | { readonly case: "fileContainingSymbol"; readonly value: string }
  | { readonly case: "fileByFilename"; readonly value: string };

interface Answer {
  readonly messageResponse: {
    readonly case?: string;
    readonly value?: {
      readonly fileDescriptorProto?: readonly Uint8Array[];
      readonly errorCode?: number;
      readonly errorMessage?: string;
    };
  };
}

/** @param place "orders at :50051", for sentences. @throws ProtoProblem */
export async function filesByReflection(ask: Ask, service: string, place: string): Promise<FileDescriptorProto[]> {
  for (const version of VERSIONS) {
    const files = await askVersion(ask, version, service, place);
    if (files !== undefined) return files;
  }
  throw new ProtoProblem(
    `${place} offers no server reflection (neither v1 nor v1alpha): switch it on in the server, or give \`proto\` or \`descriptor\` instead of \`reflection\``,
  );
}

/** @returns undefined when the server does not know this version. */
async function askVersion(
  ask: Ask,
  version: string,
  service: string,
  place: string,
): Promise<FileDescriptorProto[] | undefined> {
  const files = new Map<string, FileDescriptorProto>();
  const asked = new Set<string>();
  let wanted: Question[] = [{ case: "fileContainingSymbol", value: service }];
  while (wanted.length > 0) {
    const question = wanted.shift() as Question;
    asked.add(question.value);
    const { messages, status, problem } = await ask(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      encoded(version, question),
    );
    if (status?.code === UNIMPLEMENTED && messages.length === 0) return undefined;
    if (status === undefined || messages.length === 0) {
      const why = status === undefined ? problem : `ended the call with ${nameOfCode(status.code)} ${status.message}`;
      throw new ProtoProblem(`${place} could not be asked by server reflection: it ${why}`);
    }
    for (const file of filesIn(version, messages[0], question, place))
      if (!files.has(file.name)) files.set(file.name, file);
    if (files.size > MOST_FILES) throw new ProtoProblem(`${place} describes itself in more than ${MOST_FILES} files`);
    qualifyTypes([...files.values()]);
    wanted = missing(files).filter(({ value }) => !asked.has(value));
  }
  return [...files.values()];
}

/** What the files mention and none of them holds. What everybody has need not be asked for. */
function missing(files: ReadonlyMap<string, FileDescriptorProto>): Question[] {
  const bundled = bundledRegistry();
  const all = [...files.values()];
  const names = all
    .flatMap(({ dependency }) => dependency)
    .filter((name) => !files.has(name) && !bundled.getFile(name));
  if (names.length > 0) return [...new Set(names)].map((value) => ({ case: "fileByFilename", value }));
  // Some servers name no imports.
  const there = new Set(all.flatMap(declaredTypes));
  const types = all.flatMap(referredTypes).filter((name) => !there.has(name) && bundled.get(name) === undefined);
  return [...new Set(types)].map((value) => ({ case: "fileContainingSymbol", value }));
}

function encoded(version: string, question: Question): Uint8Array {
  const desc = descOf(version, "ServerReflectionRequest");
  return toBinary(desc, create(desc, { messageRequest: question } as never));
}

function filesIn(version: string, message: Uint8Array, question: Question, place: string): FileDescriptorProto[] {
  let value: Answer["messageResponse"]["value"];
  try {
    const answer = fromBinary(descOf(version, "ServerReflectionResponse"), message) as unknown as Answer;
    value = answer.messageResponse.value;
    const found = value?.fileDescriptorProto ?? [];
    if (found.length > 0) return found.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  } catch (error) {
    throw new ProtoProblem(
      `${place} described itself in a way that cannot be read: ${error instanceof Error ? error.message : error}`,
    );
  }
  const said = value?.errorMessage ?? "nothing";
  throw new ProtoProblem(`${place} knows no ${question.value}, as its server reflection says (${said.slice(0, 200)})`);
}

function descOf(version: string, name: string) {
  const desc = bundledRegistry().getMessage(`grpc.reflection.${version}.${name}`);
  if (desc === undefined) throw new ProtoProblem(`server reflection ${version} is unknown here`);
  return desc;
}
