/**
 * The .vsix under test: the one that SWITCHYARD_VSIX names, else one packed now from what is in dist/.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack } from "../../../scripts/package.mjs";

let packed: string | undefined;

export function packaged(): string {
  packed ??=
    process.env["SWITCHYARD_VSIX"] ?? pack(join(mkdtempSync(join(tmpdir(), "switchyard-vsix-")), "switchyard.vsix"));
  return packed;
}
