/**
 * A text in one piece. V8 keeps a string that was put together as a tree of its pieces, and whoever writes a longer text
 * that holds it walks that tree again: what is sent with every message is made flat once.
 * Must not be used for a text that is written once: making it flat is what writing it does.
 */

/** @param text latin1. */
export function flat(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
