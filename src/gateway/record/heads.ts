/**
 * Recorded heads as text, read when somebody looks: start line, fields, one field by name.
 * The codec checked their grammar when they passed; this only takes them apart for showing.
 * Must not be used in a request's path.
 */

/** A head as on the wire: start line, field lines, empty line; latin1. */
export type Head = string;

export interface Field {
  /** As written. */
  readonly name: string;
  readonly value: string;
}

export function startLine(head: Head): string {
  return head.slice(0, lineEnd(head, 0));
}

export function fieldsOf(head: Head): Field[] {
  const fields: Field[] = [];
  let at = lineEnd(head, 0) + 2;
  while (at < head.length) {
    const end = lineEnd(head, at);
    if (end === at) break;
    const line = head.slice(at, end);
    const colon = line.indexOf(":");
    if (colon > 0) fields.push({ name: line.slice(0, colon), value: line.slice(colon + 1).trim() });
    at = end + 2;
  }
  return fields;
}

/** @param name lower case. Several fields of one name come joined by ", " (RFC 9110 section 5.3). */
export function fieldOf(head: Head, name: string): string | undefined {
  let value: string | undefined;
  let at = lineEnd(head, 0) + 2;
  while (at < head.length) {
    const end = lineEnd(head, at);
    if (end === at) break;
    const colon = at + name.length;
    if (head.charCodeAt(colon) === 58 && head.slice(at, colon).toLowerCase() === name) {
      const text = head.slice(colon + 1, end).trim();
      value = value === undefined ? text : `${value}, ${text}`;
    }
    at = end + 2;
  }
  return value;
}

function lineEnd(head: Head, from: number): number {
  const end = head.indexOf("\r\n", from);
  return end === -1 ? head.length : end;
}
