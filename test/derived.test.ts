/**
 * Files that are derived from declarations: written anew here, and the test fails when what was committed was stale.
 * Must not derive anything itself: policyfile does.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Ajv2020 from "ajv/dist/2020.js";
import { format, resolveConfig } from "prettier";
import { parse } from "yaml";
import { manifestTools } from "../src/agents/declarations.ts";
import { policiesMarkdown } from "../src/policyfile/docs.ts";
import { publicSchema } from "../src/policyfile/schema.ts";
import { examples } from "../src/policyfile/policy-file.fixture.ts";
import { testSchema } from "../src/replay/policy-test-file.ts";

async function derive(path: string, derived: string): Promise<void> {
  const url = new URL(`../${path}`, import.meta.url);
  const content = await format(derived, { ...(await resolveConfig(fileURLToPath(url))), filepath: path });
  let before = "";
  try {
    before = readFileSync(url, "utf8");
  } catch {
    // Not there yet: written below, and reported as stale.
  }
  if (before === content) return;
  writeFileSync(url, content);
  assert.fail(`${path} was stale: it has been written anew from the declarations; look at the change and commit it`);
}

describe("derived files", () => {
  it("media/switchyard.schema.json says what the declarations say", async () => {
    await derive("media/switchyard.schema.json", `${JSON.stringify(publicSchema(), null, 2)}\n`);
  });

  it("media/switchyard-test.schema.json says what the declarations of policy tests say", async () => {
    await derive("media/switchyard-test.schema.json", `${JSON.stringify(publicSchema(testSchema()), null, 2)}\n`);
  });

  it("media/policies.md says what the declarations say", async () => {
    await derive("media/policies.md", policiesMarkdown());
  });

  it("package.json offers language models the tools that are declared", async () => {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      contributes: Record<string, unknown>;
    };
    manifest.contributes["languageModelTools"] = manifestTools();
    await derive("package.json", `${JSON.stringify(manifest, null, 2)}\n`);
  });

  it("the schema is valid JSON Schema 2020-12 and accepts every valid policy file of the tests", () => {
    const validate = new Ajv2020({ strict: false, allErrors: true }).compile(publicSchema());
    for (const { name, text } of examples()) {
      assert.ok(validate(parse(text)), `${name}: ${JSON.stringify(validate.errors, null, 1)}`);
    }
  });

  it("the schema of policy tests accepts those of the shop, and no misspelt key", () => {
    const validate = new Ajv2020({ strict: false }).compile(publicSchema(testSchema()));
    const shop = readFileSync(new URL("../examples/shop/shop.switchyard-test.yaml", import.meta.url), "utf8");
    assert.ok(validate(parse(shop)), JSON.stringify(validate.errors));
    assert.ok(!validate(parse(shop.replace("expect:", "expct:"))));
  });

  it("the schema refuses unknown keys, unknown kinds and wrong types", () => {
    const validate = new Ajv2020({ strict: false }).compile(publicSchema());
    const base = { version: 1, listeners: [{ name: "edge", port: 8080 }] };
    assert.ok(validate(base));
    assert.ok(!validate({ ...base, verison: 1 }));
    assert.ok(!validate({ ...base, policies: { a: { nosuch: {} } } }));
    assert.ok(!validate({ ...base, listeners: [{ name: "edge", port: "8080" }] }));
    assert.ok(
      !validate({ ...base, services: { a: { endpoints: [{ url: "http://a" }], loadBalancer: { type: "Best" } } } }),
    );
  });
});
