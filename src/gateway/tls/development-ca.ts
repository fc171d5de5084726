/**
 * This user's development CA: made on first use, kept in the user's data folder for its owner alone, asked for leaves.
 * Must not be put into a trust store from here: that is a person's decision.
 */
import { X509Certificate } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { dataFolder } from "./data-folder.ts";
import type { Issued } from "./issue.ts";

const DAY = 86_400_000;
/** A CA with less than this left is replaced: leaves would soon outlive it. */
const LEAST_LEFT = 30 * DAY;
/** Browsers refuse leaves of more than 398 days; short ones are made again without anybody noticing. */
export const LEAF_DAYS = 90;

export interface Authority extends Issued {
  /** The certificate to trust. */
  readonly file: string;
  /** It was made just now: nobody trusts it yet. */
  readonly fresh: boolean;
}

export interface AuthorityFacts {
  readonly file: string;
  readonly keyFile: string;
  /** SHA-256, upper case with colons. */
  readonly fingerprint: string;
  /** SHA-1, upper case without colons: how trust stores name it. */
  readonly sha1: string;
  readonly subject: string;
  /** Epoch milliseconds. */
  readonly expires: number;
}

function folderOf(): string {
  return join(dataFolder(), "ca");
}

export const certificateFile = (): string => join(folderOf(), "switchyard-ca.pem");
const keyFile = (): string => join(folderOf(), "switchyard-ca.key.pem");

let making: Promise<Authority> | undefined;

/** The CA; made when there is none. Gateways that start at the same moment agree on one. */
export function developmentCa(now: number = Date.now()): Promise<Authority> {
  making ??= load(now)
    .then((found) => found ?? make(now))
    .finally(() => (making = undefined));
  return making;
}

/** @returns undefined when there is none yet. */
export async function describeCa(): Promise<AuthorityFacts | undefined> {
  try {
    const certificate = new X509Certificate(await readFile(certificateFile(), "utf8"));
    return {
      file: certificateFile(),
      keyFile: keyFile(),
      fingerprint: certificate.fingerprint256,
      sha1: certificate.fingerprint.replaceAll(":", ""),
      subject: certificate.subject.split("\n").join(", "),
      expires: Date.parse(certificate.validTo),
    };
  } catch {
    return undefined;
  }
}

/** Deletes certificate and key. What trusts the certificate keeps trusting it until told otherwise. */
export async function removeCa(): Promise<void> {
  await rm(folderOf(), { recursive: true, force: true });
}

async function load(now: number): Promise<Authority | undefined> {
  try {
    const [certificate, key] = await Promise.all([readFile(certificateFile(), "utf8"), readFile(keyFile(), "utf8")]);
    if (Date.parse(new X509Certificate(certificate).validTo) - now < LEAST_LEFT) return undefined;
    // A backup or a copy may have opened what must stay closed. Windows keeps the folder for its owner by itself.
    if (process.platform !== "win32" && ((await stat(keyFile())).mode & 0o077) !== 0) await chmod(keyFile(), 0o600);
    return { certificate, key, file: certificateFile(), fresh: false };
  } catch {
    return undefined;
  }
}

/** Both files appear at once, by the renaming of their folder. */
async function make(now: number): Promise<Authority> {
  const { issueAuthority } = await import("./issue.ts");
  const issued = await issueAuthority(`${userName()}@${hostname()}`.slice(0, 40), now);
  await mkdir(dataFolder(), { recursive: true, mode: 0o700 });
  const draft = await mkdtemp(join(dataFolder(), "ca-"));
  await writeFile(join(draft, "switchyard-ca.key.pem"), issued.key, { mode: 0o600, flag: "wx" });
  await writeFile(join(draft, "switchyard-ca.pem"), issued.certificate, { mode: 0o644, flag: "wx" });
  try {
    await rename(draft, folderOf());
  } catch {
    // Another gateway was first, or what stands there has expired or is broken.
    const found = await load(now);
    if (found !== undefined) {
      await rm(draft, { recursive: true, force: true });
      return found;
    }
    await rm(folderOf(), { recursive: true, force: true });
    await rename(draft, folderOf());
  }
  return { ...issued, file: certificateFile(), fresh: true };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "user"; // An account without a name, as in some containers.
  }
}
