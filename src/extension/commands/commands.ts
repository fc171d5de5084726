/**
 * Every command of the manifest by its id, and what the page may ask of the window.
 * One place reports what goes wrong, so that no command fails silently. Must not do the work itself.
 */
import * as vscode from "vscode";
import { PAGE_COMMANDS, type HostFunctions, type PageCommand } from "../../contract/page.ts";
import { NotRunning } from "../controller.ts";
import { startDemo } from "../demo.ts";
import { mintToken } from "../mint/mint-command.ts";
import { createMock, removeMock } from "../mock/mock-commands.ts";
import { addToTests } from "../testing/add-to-tests.ts";
import { policyOf, say, showLocation, type Window } from "../window.ts";
import { detectServices, runScripts } from "./detect-command.ts";
import { addReplica } from "./add-replica-command.ts";
import * as archive from "./archive-commands.ts";
import * as bucket from "./bucket-commands.ts";
import * as gateway from "./gateway-commands.ts";
import * as replica from "./replica-commands.ts";
import * as draft from "./request-draft.ts";
import * as resend from "./resend-commands.ts";
import { sendTest } from "./send-command.ts";
import * as traffic from "./traffic-commands.ts";
import * as trust from "./trust-commands.ts";
import * as whatIf from "./what-if-commands.ts";

type Handler = (window: Window, ...rest: never[]) => unknown;

const HANDLERS: Readonly<Record<string, Handler>> = {
  start: gateway.start,
  stop: gateway.stop,
  restart: gateway.restart,
  openPolicy: gateway.openPolicy,
  comparePolicy: gateway.comparePolicy,
  addLimit: gateway.addLimit,
  showStatus: gateway.showStatus,
  showLog: ({ controller }) => controller.log.show(),
  startDemo,
  detectServices,
  sendTest,
  focusTraffic: ({ pages }) => pages.focusTraffic(),
  openTrafficInEditor: ({ pages }) => pages.openTab(),
  freezeView: ({ pages }) => pages.focusTraffic({ kind: "freeze" }),
  explainLastRejection: traffic.explainLastRejection,
  clearTraffic: traffic.clearTraffic,
  exportHar: archive.exportHar,
  importHar: archive.importHar,
  purgeCache: traffic.purgeCache,
  stopRecording: (window) => traffic.record(window, false),
  startRecording: (window) => traffic.record(window, true),
  resetBucket: bucket.resetBucket,
  freezeBucket: bucket.freezeBucket,
  thawBucket: bucket.thawBucket,
  setBucket: bucket.setBucket,
  openRequestAsText: traffic.openRequestAsText,
  copyAsCurl: (window) => traffic.copyAsCurl(window),
  copyAsPowerShell: (window) => traffic.copyAsCurl(window, true),
  addToTests,
  mintToken,
  createMock,
  removeMock,
  replayRequest: resend.replayRequest,
  editAndResend: draft.editAndResend,
  sendEdited: draft.sendEdited,
  drainReplica: (window, id: unknown) => replica.setAdmin(window, id, "Drain"),
  takeOutReplica: (window, id: unknown) => replica.setAdmin(window, id, "Maintenance"),
  readmitReplica: (window, id: unknown) => replica.setAdmin(window, id, "Up"),
  simulateDown: replica.simulateDown,
  simulateLatency: replica.simulateLatency,
  simulateErrors: replica.simulateErrors,
  clearSimulations: replica.clearSimulations,
  openReplicaLog: replica.openReplicaLog,
  scale: replica.scale,
  addReplica,
  previewPolicy: whatIf.previewPolicy,
  showChanged: whatIf.showChanged,
  trustCa: trust.trust,
  untrustCa: trust.untrust,
  goToPolicy: traffic.goToPolicy,
  filterTraffic: traffic.filterTraffic,
};

/** What a banner of the page offers. */
const OFFERED: Readonly<Record<PageCommand, (window: Window) => unknown>> = {
  comparePolicy: gateway.comparePolicy,
  manageTrust: () => vscode.commands.executeCommand("workbench.trust.manage"),
  runScripts,
  sendTest,
  showLog: ({ controller }) => controller.log.show(),
};

export class Commands implements vscode.Disposable {
  #window: Window | undefined;
  readonly #registrations: vscode.Disposable[] = [];

  /** Given to the pages, which are made before the window's parts are all there. */
  readonly pageAnswers: HostFunctions = {
    openLocation: (location) =>
      this.#with(async (window) => {
        const policy = await policyOf(window);
        if (policy !== undefined) await showLocation(policy, location);
      }),
    openDetail: (id) => this.#with(({ pages }) => pages.focusTraffic({ kind: "detail", id })),
    startGateway: () => this.#with(gateway.start),
    runCommand: (name) => this.#with((window) => (PAGE_COMMANDS.includes(name) ? OFFERED[name](window) : undefined)),
    copyText: (text) =>
      this.#with(async () => {
        await vscode.env.clipboard.writeText(text);
        say("$(copy) Copied.");
      }),
    applyFix: (id, title) => this.#with((window) => whatIf.applyFix(window, id, title)),
    editRequest: (id) => this.#with((window) => draft.editRequest(window, id)),
    mintPassingToken: (id) => this.#with((window) => mintToken(window, id)),
    createMock: (id) => this.#with((window) => createMock(window, id)),
    importHar: () => this.#with(archive.importHar),
    rememberView: () => {},
    savePolicy: () => this.#with(whatIf.savePolicy),
    revertPolicy: () => this.#with(whatIf.revertPolicy),
    openText: (title, language, text) => this.#with(({ texts }) => texts.open(title, language, text)),
  };

  register(window: Window): void {
    this.#window = window;
    this.#registrations.push(draft.draftLenses());
    for (const [name, handler] of Object.entries(HANDLERS)) {
      const run = (...rest: unknown[]): Promise<void> => this.#with((own) => handler(own, ...(rest as never[])));
      this.#registrations.push(vscode.commands.registerCommand(`switchyard.${name}`, run));
    }
  }

  dispose(): void {
    for (const registration of this.#registrations) registration.dispose();
  }

  async #with(run: (window: Window) => unknown): Promise<void> {
    if (this.#window === undefined) return;
    try {
      await run(this.#window);
    } catch (error) {
      if (error instanceof NotRunning) return say("$(info) The gateway is not running.");
      this.#window.controller.log.error(error instanceof Error ? error : String(error));
      const choice = await vscode.window.showErrorMessage(`Switchyard: ${(error as Error).message}`, "Show Log");
      if (choice !== undefined) this.#window.controller.log.show(true);
    }
  }
}
