/**
 * `.proto` files -> file descriptors. protobufjs only parses, one file at a time; names, dependencies and JSON names are
 * resolved here, since its own export qualifies none of them.
 * Must not read a disk: texts are handed in. Throws ProtoProblem, in words for whoever wrote the file.
 */
import { create, fromJson, setExtension, type DescExtension, type JsonValue } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  MethodOptionsSchema,
  ServiceDescriptorProtoSchema,
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  type ServiceDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import protobuf from "protobufjs";

export class ProtoProblem extends Error {
  override readonly name = "ProtoProblem";
}

export interface ProtoText {
  /** As others import it. */
  readonly name: string;
  readonly text: string;
}

/** Names of messages and enums, "shop.v1.Order", and what each one is. */
export type KnownTypes = Map<string, "message" | "enum" | "group">;

export interface ParsedProto {
  readonly name: string;
  readonly imports: readonly string[];
  readonly package: string;
  readonly syntax: "proto2" | "proto3";
  readonly root: protobuf.Root;
}

const SCALARS: Readonly<Record<string, Type>> = {
  double: Type.DOUBLE,
  float: Type.FLOAT,
  int64: Type.INT64,
  uint64: Type.UINT64,
  int32: Type.INT32,
  fixed64: Type.FIXED64,
  fixed32: Type.FIXED32,
  bool: Type.BOOL,
  string: Type.STRING,
  bytes: Type.BYTES,
  uint32: Type.UINT32,
  sfixed32: Type.SFIXED32,
  sfixed64: Type.SFIXED64,
  sint32: Type.SINT32,
  sint64: Type.SINT64,
};

/** @throws ProtoProblem */
export function parseProto({ name, text }: ProtoText): ParsedProto {
  const root = new protobuf.Root();
  let parsed: protobuf.IParserResult;
  try {
    parsed = protobuf.parse(text, root, { keepCase: true });
  } catch (error) {
    throw new ProtoProblem(`${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const bare = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "");
  if (/^\s*edition\s*=/m.test(bare)) {
    throw new ProtoProblem(
      `${name} is written in an edition of protobuf, of which only the syntaxes proto2 and proto3 are read here: make a descriptor set of it (protoc --include_imports --descriptor_set_out) and give that as \`descriptor\``,
    );
  }
  const syntax = /^\s*syntax\s*=\s*["']proto3["']/m.test(bare) ? "proto3" : "proto2";
  const imports = [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])];
  return { name, imports, package: parsed.package ?? "", syntax, root };
}

/** Adds the names that a file declares. */
export function collectTypes(parsed: ParsedProto, known: KnownTypes): void {
  const visit = (space: protobuf.NamespaceBase): void => {
    for (const child of space.nestedArray) {
      const name = child.fullName.slice(1);
      if (child instanceof protobuf.Type)
        known.set(name, (child as { readonly group?: boolean }).group === true ? "group" : "message");
      else if (child instanceof protobuf.Enum) known.set(name, "enum");
      if (child instanceof protobuf.Namespace) visit(child);
    }
  };
  visit(parsed.root);
}

/** @param http the extension `google.api.http`; absent while that itself is being read. @throws ProtoProblem */
export function describeProto(parsed: ParsedProto, known: KnownTypes, http?: DescExtension): FileDescriptorProto {
  const scope = parsed.package === "" ? parsed.root : parsed.root.lookup(parsed.package);
  const file = new FileWriter(parsed, known, http);
  return file.write(scope instanceof protobuf.Namespace ? scope : parsed.root);
}

class FileWriter {
  readonly #parsed: ParsedProto;
  readonly #known: KnownTypes;
  readonly #http: DescExtension | undefined;

  constructor(parsed: ParsedProto, known: KnownTypes, http: DescExtension | undefined) {
    this.#parsed = parsed;
    this.#known = known;
    this.#http = http;
  }

  write(scope: protobuf.NamespaceBase): FileDescriptorProto {
    const { name, syntax, imports } = this.#parsed;
    const children = scope.nestedArray;
    return create(FileDescriptorProtoSchema, {
      name,
      syntax,
      package: this.#parsed.package,
      dependency: [...imports],
      messageType: children.filter((each) => each instanceof protobuf.Type).map((each) => this.#message(each)),
      enumType: children.filter((each) => each instanceof protobuf.Enum).map((each) => this.#enum(each)),
      service: children.filter((each) => each instanceof protobuf.Service).map((each) => this.#service(each)),
      extension: children.filter((each) => each instanceof protobuf.Field).map((each) => this.#field(each)),
    });
  }

  #message(type: protobuf.Type): DescriptorProto {
    const optional = (field: protobuf.Field): boolean => field.options?.["proto3_optional"] === true;
    const real = type.oneofsArray.filter((oneof) => !oneof.fieldsArray.some(optional));
    const synthetic = type.fieldsArray.filter(optional);
    const entries: DescriptorProto[] = [];
    const field = type.fieldsArray.map((each) => {
      const written = each instanceof protobuf.MapField ? this.#map(each, type, entries) : this.#field(each);
      const oneof = real.findIndex((one) => one === each.partOf);
      if (oneof >= 0) written.oneofIndex = oneof;
      // Behind the real ones, as protoc puts those that stand for a field's presence.
      if (optional(each)) {
        written.proto3Optional = true;
        written.oneofIndex = real.length + synthetic.indexOf(each);
      }
      return written;
    });
    const children = type.nestedArray;
    return create(DescriptorProtoSchema, {
      name: type.name,
      field,
      oneofDecl: [...real.map(({ name }) => ({ name })), ...synthetic.map(({ name }) => ({ name: `_${name}` }))],
      nestedType: [
        ...children.filter((each) => each instanceof protobuf.Type).map((each) => this.#message(each)),
        ...entries,
      ],
      enumType: children.filter((each) => each instanceof protobuf.Enum).map((each) => this.#enum(each)),
      extension: children.filter((each) => each instanceof protobuf.Field).map((each) => this.#field(each)),
      extensionRange: (type.extensions ?? []).map(([start, end]: number[]) => ({ start, end: end + 1 })),
    });
  }

  #field(field: protobuf.Field): FieldDescriptorProto {
    const name = field.name.replace(/^\./, "");
    const label = field.repeated ? Label.REPEATED : field.required ? Label.REQUIRED : Label.OPTIONAL;
    const options = field.options ?? {};
    return create(FieldDescriptorProtoSchema, {
      name,
      number: field.id,
      label,
      ...this.#typeOf(field.type, field),
      jsonName: typeof options["json_name"] === "string" ? options["json_name"] : jsonName(name),
      ...(field.extend === undefined ? {} : { extendee: `.${this.#resolve(field.extend, field)}` }),
      ...(options["default"] === undefined ? {} : { defaultValue: String(options["default"]) }),
      ...(typeof options["packed"] === "boolean" ? { options: { packed: options["packed"] } } : {}),
    });
  }

  /** A map is a repeated message of its key and value (language guide, "Backwards compatibility" of maps). */
  #map(field: protobuf.MapField, owner: protobuf.Type, entries: DescriptorProto[]): FieldDescriptorProto {
    const name = `${field.name.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}Entry`;
    const part = (called: string, number: number, type: string): FieldDescriptorProto =>
      create(FieldDescriptorProtoSchema, {
        name: called,
        number,
        label: Label.OPTIONAL,
        jsonName: called,
        ...this.#typeOf(type, field),
      });
    entries.push(
      create(DescriptorProtoSchema, {
        name,
        field: [part("key", 1, field.keyType), part("value", 2, field.type)],
        options: { mapEntry: true },
      }),
    );
    const { options = {} } = field;
    return create(FieldDescriptorProtoSchema, {
      name: field.name,
      number: field.id,
      label: Label.REPEATED,
      type: Type.MESSAGE,
      typeName: `${owner.fullName}.${name}`,
      jsonName: typeof options["json_name"] === "string" ? options["json_name"] : jsonName(field.name),
    });
  }

  #enum(kind: protobuf.Enum): EnumDescriptorProto {
    return create(EnumDescriptorProtoSchema, {
      name: kind.name,
      value: Object.entries(kind.values).map(([name, number]) => ({ name, number })),
      ...(kind.options?.["allow_alias"] === true ? { options: { allowAlias: true } } : {}),
    });
  }

  #service(service: protobuf.Service): ServiceDescriptorProto {
    return create(ServiceDescriptorProtoSchema, {
      name: service.name,
      method: service.methodsArray.map((method) => ({
        name: method.name,
        inputType: `.${this.#resolve(method.requestType, service)}`,
        outputType: `.${this.#resolve(method.responseType, service)}`,
        clientStreaming: method.requestStream === true,
        serverStreaming: method.responseStream === true,
        options: this.#methodOptions(method),
      })),
    });
  }

  #methodOptions(method: protobuf.Method) {
    const options = create(MethodOptionsSchema);
    const rule = ruleOf(method.parsedOptions);
    const http = this.#http;
    if (rule === undefined || http === undefined || http.message === undefined) return options;
    try {
      setExtension(options, http, fromJson(http.message, rule));
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      throw new ProtoProblem(`${this.#parsed.name}: the HTTP rule of ${method.name} cannot be read: ${detail}`);
    }
    return options;
  }

  #typeOf(type: string, from: protobuf.ReflectionObject): { type: Type; typeName?: string } {
    const scalar = Object.hasOwn(SCALARS, type) ? SCALARS[type] : undefined;
    if (scalar !== undefined) return { type: scalar };
    const name = this.#resolve(type, from);
    const kind = this.#known.get(name);
    return {
      type: kind === "enum" ? Type.ENUM : kind === "group" ? Type.GROUP : Type.MESSAGE,
      typeName: `.${name}`,
    };
  }

  /** From the innermost scope outwards (language guide, "Name Resolution"). @returns the full name without a dot. */
  #resolve(written: string, from: protobuf.ReflectionObject): string {
    if (written.startsWith(".")) {
      if (this.#known.has(written.slice(1))) return written.slice(1);
    } else {
      const scope = (from.parent?.fullName ?? "").split(".").filter((part) => part !== "");
      for (let depth = scope.length; depth >= 0; depth--) {
        const name = [...scope.slice(0, depth), written].join(".");
        if (this.#known.has(name)) return name;
      }
    }
    throw new ProtoProblem(
      `${this.#parsed.name}: the type ${written} of ${from.fullName.slice(1)} is defined in none of the files read`,
    );
  }
}

/** The way protoc makes them: lower camel case. */
export function jsonName(name: string): string {
  return name.replace(/_+([a-zA-Z0-9]?)/g, (_, letter: string) => letter.toUpperCase());
}

/** `option (google.api.http) = {...}` as JSON of google.api.HttpRule. */
function ruleOf(options: readonly unknown[] | null | undefined): JsonValue | undefined {
  for (const option of options ?? []) {
    const rule = (option as Readonly<Record<string, unknown>>)["(google.api.http)"];
    if (typeof rule === "object" && rule !== null) return listed(rule as Record<string, JsonValue>);
  }
  return undefined;
}

/** A list of one is parsed as that one. */
function listed(rule: Readonly<Record<string, JsonValue>>): JsonValue {
  const further = rule["additional_bindings"];
  if (further === undefined) return rule;
  const all = Array.isArray(further) ? further : [further];
  return { ...rule, additional_bindings: all.map((each) => listed(each as Record<string, JsonValue>)) };
}
