/**
 * How many bytes of bodies may be held at once, by all requests of the process together: one account for what clients send,
 * one for what backends answer, so that neither takes the other's share. Must not hold a byte itself.
 */

const MOST = 64 * 1_048_576;

class Account {
  private held = 0;

  /** @returns false when there is no room; then nothing is taken. */
  take(bytes: number): boolean {
    if (this.held + bytes > MOST) return false;
    this.held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.held -= bytes;
  }
}

/** While they are collected or wait for a backend. */
export const heldOfRequests = new Account();
/** While they are collected, judged or rewritten. */
export const heldOfAnswers = new Account();
