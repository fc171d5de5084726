/**
 * The official suite of JSON Schema 2020-12, every required case, its remote documents served from memory: our validator
 * says what the suite says, and is nowhere worse than the library that the design names, @cfworker/json-schema.
 * What is refused on purpose is listed with its reason, and must be told when the policy is read: never judged in silence.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Validator } from "@cfworker/json-schema";
import { SchemaCompiler, type Validate } from "../src/policies/json-schema.ts";
import { SchemaRegistry } from "../src/policies/schema-registry.ts";

interface Group {
  readonly description: string;
  readonly schema: unknown;
  readonly tests: readonly { readonly description: string; readonly data: unknown; readonly valid: boolean }[];
}

interface Suite {
  readonly metaschemas: Readonly<Record<string, object>>;
  readonly remotes: Readonly<Record<string, object>>;
  readonly files: Readonly<Record<string, readonly Group[]>>;
}

/** `$schema` names a meta-schema of somebody's own, which switches vocabularies on and off: no policy needs it. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  "schema that uses custom metaschema with with no validation vocabulary": /is a dialect that is not read here/,
  "ignore unrecognized optional vocabulary": /is a dialect that is not read here/,
};

const suite = JSON.parse(readFileSync(new URL("cases/json-schema-2020-12.json", import.meta.url), "utf8")) as Suite;
const documents = Object.entries({ ...suite.metaschemas, ...suite.remotes });

function compiled({ schema }: Group): { readonly validate: Validate; readonly problems: readonly string[] } {
  const registry = new SchemaRegistry();
  for (const [uri, document] of documents) registry.add(uri, document);
  const home = registry.add("file:///schema.json", schema);
  const compiler = new SchemaCompiler(registry);
  const validate = compiler.compile(schema, home);
  return { validate, problems: compiler.problems.map(({ message }) => message) };
}

/** How many the library gets wrong. It writes into the schemas that it is given, and throws at some. */
function libraryFails({ schema, tests }: Group): number {
  const far = /json-schema\.org|localhost:1234/.test(JSON.stringify(schema));
  const wrong = (library: Validator) => tests.filter(({ data, valid }) => library.validate(data).valid !== valid);
  try {
    const library = new Validator(structuredClone(schema) as object, "2020-12", false);
    if (far) for (const [uri, document] of documents) library.addSchema(structuredClone(document), uri);
    return wrong(library).length;
  } catch {
    return tests.length;
  }
}

describe("JSON Schema 2020-12's own suite", () => {
  it("is all there", () => {
    const groups = Object.values(suite.files).flat();
    assert.equal(groups.length, 350);
    assert.equal(
      groups.reduce((sum, { tests }) => sum + tests.length, 0),
      1176,
    );
    for (const name of Object.keys(REFUSED)) assert.ok(groups.some(({ description }) => description === name));
  });

  for (const [file, groups] of Object.entries(suite.files)) {
    it(`holds ${file}`, () => {
      for (const group of groups) {
        const { validate, problems } = compiled(group);
        const refused = REFUSED[group.description];
        if (refused !== undefined) {
          assert.match(problems.join("\n"), refused, group.description);
          continue;
        }
        assert.deepEqual(problems, [], group.description);
        for (const { description, data, valid } of group.tests) {
          const violations = validate(data, { left: 300_000 });
          assert.notEqual(violations, undefined, "none of the suite's is too costly");
          assert.equal(violations?.length === 0, valid, `${group.description}: ${description}`);
        }
      }
    });
  }

  it("leaves more cases to the library than to ours", () => {
    let library = 0;
    let ours = 0;
    for (const group of Object.values(suite.files).flat()) {
      library += libraryFails(group);
      if (group.description in REFUSED) ours += group.tests.length;
    }
    assert.ok(ours <= library, `${ours} of ours are refused, and the library fails ${library}`);
  });
});
