import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PolicyReader } from "./policy-reader.ts";

describe("the files that a policy names", () => {
  it("are read when they are plain files of up to a mebibyte: a pipe would be waited for, a device never ends", () => {
    const folder = mkdtempSync(join(tmpdir(), "switchyard-reader-"));
    try {
      writeFileSync(join(folder, "key"), "secret");
      writeFileSync(join(folder, "large"), "x".repeat(1_048_577));
      const { world } = new PolicyReader(join(folder, "switchyard.yaml"));
      assert.equal(world.file("key"), "secret");
      for (const path of ["large", ".", "gone", "/dev/null"]) assert.equal(world.file(path), undefined, path);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
