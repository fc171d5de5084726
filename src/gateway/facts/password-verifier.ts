/**
 * Verdicts on name and password. A scrypt hash takes tens of milliseconds and megabytes, so few run at once, on the
 * thread pool, and a verdict is remembered under a keyed digest of what was given.
 * Must not keep a password, must not take longer for a known name than for an unknown one, and must not let a flood of
 * guesses take all threads.
 */
import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import type { PasswordFact, PasswordSource } from "../../model/arrival.ts";

const ABSENT: PasswordFact = Object.freeze({ state: "absent" });

/** Hashes at once; the thread pool has four threads, and files and names need some. */
const AT_ONCE = 2;
const MOST_WAITING = 32;
const MOST_GOOD = 1000;
const MOST_BAD = 1000;

interface Hash {
  readonly N: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly digest: Buffer;
}

interface Users {
  readonly byName: ReadonlyMap<string, PasswordSource["users"][number]>;
  /** Something to work on for names that nobody has. */
  readonly decoy: PasswordSource["users"][number];
  readonly good: Map<string, PasswordFact>;
  readonly bad: Map<string, PasswordFact>;
  readonly pending: Map<string, Promise<PasswordFact>>;
}

export class PasswordVerifier {
  /** Digests are keyed, so that what is remembered is worth nothing outside this process. */
  readonly #key = randomBytes(32);
  readonly #users = new WeakMap<PasswordSource, Users>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param value of the Authorization header. Never throws, never rejects. */
  verdict(source: PasswordSource, value: string | undefined): PasswordFact | Promise<PasswordFact> {
    const found = credentialsOf(value);
    if (found === undefined) return ABSENT;
    if ("problem" in found) return { state: "malformed", problem: found.problem };
    const users = this.#usersOf(source);
    const digest = this.#digest(`${found.user}:${found.password}`).toString("base64");
    const known = users.good.get(digest) ?? users.bad.get(digest) ?? users.pending.get(digest);
    if (known !== undefined) return known;
    const user = users.byName.get(found.user) ?? users.decoy;
    if (user.hash === undefined) {
      return this.#keep(users, digest, found.user, this.#samePassword(found.password, user.password));
    }
    const hash = readHash(user.hash);
    if (hash === undefined) return this.#keep(users, digest, found.user, false);
    if (this.#waiting.length >= MOST_WAITING) {
      return { state: "busy", problem: `${MOST_WAITING} passwords wait to be checked already: try again in a second` };
    }
    const verifying = this.#matches(found.password, hash)
      .then((same) => this.#keep(users, digest, found.user, same))
      .finally(() => users.pending.delete(digest));
    users.pending.set(digest, verifying);
    return verifying;
  }

  #keep(users: Users, digest: string, user: string, same: boolean): PasswordFact {
    const exists = users.byName.has(user);
    const fact: PasswordFact =
      same && exists ? { state: "verified", user } : { state: exists ? "wrong" : "unknown", user };
    const [shelf, most] = fact.state === "verified" ? [users.good, MOST_GOOD] : [users.bad, MOST_BAD];
    shelf.set(digest, fact);
    if (shelf.size > most) for (const oldest of shelf.keys()) return (shelf.delete(oldest), fact);
    return fact;
  }

  #samePassword(given: string, kept: string | undefined): boolean {
    const same = timingSafeEqual(this.#digest(given), this.#digest(kept ?? ""));
    return same && kept !== undefined && kept !== "";
  }

  #digest(text: string): Buffer {
    return createHmac("sha256", this.#key).update(text, "utf8").digest();
  }

  async #matches(password: string, hash: Hash): Promise<boolean> {
    if (this.#running >= AT_ONCE) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running++;
    try {
      const { N, r, p, salt, digest } = hash;
      const made = await new Promise<Buffer>((done, fail) => {
        scrypt(password, salt, digest.length, { N, r, p, maxmem: 160 * N * r + 1_048_576 }, (error, key) =>
          error === null ? done(key) : fail(error),
        );
      });
      return timingSafeEqual(made, digest);
    } catch {
      return false;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #usersOf(source: PasswordSource): Users {
    let users = this.#users.get(source);
    if (users === undefined) {
      const byName = new Map(source.users.map((user) => [user.name, user]));
      const decoy = source.users.find(({ hash }) => hash !== undefined) ?? { name: "", password: "" };
      users = { byName, decoy, good: new Map(), bad: new Map(), pending: new Map() };
      this.#users.set(source, users);
    }
    return users;
  }
}

interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** RFC 7617: the scheme in any case, base64, UTF-8, the name up to the first colon. */
function credentialsOf(value: string | undefined): Credentials | { readonly problem: string } | undefined {
  const found = value === undefined ? null : /^(\S+)(?: +(.*))?$/s.exec(value);
  if (found === null || found[1].toLowerCase() !== "basic") return undefined;
  const given = (found[2] ?? "").trim();
  if (given.includes(", ")) return { problem: "the Authorization header is there more than once" };
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(given)) return { problem: "after `Basic` base64 of name:password must follow" };
  const bytes = Buffer.from(given, "base64");
  const text = bytes.toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) return { problem: "there is no colon between name and password" };
  if (text.includes("\ufffd")) return { problem: "name and password are not UTF-8" };
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text)) return { problem: "name or password holds a control character" };
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The policy's check has seen it; what came from a file or the environment may still be anything. */
function readHash(text: string): Hash | undefined {
  const found = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text);
  if (found === null) return undefined;
  const [, ln, r, p, salt, digest] = found;
  const made = { N: 2 ** Number(ln), r: Number(r), p: Number(p) };
  return { ...made, salt: Buffer.from(salt, "base64"), digest: Buffer.from(digest, "base64") };
}
