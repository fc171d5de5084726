/**
 * A VS Code of its own for a test: profile, extensions and server under one temporary folder, ended with the test.
 * Exists so that no test sees the settings or the leftovers of another. Must not use the person's own VS Code.
 */
import { spawn, execFile, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { places } from "../../../scripts/vscode-setup.mjs";
import { LOADING } from "./expect.ts";
import { freePort } from "../../free-port.ts";

const run = promisify(execFile);

const SETTINGS = {
  "workbench.startupEditor": "none",
  "chat.disableAIFeatures": true,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "window.commandCenter": false,
  "workbench.colorTheme": "Dark Modern",
  "telemetry.telemetryLevel": "off",
  "editor.minimap.enabled": false,
  "files.autoSave": "off",
  "workbench.tips.enabled": false,
  "extensions.ignoreRecommendations": true,
  "window.confirmBeforeClose": "never",
  // Its message about "your application" would stand in front of ours.
  "remote.autoForwardPorts": false,
};

export interface ServerOptions {
  /** Path of the packaged extension; none when an extension is loaded from its folder. */
  readonly vsix?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Leave workspace trust on, so that folders are untrusted until somebody says otherwise. */
  readonly trust?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** The window tells when the tests in its extension host have ended, as VS Code's own smoke tests have it. */
  readonly testDriver?: boolean;
}

export class CodeServer {
  readonly profile: string;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #settings: Record<string, unknown>;
  #said = "";

  private constructor(profile: string, port: number, child: ChildProcess, settings: Record<string, unknown>) {
    this.profile = profile;
    this.port = port;
    this.#child = child;
    this.#settings = settings;
    const keep = (chunk: Buffer): void => void (this.#said = (this.#said + chunk.toString()).slice(-20_000));
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
  }

  static async start(options: ServerOptions): Promise<CodeServer> {
    const profile = mkdtempSync(join(tmpdir(), "switchyard-vscode-"));
    const settings = { ...SETTINGS, ...options.settings };
    for (const folder of ["home", "user/User", "extensions"]) mkdirSync(join(profile, folder), { recursive: true });
    writeFileSync(join(profile, "user/User/settings.json"), JSON.stringify(settings, undefined, 2));

    const environment = {
      ...process.env,
      ...options.environment,
      HOME: join(profile, "home"),
      EXTENSIONS_GALLERY: "{}",
    };
    for (const name of ["VSCODE_IPC_HOOK_CLI", "NODE_OPTIONS", "PORT"]) Reflect.deleteProperty(environment, name);
    const folders = ["--extensions-dir", join(profile, "extensions"), "--user-data-dir", join(profile, "user")];
    if (options.vsix !== undefined)
      await run(places.node, [places.entry, ...folders, "--install-extension", options.vsix], { env: environment });

    // Its two processes wait ten seconds for each other; on a machine that is very busy that can be too short.
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const child = spawn(
        places.node,
        [
          places.entry,
          "--bind-addr",
          `127.0.0.1:${port}`,
          "--auth",
          "none",
          "--disable-telemetry",
          "--disable-update-check",
          "--disable-getting-started-override",
          "--ignore-last-opened",
          // Seconds: a busy machine loses the connection now and then, and the tests inside would go with it, unreported.
          "--reconnection-grace-time",
          options.testDriver ? "300" : "10",
          ...(options.trust ? [] : ["--disable-workspace-trust"]),
          ...(options.testDriver ? ["--vscode-option", "enable-smoke-test-driver"] : []),
          ...folders,
        ],
        { env: environment, stdio: ["ignore", "pipe", "pipe"] },
      );
      const server = new CodeServer(profile, port, child, settings);
      try {
        await server.#healthy();
        return server;
      } catch (problem) {
        if (attempt === 3 || !server.said.includes("timed out")) throw problem;
      }
    }
  }

  /** The address of a window on `folder`. */
  address(folder: string): string {
    return `http://127.0.0.1:${this.port}/?folder=${encodeURI(folder)}`;
  }

  /** Takes effect after the window is loaded anew. */
  setTheme(theme: string): void {
    this.#settings["workbench.colorTheme"] = theme;
    writeFileSync(join(this.profile, "user/User/settings.json"), JSON.stringify(this.#settings, undefined, 2));
  }

  /** What the server printed last: shown when a test fails. */
  get said(): string {
    return this.#said;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      const late = setTimeout(() => this.#child.kill("SIGKILL"), 8000);
      await gone;
      clearTimeout(late);
    }
    // A log may still be written while the extension host ends: what is left is in the temporary folder anyway.
    await rm(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }).catch(() => {});
  }

  async #healthy(): Promise<void> {
    for (const until = Date.now() + LOADING; Date.now() < until;) {
      if (this.#child.exitCode !== null) throw new Error(`VS Code ended with ${this.#child.exitCode}:\n${this.#said}`);
      const answer = await fetch(`http://127.0.0.1:${this.port}/healthz`).catch(() => undefined);
      if (answer?.ok) return;
      await delay(100);
    }
    throw new Error(`VS Code did not come up within ${LOADING / 1000} s:\n${this.#said}`);
  }
}
