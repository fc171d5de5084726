/**
 * The FieldEdit and RequestEdit that policies write to, over a parsed head: a short list of removed names and added lines.
 * Must not let a value split a head: one with CR, LF, NUL or another control removes the field and is told in `refused`.
 */
import type { FieldEdit, RequestEdit } from "../../model/policy.ts";
import type { Head } from "./head.ts";

/** Reused: `begin` before each head. */
export class HeadEdit implements FieldEdit {
  protected head: Head | undefined;
  /** Lower-case names whose arrived lines are left out. */
  readonly removed: string[] = [];
  /** Lines to add: name and value alternating. */
  readonly added: string[] = [];
  /** Sentences about edits that were not made; undefined = none. */
  refused: string[] | undefined = undefined;

  begin(head: Head): void {
    this.head = head;
    this.removed.length = 0;
    this.added.length = 0;
    this.refused = undefined;
  }

  /** Whether anything was changed. */
  get changed(): boolean {
    return this.removed.length > 0 || this.added.length > 0;
  }

  get(name: string): string | undefined {
    throw new Error(`not yet ${name}`);
  }

  set(name: string, value: string): void {
    throw new Error(`not yet ${name} ${value}`);
  }

  add(name: string, value: string): void {
    throw new Error(`not yet ${name} ${value}`);
  }

  remove(name: string): void {
    throw new Error(`not yet ${name}`);
  }
}

/** The engine sets `path` and `authority` before the shapes run, and reads them after. */
export class RequestHeadEdit extends HeadEdit implements RequestEdit {
  path = "/";
  authority = "";
}
