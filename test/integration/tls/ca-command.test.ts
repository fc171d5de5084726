/** `switchyard ca`, and that what it prints about trust is what openssl and the files say. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { trustSteps, untrustSteps } from "../../../src/contract/trust.ts";
import { COMMAND_LINE } from "../../processes.ts";
import { folder, pem, type Folder } from "./certificates.ts";

const run = promisify(execFile);

describe("switchyard ca", () => {
  let files: Folder;
  beforeEach(() => (files = folder()));
  afterEach(() => files.remove());

  const ca = (...words: string[]): Promise<{ stdout: string }> =>
    run(process.execPath, [COMMAND_LINE, "ca", ...words], {
      env: { ...process.env, SWITCHYARD_DATA: files.path },
    });

  it("shows where it is, with the fingerprint that openssl sees, and exports the certificate alone", async () => {
    const shown = JSON.parse((await ca("--json")).stdout) as { file: string; fingerprint: string; sha1: string };
    assert.equal(shown.file, join(files.path, "ca", "switchyard-ca.pem"));
    const copy = join(files.path, "copy.pem");
    await ca("export", copy);
    const { stdout } = await run("openssl", ["x509", "-in", copy, "-noout", "-fingerprint", "-sha256"]);
    assert.ok(stdout.includes(shown.fingerprint));
    assert.doesNotMatch(pem(files.path, "copy.pem"), /PRIVATE/);
    const nowhere = join(files.path, "gone", "copy.pem");
    await assert.rejects(ca("export", nowhere), ({ code, stderr }: { code: number; stderr: string }) => {
      assert.deepEqual([code, stderr], [1, `${nowhere} cannot be written: ENOENT\n`]);
      return true;
    });
  });

  it("tells how to trust it and back without doing either, and removes it", async () => {
    const { stdout } = await ca("trust");
    for (const { command } of trustSteps(process.platform, join(files.path, "ca", "switchyard-ca.pem"))) {
      assert.ok(stdout.includes(command));
    }
    await ca("remove");
    assert.equal(existsSync(join(files.path, "ca")), false);
    assert.match((await ca("untrust")).stdout, /no development CA/);
  });

  it("has a way back for every step on every platform, and quotes paths", () => {
    for (const platform of ["linux", "darwin", "win32"]) {
      const there = trustSteps(platform, "/a b/it's.pem");
      assert.equal(untrustSteps(platform, "/a b/it's.pem", "AB12").length, there.length);
      assert.ok(there.every(({ what, command }) => what !== "" && !command.includes("\n")));
    }
    assert.match(trustSteps("linux", "/a b/it's.pem")[1].command, /'\/a b\/it'\\''s\.pem'/);
  });
});
