import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plainText, plainTextOr } from "./plain-file.ts";

describe("A file that a policy names", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "switchyard-plain-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("is read when it is a plain one, and nothing is waited for when it is not", () => {
    const at = (name: string) => join(folder, name);
    writeFileSync(at("plain"), "text");
    writeFileSync(at("large"), "x".repeat(1_048_577));
    execFileSync("mkfifo", [at("pipe")]);
    assert.equal(plainText(at("plain")), "text");
    assert.throws(() => plainText(at("large")), /it is longer than 1 MiB/);
    assert.throws(() => plainText(at("pipe")), /it is a pipe or a device/);
    assert.throws(() => plainText("/dev/zero"), /it is a pipe or a device/);
    assert.throws(() => plainText(folder), /it is a folder/);
    assert.throws(() => plainText(at("gone")), { code: "ENOENT" });
    for (const name of ["large", "pipe", "gone"]) assert.equal(plainTextOr(at(name)), undefined, name);
  });
});
