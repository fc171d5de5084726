#!/usr/bin/env node
/**
 * The npm-installed VS Code server in the shape of a desktop VS Code: an executable that takes a window's parameters,
 * so that an unmodified @vscode/test-electron can run a suite in it. What it does is test/host/shim.ts.
 * Must not take part in any test.
 */
import { tsImport } from "tsx/esm/api";

const { runLikeDesktop } = await tsImport("../test/host/shim.ts", import.meta.url);
process.exitCode = await runLikeDesktop(process.argv.slice(2));
