export interface Places {
  readonly home: string;
  readonly server: string;
  /** The Node that VS Code's server runs on. */
  readonly node: string;
  readonly entry: string;
}
export declare const places: Places;
export declare function findChromium(): string | undefined;
export declare function setup(options?: {
  readonly browser?: boolean;
}): Promise<Places & { readonly chromium?: string }>;
