/**
 * The gateway and the command line as they ship, for tests that start them as processes: bundled anew from the sources
 * once in a run of mocha, since a bundle starts in a fraction of the time that its sources take, and cannot be stale.
 * Must not touch dist/: another run may be reading it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as esbuild from "esbuild";
import { bundles } from "../scripts/bundles.mjs";

const folder = mkdtempSync(join(tmpdir(), "switchyard-processes-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const { processes, page } = bundles({ outdir: folder });
await Promise.all([processes, page].map((options) => esbuild.build(options)));
await esbuild.stop();

/** The script of the gateway that an editor forks. */
export const GATEWAY = join(folder, "gateway.js");

/** The script of the command line. */
export const COMMAND_LINE = join(folder, "cli.js");
