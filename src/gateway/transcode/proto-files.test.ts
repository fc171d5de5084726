/** A `.proto` file becomes the descriptors that buf makes of it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { clone, fromBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, type FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { FrameReader, frameOf } from "./frames.ts";
import { jsonName, parseProto } from "./proto-files.ts";
import { filesOfProto, schemaOf } from "./schema.ts";

const folder = new URL("../../../test/integration/transcode/", import.meta.url);
const open = (name: string): string | undefined => {
  try {
    return readFileSync(new URL(`protos/${name}`, folder), "utf8");
  } catch {
    return undefined;
  }
};

/** Options of fields and messages are not kept, but for what JSON and the wire need. */
function comparable(file: FileDescriptorProto): unknown {
  const copy = clone(FileDescriptorProtoSchema, file);
  copy.options = undefined;
  for (const message of copy.messageType) {
    for (const field of message.field) if (field.options?.packed !== true) field.options = undefined;
    // Where the message of a map's entries stands among the others means nothing.
    message.nestedType.sort((a, b) => a.name.localeCompare(b.name));
  }
  for (const { method } of copy.service) for (const each of method) each.options = undefined;
  // That a call streams not is said by false, or by nothing.
  return JSON.parse(
    JSON.stringify(toJson(FileDescriptorProtoSchema, copy), (_, value: unknown) =>
      value === false ? undefined : value,
    ),
  );
}

describe("descriptors of .proto files", () => {
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(new URL("orders.binpb", folder)));
  const mine = filesOfProto("orders.proto", open);

  for (const name of ["orders.proto", "common/money.proto"]) {
    it(`are those of buf: ${name}`, () => {
      const [own, other] = [mine, set.file].map((files) => files.find((file) => file.name === name));
      assert.ok(own !== undefined && other !== undefined);
      assert.deepEqual(comparable(own), comparable(other));
    });
  }

  it("give the same rules", () => {
    const rules = (files: readonly FileDescriptorProto[]) =>
      schemaOf(files, "shop.v1.Orders").bindings.map(({ method, ...rule }) => ({ ...rule, name: method.name }));
    assert.deepEqual(rules(mine), rules(set.file));
    assert.equal(rules(mine).length, 14);
  });

  it("have JSON names as protoc makes them", () => {
    for (const [name, wanted] of [
      ["order_id", "orderId"],
      ["a__b", "aB"],
      ["_x", "X"],
      ["x_1y", "x1y"],
      ["Abc", "Abc"],
    ])
      assert.equal(jsonName(name), wanted);
  });

  it("say where a text is wrong", () => {
    assert.throws(
      () => parseProto({ name: "a.proto", text: 'syntax = "proto3"; message {' }),
      /a\.proto cannot be read: .*line 1/,
    );
  });
});

describe("gRPC frames", () => {
  it("come out whole, however the bytes are cut", () => {
    const messages = [Buffer.alloc(0), Buffer.from("a"), Buffer.alloc(3000, 7), Buffer.from("end")];
    const wire = Buffer.concat(messages.map(frameOf));
    for (const size of [1, 2, 3, 5, 7, 64, 2999, wire.length]) {
      const reader = new FrameReader(4096);
      const got: Buffer[] = [];
      for (let at = 0; at < wire.length; at += size)
        got.push(...reader.push(wire.subarray(at, at + size)).map((each) => Buffer.from(each)));
      assert.deepEqual(got, messages, `pieces of ${size}`);
      assert.equal(reader.rest, 0);
    }
  });

  it("are refused when compressed, too long, or none", () => {
    for (const [head, words] of [
      [[1, 0, 0, 0, 0], /compressed/],
      [[0, 0, 1, 0, 1], /65537 bytes is longer than 65536/],
      [[60, 104, 116, 109, 108], /not made of gRPC messages/],
    ] as const) {
      const reader = new FrameReader(65_536);
      assert.deepEqual(reader.push(Buffer.from(head)), []);
      assert.match(reader.problem ?? "", words);
    }
  });
});
