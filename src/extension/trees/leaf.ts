/**
 * What a tree shows, as plain data: comparing two of them tells which rows changed.
 * Must not know VS Code, so that the words can be tested without a window.
 */
import type { Location } from "../../contract/location.ts";

export interface Leaf {
  /** Stable over updates. */
  readonly id: string;
  readonly label: string;
  readonly description: string;
  /** Codicon name and theme colour. */
  readonly icon: string;
  readonly color?: string;
  /** Markdown. */
  readonly tooltip: string;
  /** What a screen reader says. */
  readonly say: string;
  readonly context: string;
  readonly location?: Location;
  /** What "Show Traffic" filters by. */
  readonly filter?: string;
  /** Limit identity and key, for "Reset Bucket". */
  readonly bucket?: { readonly identity: string; readonly key?: string };
  /** The replica, or with an empty url the service, that commands of this row are about. */
  readonly endpoint?: { readonly service: string; readonly url: string };
  readonly children: readonly Leaf[];
}

/** Ids of rows whose own text changed, and of rows (undefined = the root) whose set of children changed. */
export function changes(
  before: readonly Leaf[],
  after: readonly Leaf[],
): { readonly leaves: readonly string[]; readonly parents: readonly (string | undefined)[] } {
  const leaves: string[] = [];
  const parents: (string | undefined)[] = [];
  compare(undefined, before, after);
  return { leaves, parents };

  function compare(parent: string | undefined, old: readonly Leaf[], now: readonly Leaf[]): void {
    if (old.length !== now.length || now.some((leaf, at) => leaf.id !== old[at].id)) {
      parents.push(parent);
      return;
    }
    now.forEach((leaf, at) => {
      if (ownText(leaf) !== ownText(old[at])) leaves.push(leaf.id);
      compare(leaf.id, old[at].children, leaf.children);
    });
  }
}

function ownText({ children, ...own }: Leaf): string {
  return JSON.stringify([own, children.length > 0]);
}

/** 1,234 · 12 · 0.4 */
export function rate(perSecond: number): string {
  if (perSecond === 0) return "idle";
  return `${perSecond >= 10 ? Math.round(perSecond) : Number(perSecond.toFixed(1))} rps`;
}

export function milliseconds(value: number): string {
  if (value < 1000) return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} ms`;
  const seconds = value / 1000;
  if (seconds < 60) return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)} s`;
  const minutes = seconds / 60;
  return minutes < 60 ? `${Math.round(minutes)} min` : `${Number((minutes / 60).toFixed(1))} h`;
}

export function percent(share: number): string {
  return `${share > 0 && share < 0.01 ? "<1" : Math.round(share * 100)}%`;
}

/** The words of people may hold what Markdown takes for markup. */
export function plain(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+\-.!|<>~$]/g, String.raw`\$&`);
}
