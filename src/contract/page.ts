/**
 * What a page and the window that shows it ask of each other, the gateway aside.
 *
 * Between a webview page and the extension there is one birpc, whose frames cross postMessage as they are (no
 * envelope). The extension answers these calls itself (HostFunctions and HostQueries) and relays every other frame of
 * the page to a gateway session of its own; what the gateway sends, and the extension's PageFunctions, come back on
 * the same channel. A call to the gateway while none runs is rejected with an Error "The gateway is not running."
 * Must hold plain JSON only.
 */
import type { Location } from "./location.ts";

/** Commands of the window that the page offers beside what it says: their names without "switchyard.". */
export const PAGE_COMMANDS = ["comparePolicy", "manageTrust", "runScripts", "sendTest", "showLog"] as const;
export type PageCommand = (typeof PAGE_COMMANDS)[number];

/** What the page may ask of the window it is shown in; answered by the extension, or by the page's own browser host. */
export interface HostFunctions {
  openLocation(location: Location): void;
  openDetail(id: number): void;
  startGateway(): void;
  /** Any other name is not obeyed. */
  runCommand(command: PageCommand): void;
  copyText(text: string): void;
  /** Opens a captured body or the whole trace as a document. */
  openText(title: string, language: string, text: string): void;
  /** Makes an edit that `passingFixes` gave for the policy as it is in the editor; it is not saved. */
  applyFix(id: number, title: string): void;
  /** Opens a recorded request as a text that is edited and sent. */
  editRequest(id: number): void;
  /** Mints a token with which a refused request would pass. */
  mintPassingToken(id: number): void;
  /** Writes the answer of a recorded request into the policy, as a route that answers instead; it is not saved. */
  createMock(id: number): void;
  /** Asks for a file and imports it. */
  importHar(): void;
  /** Keeps the page's own settings for this workspace, as JSON. */
  rememberView(view: string): void;
  /** Saves, or takes back, the edits of the policy that "what if" is about. */
  savePolicy(): void;
  revertPolicy(): void;
}

/** The gateway process as the window that shows the page sees it. */
export interface HostState {
  readonly gateway: "stopped" | "starting" | "running" | "lost";
  /** For people: why it is not running. */
  readonly message?: string;
  /** False in an untrusted workspace: nothing may be started or changed. */
  readonly trusted: boolean;
}

/** What a command of the window wants the page to show or do. */
export type PageIntent =
  | { readonly kind: "filter"; readonly filter: string }
  | { readonly kind: "detail"; readonly id: number }
  | { readonly kind: "focusFilter" }
  | { readonly kind: "freeze" };

/** Asked by the page once it listens; in VS Code only. */
export interface HostQueries {
  ready(): HostState | Promise<HostState>;
}

/** What the window tells the page that it shows. All are events. In VS Code only. */
export interface PageFunctions {
  hostState(state: HostState): void;
  intent(intent: PageIntent): void;
}

/** The names of HostFunctions: nobody waits for an answer. */
export const HOST_EVENTS = [
  "openLocation",
  "openDetail",
  "startGateway",
  "runCommand",
  "copyText",
  "openText",
  "applyFix",
  "editRequest",
  "mintPassingToken",
  "createMock",
  "importHar",
  "rememberView",
  "savePolicy",
  "revertPolicy",
] as const satisfies readonly (keyof HostFunctions)[];

/** What the extension answers itself: these, and the names of HostQueries. */
export const HOST_CALLS = [...HOST_EVENTS, "ready"] as const satisfies readonly (
  keyof HostFunctions | keyof HostQueries
)[];

/** The names of PageFunctions. */
export const PAGE_EVENTS = ["hostState", "intent"] as const satisfies readonly (keyof PageFunctions)[];
