/**
 * Minimal text edits by range: comments, order and layout of the rest stay untouched.
 * The page and quick fixes hold no model of the file; they ask for an edit of the text as it is now.
 * Must not print the document anew (that moves comments and re-flows).
 */
import type { TextEdit } from "./diagnostic.ts";

export type KeyPath = readonly (string | number)[];

/** Puts a JSON value at `path`, adding keys that are missing. undefined = the text has no place for it. */
export declare function setValue(text: string, path: KeyPath, value: unknown): readonly TextEdit[] | undefined;

/** Removes a key or list item, with its own comment and line. undefined = it is not there. */
export declare function removeKey(text: string, path: KeyPath): readonly TextEdit[] | undefined;

/** Adds an item at the end of the list at `path`. */
export declare function appendItem(text: string, path: KeyPath, value: unknown): readonly TextEdit[] | undefined;

export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  return edits
    .toSorted((a, b) => b.offset - a.offset)
    .reduce((result, edit) => result.slice(0, edit.offset) + edit.newText + result.slice(edit.endOffset), text);
}
