import assert from "node:assert/strict";
import * as fc from "fast-check";
import { curlForPowerShell, quoteForPowerShell } from "./curl.ts";

/** What PowerShell makes of a word between single quotes, or of a bare one. */
function readByPowerShell(written: string): string {
  if (!written.startsWith("'")) return written;
  assert.match(written.slice(1, -1), /^(?:[^'\u2018\u2019\u201a\u201b]|['\u2018\u2019\u201a\u201b]{2})*$/u);
  return written.slice(1, -1).replace(/(['\u2018\u2019\u201a\u201b])['\u2018\u2019\u201a\u201b]/gu, "$1");
}

/** How `Legacy` passes an argument: between double quotes when it holds a blank, otherwise untouched. */
const passedOn = (argument: string) => (/\s/.test(argument) ? `"${argument}"` : argument);

/** How a C program reads its command line (Microsoft, "Parsing C command-line arguments"). */
function readByProgram(line: string): string {
  let read = "";
  for (let i = 0; i < line.length; i++) {
    let slashes = 0;
    while (line[i] === "\\") {
      slashes++;
      i++;
    }
    if (line[i] !== '"') {
      read += "\\".repeat(slashes) + (line[i] ?? "");
      continue;
    }
    read += "\\".repeat(Math.floor(slashes / 2));
    if (slashes % 2 === 1) read += '"';
  }
  return read;
}

describe("a curl line for PowerShell", () => {
  it("hands every word to curl as the client sent it, whatever it holds", () => {
    const word = fc.oneof(fc.string({ minLength: 1 }), fc.stringMatching(/^[\\"' a‘’$`;&|]{1,12}$/u));
    fc.assert(
      fc.property(word, (original) => {
        fc.pre(!original.includes("\0"));
        assert.equal(readByProgram(passedOn(readByPowerShell(quoteForPowerShell(original)))), original);
      }),
      { numRuns: 2000 },
    );
  });

  it("says how it is written when a double quote is in it, and only then", () => {
    const shared = { method: "POST", url: "http://localhost:8080/a", fields: [], complete: true };
    assert.equal(
      curlForPowerShell({ ...shared, body: Buffer.from("a b") }),
      "curl.exe --globoff --path-as-is -X POST http://localhost:8080/a --data-raw 'a b'",
    );
    assert.equal(
      curlForPowerShell({ ...shared, body: Buffer.from('{"a":1}') }),
      `& { $PSNativeCommandArgumentPassing = 'Legacy'; curl.exe --globoff --path-as-is -X POST http://localhost:8080/a --data-raw '{\\"a\\":1}' }`,
    );
  });
});
