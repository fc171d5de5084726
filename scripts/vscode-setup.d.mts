export interface Places {
  readonly home: string;
  readonly server: string;
  /** The Node that VS Code's server runs on. */
  readonly node: string;
  readonly entry: string;
}
export type Part = "browser" | "vscode" | "node24";
export declare const places: Places;
/** Path of a Chromium or Chrome. */
export declare function findChromium(): string | undefined;
/** Installs what is missing; rejects with an Error in words. */
export declare function setup(names?: readonly Part[]): Promise<void>;
