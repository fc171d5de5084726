/**
 * The bytes of the head that a connection brought last. Whoever keeps a connection says nearly the same with every message:
 * the same field lines under another path, or the same head to the byte. What is the same need not be scanned again, and
 * the comparison costs a tenth of the scan (the idea of HPACK, RFC 7541 section 1.1, kept on this side of the wire).
 * Must not say "the same" of anything that differs by a byte, and must not know what a head means.
 */

const LF = 10;
const NOTHING = Buffer.alloc(0);
const SMALLEST = 512;

export class LastHead {
  /** Bytes of the whole head; 0 = there is none to compare with. */
  length = 0;
  /** Where its field lines start. */
  fieldsAt = 0;
  private bytes: Buffer = NOTHING;
  private first = true;

  /** Whether the whole head stands again at bytes[base], complete. */
  repeats(bytes: Buffer, base: number, limit: number): boolean {
    const { length } = this;
    return length > 0 && this.endsAt(bytes, base + length, limit) && this.equals(bytes, base, 0);
  }

  /** Whether its field lines stand again at bytes[at], complete, behind another start line. */
  fieldsRepeat(bytes: Buffer, at: number, limit: number): boolean {
    const { length, fieldsAt } = this;
    return length > 0 && this.endsAt(bytes, at + length - fieldsAt, limit) && this.equals(bytes, at, fieldsAt);
  }

  /** Remembers bytes[base, base + length), from the second head of a connection on: many have only one. */
  keep(bytes: Buffer, base: number, fieldsAt: number, length: number): void {
    if (this.first) {
      this.first = false;
      return;
    }
    if (length > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(Math.max(SMALLEST, length));
    bytes.copy(this.bytes, 0, base, base + length);
    this.length = length;
    this.fieldsAt = fieldsAt;
  }

  forget(): void {
    this.length = 0;
  }

  /** Cheap, and tells most heads of another length apart. */
  private endsAt(bytes: Buffer, end: number, limit: number): boolean {
    return end <= limit && bytes[end - 1] === LF && bytes[end - 3] === LF;
  }

  private equals(bytes: Buffer, at: number, from: number): boolean {
    return this.bytes.compare(bytes, at, at + this.length - from, from, this.length) === 0;
  }
}
