/**
 * What surrounds the page: VS Code, or a browser tab. Opens places, copies, keeps small settings of the view.
 * The page asks this, never the window itself, so that every part works the same in all three hosts.
 */
import type { Location as PolicyLocation } from "../../src/contract/location.ts";
import { SORT_KEYS, type TrafficSort } from "../../src/contract/traffic.ts";
import type { PageCommand } from "../../src/contract/page.ts";
import type { Connection } from "./connection.ts";
import type { WebviewApi } from "./window-road.ts";

export type Place = "sidebar" | "panel" | "browser";

export interface Host {
  readonly place: Place;
  /** Whether "open switchyard.yaml:41" can move an editor; else it copies the place. */
  readonly opensEditor: boolean;
  readonly canStart: boolean;
  /** Whether the policy stands in an editor that this page may have edited, saved and reverted. */
  readonly editsPolicy: boolean;
  /** Makes the edit of that title which would let the request pass. */
  applyFix(id: number, title: string): void;
  /** Opens a recorded request in an editor. @returns false where there is none: the page shows it itself. */
  editRequest(id: number): boolean;
  /** Mints a token that a refused request would pass with. @returns false where the page does it itself. */
  mintPassingToken(id: number): boolean;
  /** Writes the answer of a request into the policy. */
  createMock(id: number): void;
  /** Lets the person choose an archive and imports it. @returns false where the page asks for the file itself. */
  importHar(): boolean;
  savePolicy(): void;
  revertPolicy(): void;
  openLocation(location: PolicyLocation): void;
  /** @param done said once it is copied. */
  copyText(text: string, done?: string): void;
  openText(title: string, language: string, text: string): void;
  /** Whether a request can be opened beside, in a window of its own. */
  readonly opensBeside: boolean;
  openBeside(id: number): void;
  startGateway(): void;
  /** Of the window; where `canStart` is false there is none that could. */
  run(command: PageCommand): void;
  recall(): ViewSettings;
  remember(settings: ViewSettings): void;
}

/** Kept per workspace. */
export interface ViewSettings {
  /** Absent = by time, as they come. */
  readonly sort?: Pick<TrafficSort, "by" | "descending">;
  readonly columns?: Readonly<Record<string, { readonly width?: number; readonly shown?: boolean }>>;
  readonly order?: readonly string[];
  readonly newestFirst?: boolean;
  readonly detailWidth?: number;
  readonly filter?: string;
}

/** Small texts that tell what just happened ("Copied"). */
export type Say = (text: string) => void;

function settingsFrom(value: unknown): ViewSettings {
  if (typeof value !== "object" || value === null) return {};
  const { sort, keptAt: _keptAt, ...rest } = value as Kept;
  // A key that this version does not know would be refused with every question.
  return sort !== undefined && SORT_KEYS.includes(sort.by) ? { ...rest, sort } : rest;
}

/** Settings with when they were kept, epoch milliseconds. */
type Kept = ViewSettings & { readonly keptAt?: number };

function later(own: unknown, workspace: unknown): unknown {
  const at = (value: unknown): number => (value as Kept | null | undefined)?.keptAt ?? 0;
  return own !== undefined && own !== null && at(own) >= at(workspace) ? own : workspace;
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "{}");
  } catch {
    return {};
  }
}

/** A wish that the window cannot fulfil is told by the window itself. */
function quietly(call: Promise<unknown>): void {
  void call.catch(() => {});
}

export function windowHost(place: Place, api: WebviewApi, connection: Connection, say: Say): Host {
  const { gateway } = connection;
  return {
    place,
    opensEditor: true,
    canStart: true,
    editsPolicy: true,
    applyFix: (id, title) => quietly(gateway.applyFix(id, title)),
    editRequest(id) {
      quietly(gateway.editRequest(id));
      return true;
    },
    mintPassingToken(id) {
      quietly(gateway.mintPassingToken(id));
      return true;
    },
    createMock: (id) => quietly(gateway.createMock(id)),
    savePolicy: () => quietly(gateway.savePolicy()),
    revertPolicy: () => quietly(gateway.revertPolicy()),
    openLocation: (location) => quietly(gateway.openLocation(location)),
    copyText(text, done = "Copied") {
      quietly(gateway.copyText(text));
      say(done);
    },
    openText: (title, language, text) => quietly(gateway.openText(title, language, text)),
    opensBeside: place === "sidebar",
    openBeside: (id) => quietly(gateway.openDetail(id)),
    startGateway: () => quietly(gateway.startGateway()),
    run: (command) => quietly(gateway.runCommand(command)),
    importHar() {
      quietly(gateway.importHar());
      return true;
    },
    // A page that was hidden has its own state; a new one begins with what the workspace remembers. After a reload VS Code
    // brings a state that may be minutes old, so the later of the two counts.
    recall: () => settingsFrom(later(api.getState(), parsed(document.body.dataset["view"]))),
    remember(settings) {
      const kept: Kept = { ...settings, keptAt: Date.now() };
      api.setState(kept);
      quietly(gateway.rememberView(JSON.stringify(kept)));
    },
  };
}

const STORE = "switchyard.view";

/** `place` is "browser" but where a test shows the other layouts. */
export function browserHost(place: Place, say: Say): Host {
  const copy = (text: string, done: string): void => {
    void navigator.clipboard.writeText(text).then(
      () => say(done),
      () => say("The browser did not allow copying."),
    );
  };
  return {
    place,
    opensEditor: false,
    canStart: false,
    editsPolicy: false,
    applyFix() {},
    editRequest: () => false,
    mintPassingToken: () => false,
    createMock() {},
    importHar: () => false,
    savePolicy() {},
    revertPolicy() {},
    openLocation: ({ file, line }) => copy(`${file}:${line}`, `Copied ${file}:${line}`),
    copyText: (text, done = "Copied") => copy(text, done),
    openText: (title, _language, text) => download(title, text),
    opensBeside: false,
    openBeside() {},
    startGateway() {},
    run() {},
    recall() {
      try {
        return settingsFrom(parsed(localStorage.getItem(STORE) ?? undefined));
      } catch {
        return {};
      }
    },
    remember(settings) {
      try {
        localStorage.setItem(STORE, JSON.stringify(settings));
      } catch {
        // Storage may be switched off: then the view starts with its defaults next time.
      }
    },
  };
}

function download(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
