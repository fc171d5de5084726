import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NoPolicy, policyText } from "./policy-text.ts";

describe("the text of a policy file", () => {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-text-"));
  after(() => rmSync(folder, { recursive: true }));

  it("is read whole, whatever its length", () => {
    const file = join(folder, "switchyard.yaml");
    const text = `version: 1\n# ${"é".repeat(100_000)}\n`;
    writeFileSync(file, text);
    assert.equal(policyText(file), text);
  });

  it("is not waited for where it has no end", () => {
    assert.throws(() => policyText("/dev/zero"), { constructor: NoPolicy, message: /longer than 4 MiB/ });
  });

  it("says what stands there instead", () => {
    assert.throws(() => policyText(folder), { message: `${folder} is a folder: name a file in it.` });
    assert.throws(() => policyText(join(folder, "none.yaml")), { message: /There is no .*none\.yaml here/ });
  });
});
