/**
 * Whatever the source - `.proto` files, a descriptor set, a server's reflection - one set of file descriptors becomes one
 * registry of types and the templates of one service.
 * Must not read a disk or a socket. Throws ProtoProblem, in words for whoever runs the gateway.
 */
import {
  clone,
  create,
  createFileRegistry,
  getExtension,
  hasExtension,
  type DescExtension,
  type DescMethod,
  type DescService,
  type FileRegistry,
  type Message,
} from "@bufbuild/protobuf";
import {
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { nearest } from "../../policies/nearest.ts";
import { TemplateTable } from "../../policies/path-template.ts";
import { BUNDLED_PROTOS } from "./bundled-protos.ts";
import {
  collectTypes,
  describeProto,
  jsonName,
  parseProto,
  ProtoProblem,
  type KnownTypes,
  type ParsedProto,
} from "./proto-files.ts";

/** One way to call one method over HTTP. */
export interface Binding {
  readonly method: DescMethod;
  /** As in the rule; "*" = any. */
  readonly httpMethod: string;
  readonly template: string;
  /** "*" = the whole message, "" = no body, else the path of a field. */
  readonly body: string;
  /** Path of the field that is the answer; "" = the whole message. */
  readonly responseBody: string;
}

export interface Schema {
  readonly registry: FileRegistry;
  readonly service: DescService;
  readonly bindings: readonly Binding[];
  readonly table: TemplateTable<Binding>;
}

const WELL_KNOWN = new Map(
  [
    file_google_protobuf_any,
    file_google_protobuf_api,
    file_google_protobuf_descriptor,
    file_google_protobuf_duration,
    file_google_protobuf_empty,
    file_google_protobuf_field_mask,
    file_google_protobuf_source_context,
    file_google_protobuf_struct,
    file_google_protobuf_timestamp,
    file_google_protobuf_type,
    file_google_protobuf_wrappers,
  ].map(({ proto }) => [proto.name, proto]),
);

let bundled: ReadonlyMap<string, FileDescriptorProto> | undefined;

/** google/protobuf and what stands in bundled-protos.ts. */
function bundledFiles(): ReadonlyMap<string, FileDescriptorProto> {
  if (bundled !== undefined) return bundled;
  const known = wellKnownTypes();
  const parsed = [...BUNDLED_PROTOS].map(([name, text]) => parseProto({ name, text }));
  for (const file of parsed) collectTypes(file, known);
  const files = new Map(WELL_KNOWN);
  for (const file of parsed) files.set(file.name, describeProto(file, known));
  return (bundled = files);
}

let bundledTypes: FileRegistry | undefined;

/** Types that are there whatever the service says: error details, reflection. */
export function bundledRegistry(): FileRegistry {
  return (bundledTypes ??= registryOf([...bundledFiles().values()]));
}

function httpExtension(): DescExtension {
  const found = bundledRegistry().getExtension("google.api.http");
  if (found === undefined) throw new ProtoProblem("google.api.http is missing");
  return found;
}

function wellKnownTypes(): KnownTypes {
  const known: KnownTypes = new Map();
  const visit = (scope: string, messages: FileDescriptorProto["messageType"]): void => {
    for (const each of messages) {
      known.set(`${scope}.${each.name}`, "message");
      for (const kind of each.enumType) known.set(`${scope}.${each.name}.${kind.name}`, "enum");
      visit(`${scope}.${each.name}`, each.nestedType);
    }
  };
  for (const file of WELL_KNOWN.values()) {
    visit(file.package, file.messageType);
    for (const kind of file.enumType) known.set(`${file.package}.${kind.name}`, "enum");
  }
  return known;
}

/**
 * @param read a file by the name under which it is imported; undefined when it is nowhere. One that is missing is a
 * problem only when something in it is used: most hold nothing but options.
 * @throws ProtoProblem
 */
export function filesOfProto(entry: string, read: (name: string) => string | undefined): FileDescriptorProto[] {
  const parsed = new Map<string, ParsedProto>();
  const missing: string[] = [];
  const visit = (name: string): void => {
    if (parsed.has(name) || bundledFiles().has(name)) return;
    const text = read(name);
    if (text === undefined) return void missing.push(name);
    const file = parseProto({ name, text });
    parsed.set(name, file);
    for (const each of file.imports) visit(each);
  };
  visit(entry);
  if (!parsed.has(entry)) throw new ProtoProblem(`${entry} cannot be read`);
  const known = wellKnownTypes();
  for (const [name, text] of BUNDLED_PROTOS) collectTypes(parseProto({ name, text }), known);
  for (const file of parsed.values()) collectTypes(file, known);
  try {
    return [...parsed.values()].map((file) => describeProto(file, known, httpExtension()));
  } catch (error) {
    if (!(error instanceof ProtoProblem) || missing.length === 0) throw error;
    throw new ProtoProblem(`${error.message}; not found: ${missing.join(", ")} (see importPaths)`);
  }
}

/** @throws ProtoProblem */
export function schemaOf(files: readonly FileDescriptorProto[], serviceName: string): Schema {
  qualifyTypes(files);
  const registry = registryOf([...files, ...bundledFiles().values()]);
  const service = registry.getService(serviceName);
  if (service === undefined) {
    const names = [...registry].filter((each) => each.kind === "service").map((each) => each.typeName);
    throw new ProtoProblem(`there is no service ${serviceName}${known(serviceName, names)}`);
  }
  const bindings = service.methods.flatMap(bindingsOf);
  const table = new TemplateTable<Binding>();
  for (const binding of bindings) {
    const problem = table.add({ method: binding.httpMethod, template: binding.template }, binding);
    if (problem !== undefined) throw new ProtoProblem(`${binding.method.name}: ${problem.message}`);
  }
  return { registry, service, bindings, table };
}

function known(name: string, names: readonly string[]): string {
  if (names.length === 0) return ": no service is defined";
  const near = nearest(name, names) ?? names.find((each) => each.endsWith(`.${name}`));
  return near === undefined ? `: there is ${names.slice(0, 10).join(", ")}` : `: did you mean ${near}?`;
}

/**
 * The first of each name counts. Ordered by what refers to what, not by what is said to be imported: servers in JavaScript
 * describe themselves by package and name no imports. A file that says again what is bundled is left out.
 */
function registryOf(all: readonly FileDescriptorProto[]): FileRegistry {
  const files = new Map<string, FileDescriptorProto>();
  for (const file of all) {
    if (files.has(file.name)) continue;
    const repeats = bundledTypes !== undefined && !bundledFiles().has(file.name) && saysNothingNew(file, bundledTypes);
    if (!repeats) files.set(file.name, file);
  }
  const owners = new Map<string, FileDescriptorProto>();
  for (const file of files.values()) for (const name of declaredTypes(file)) owners.set(name, file);
  const sorted: FileDescriptorProto[] = [];
  const done = new Set<string>();
  const visit = (file: FileDescriptorProto): void => {
    if (done.has(file.name)) return;
    done.add(file.name);
    const used = new Set(referredTypes(file).flatMap((name) => owners.get(name)?.name ?? []));
    for (const name of file.dependency) if (files.has(name)) used.add(name);
    used.delete(file.name);
    for (const name of used) visit(files.get(name) as FileDescriptorProto);
    const same = used.size === file.dependency.length && file.dependency.every((name) => used.has(name));
    sorted.push(same ? file : withDependencies(file, [...used]));
  };
  for (const file of files.values()) visit(file);
  try {
    return createFileRegistry(create(FileDescriptorSetSchema, { file: sorted }));
  } catch (error) {
    throw new ProtoProblem(`the descriptors do not fit together: ${error instanceof Error ? error.message : error}`);
  }
}

function saysNothingNew(file: FileDescriptorProto, known: FileRegistry): boolean {
  // Nobody else may define these; an exporter of JavaScript packs them, and extensions of theirs, into one file.
  if (file.package === "google.protobuf") return file.service.length === 0;
  const names = declaredTypes(file);
  return file.service.length === 0 && names.length > 0 && names.every((name) => known.get(name) !== undefined);
}

/** Full names of messages and enums, those within messages too. */
export function declaredTypes(file: FileDescriptorProto): string[] {
  const visit = (
    scope: string,
    { messageType, enumType }: Pick<FileDescriptorProto, "messageType" | "enumType">,
  ): string[] => [
    ...enumType.map(({ name }) => `${scope}${name}`),
    ...messageType.flatMap((each) => [
      `${scope}${each.name}`,
      ...visit(`${scope}${each.name}.`, { messageType: each.nestedType, enumType: each.enumType }),
    ]),
  ];
  return visit(file.package === "" ? "" : `${file.package}.`, file);
}

/**
 * Makes relative names of types full ones, as far as the files themselves tell, and gives fields the JSON names that
 * they lack: what protobufjs exports has both as they were written.
 */
export function qualifyTypes(files: readonly FileDescriptorProto[]): void {
  const known = new Set(files.flatMap(declaredTypes));
  const full = (name: string, scope: string): string => {
    if (name === "" || name.startsWith(".")) return name;
    for (let at = scope; ; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
      const candidate = at === "" ? name : `${at}.${name}`;
      if (known.has(candidate)) return `.${candidate}`;
      if (at === "") return `.${name}`;
    }
  };
  const visit = (messages: FileDescriptorProto["messageType"], scope: string): void => {
    for (const message of messages) {
      const inside = scope === "" ? message.name : `${scope}.${message.name}`;
      for (const field of [...message.field, ...message.extension]) {
        field.typeName = full(field.typeName, inside);
        field.extendee = full(field.extendee, inside);
        if (field.jsonName === "") field.jsonName = jsonName(field.name);
      }
      visit(message.nestedType, inside);
    }
  };
  for (const file of files) {
    visit(file.messageType, file.package);
    for (const field of file.extension) {
      field.typeName = full(field.typeName, file.package);
      field.extendee = full(field.extendee, file.package);
    }
    for (const { method } of file.service) {
      for (const each of method) {
        each.inputType = full(each.inputType, file.package);
        each.outputType = full(each.outputType, file.package);
      }
    }
  }
}

/** Full names of what fields, extensions and methods mention. */
export function referredTypes(file: FileDescriptorProto): string[] {
  const found = new Set<string>();
  const take = (name: string): void => void (name !== "" && found.add(name.replace(/^\./, "")));
  const visit = (messages: FileDescriptorProto["messageType"]): void => {
    for (const { field, extension, nestedType } of messages) {
      for (const each of [...field, ...extension]) take(each.typeName);
      for (const each of extension) take(each.extendee);
      visit(nestedType);
    }
  };
  visit(file.messageType);
  for (const each of file.extension) {
    take(each.typeName);
    take(each.extendee);
  }
  for (const { method } of file.service) {
    for (const each of method) {
      take(each.inputType);
      take(each.outputType);
    }
  }
  return [...found];
}

function withDependencies(file: FileDescriptorProto, dependency: string[]): FileDescriptorProto {
  const changed = clone(FileDescriptorProtoSchema, file);
  changed.dependency = dependency;
  changed.publicDependency = changed.weakDependency = [];
  return changed;
}

/** Fields of google.api.HttpRule as they are read here. */
interface HttpRule extends Message {
  readonly pattern: {
    readonly case?: string;
    readonly value?: string | { readonly kind: string; readonly path: string };
  };
  readonly body: string;
  readonly responseBody: string;
  readonly additionalBindings: readonly HttpRule[];
}

/** A method without a rule can be called by its name, as the comment of google/api/http.proto leaves open. */
function bindingsOf(method: DescMethod): Binding[] {
  const { options } = method.proto;
  const http = httpExtension();
  const rule =
    options !== undefined && hasExtension(options, http) ? (getExtension(options, http) as HttpRule) : undefined;
  const found = rule === undefined ? [] : [rule, ...rule.additionalBindings].flatMap((each) => bindingOf(method, each));
  if (found.length > 0) return found;
  const template = `/${method.parent.typeName}/${method.name}`;
  return [{ method, httpMethod: "POST", template, body: "*", responseBody: "" }];
}

function bindingOf(method: DescMethod, { pattern, body, responseBody }: HttpRule): Binding[] {
  const { value } = pattern;
  if (value === undefined) return [];
  const [httpMethod, template] =
    typeof value === "string" ? [(pattern.case ?? "").toUpperCase(), value] : [value.kind.toUpperCase(), value.path];
  return [{ method, httpMethod, template, body, responseBody }];
}
