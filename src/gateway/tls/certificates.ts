/**
 * The certificates of one HTTPS listener: which one a name gets, read anew when a file changes, made anew before it
 * expires. A file that cannot be used any more leaves the last good one in place.
 * Must not know a socket.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import { NoPlainFile, plainText } from "../../machine/plain-file.ts";
import type { PlanTls } from "../../model/tls.ts";
import { developmentCa, LEAF_DAYS, type Authority } from "./development-ca.ts";
import type { Issued } from "./issue.ts";
import { isOwnName } from "../../model/own-names.ts";

const DAY = 86_400_000;
/** A leaf is made again when a third of its life is left. */
const RENEW_AT = (LEAF_DAYS * DAY * 2) / 3;
/** Names below `localhost` that got a certificate of their own; beyond that the oldest is forgotten. */
const MOST_OWN = 64;
const LOOK_EVERY = 1000;

/** Why a listener cannot speak TLS, for the person who wrote the policy file. */
export class CertificateProblem extends Error {}

interface Served {
  readonly pems: SecureContextOptions;
  readonly context: SecureContext;
  readonly certificate: X509Certificate;
  /** Epoch milliseconds at which an issued one is made again; Infinity for files. */
  readonly renewAt: number;
}

export interface CertificateOptions {
  readonly tls: PlanTls;
  /** Host names of the routes that this listener serves. */
  readonly hostnames: readonly string[];
  /** Where relative paths begin. */
  readonly directory: string;
  /** Epoch milliseconds. */
  wallClock(): number;
  /** A changed file, or an expiring certificate, could not be replaced: the old one serves on. */
  failed?(problem: string): void;
}

export class Certificates {
  private readonly options: CertificateOptions;
  private served: Served[] = [];
  /** Issued for one name, by name. */
  private readonly own = new Map<string, Promise<Served>>();
  private authority: Authority | undefined;
  private clientCa: string | undefined;
  /** What the files looked like before they were last read. */
  private seen = "";
  private timer: NodeJS.Timeout | undefined;
  private renewing = false;
  /** Told when `first` has changed. */
  changed: () => void = () => {};

  private constructor(options: CertificateOptions) {
    this.options = options;
  }

  /** @throws CertificateProblem. */
  static async open(options: CertificateOptions): Promise<Certificates> {
    const certificates = new Certificates(options);
    await certificates.load();
    certificates.watch();
    return certificates;
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** For a client that names nobody, or somebody unknown. */
  get first(): SecureContextOptions {
    return this.served[0].pems;
  }

  /** Makes an issued certificate again in time; until it is there, the old one serves. Cheap: called per connection. */
  renew(): void {
    if (this.renewing || this.options.wallClock() < this.served[0].renewAt) return;
    this.renewing = true;
    this.reload();
  }

  /** @param name of the client's SNI. */
  async of(name: string): Promise<SecureContext> {
    const lower = name.toLowerCase();
    const match = this.served.find(({ certificate }) => certificate.checkHost(lower) !== undefined);
    // Browsers take `*.localhost` for a wildcard over a whole top-level domain and refuse it.
    const exact = match !== undefined && certificateNames(match.certificate).includes(lower);
    if (this.authority === undefined || exact || !isOwnName(lower)) {
      return (match ?? this.served[0]).context;
    }
    const known = this.own.get(lower);
    if (known !== undefined && (await known).renewAt > this.options.wallClock()) return (await known).context;
    const made = this.issue([lower]);
    this.own.set(lower, made);
    if (this.own.size > MOST_OWN) for (const oldest of this.own.keys()) if (this.own.delete(oldest)) break;
    return (await made).context;
  }

  private async load(): Promise<void> {
    // Before reading: what changes meanwhile is read again.
    this.seen = looksOf(this.files());
    const { certificate, clientCertificate } = this.options.tls;
    if (clientCertificate !== undefined) this.clientCa = this.read(clientCertificate.ca, "tls.clientCertificate.ca");
    if (certificate !== "auto") {
      this.served = certificate.map(({ cert, key }) => this.fromFiles(cert, key));
      return;
    }
    try {
      this.authority = await developmentCa(this.options.wallClock());
      this.served = [await this.issue(this.autoNames())];
    } catch (error) {
      throw new CertificateProblem(`The development CA could not be used: ${String((error as Error).message)}`);
    }
  }

  private autoNames(): string[] {
    const own = this.options.hostnames.filter((name) => isOwnName(name));
    return [...new Set(["localhost", "*.localhost", ...own, "127.0.0.1", "::1"])];
  }

  private async issue(names: readonly string[]): Promise<Served> {
    const { issueLeaf } = await import("./issue.ts");
    const now = this.options.wallClock();
    const issued = await issueLeaf(this.authority as Authority, names, now, LEAF_DAYS);
    return this.serve(issued, now + RENEW_AT);
  }

  private fromFiles(cert: string, key: string): Served {
    const pair = { certificate: this.read(cert, "tls.certificate.cert"), key: this.read(key, "tls.certificate.key") };
    try {
      if (!new X509Certificate(pair.certificate).checkPrivateKey(createPrivateKey(pair.key)))
        throw new Error("they do not belong together");
      return this.serve(pair, Infinity);
    } catch (error) {
      throw new CertificateProblem(
        `The certificate ${cert} and the key ${key} cannot be used: ${(error as Error).message}.`,
      );
    }
  }

  private serve(issued: Issued, renewAt: number): Served {
    const pems: SecureContextOptions = {
      cert: issued.certificate,
      key: issued.key,
      minVersion: "TLSv1.2",
      ...(this.clientCa === undefined ? {} : { ca: this.clientCa }),
    };
    const certificate = new X509Certificate(issued.certificate);
    return { pems, context: createSecureContext(pems), certificate, renewAt };
  }

  private read(path: string, field: string): string {
    try {
      return plainText(resolve(this.options.directory, path));
    } catch (error) {
      const { code = "unreadable", message } = error as NodeJS.ErrnoException;
      const why = error instanceof NoPlainFile ? message : code;
      throw new CertificateProblem(`The file ${path} (${field}) cannot be read: ${why}.`);
    }
  }

  /** Looks at the files now and then: this sees renamed and remounted ones, which being notified does not. */
  private watch(): void {
    const files = this.files();
    if (files.length === 0) return;
    this.timer = setInterval(() => {
      if (looksOf(files) !== this.seen) this.reload();
    }, LOOK_EVERY);
    this.timer.unref();
  }

  private files(): string[] {
    const { tls, directory } = this.options;
    const files = tls.certificate === "auto" ? [] : tls.certificate.flatMap(({ cert, key }) => [cert, key]);
    if (tls.clientCertificate !== undefined) files.push(tls.clientCertificate.ca);
    return files.map((path) => resolve(directory, path));
  }

  private readonly reload = (): void => {
    // Certificate and key rarely change in the same instant: a pair that does not match is read again with the next change.
    this.load()
      .then(
        () => this.changed(),
        (error: unknown) => this.options.failed?.((error as Error).message),
      )
      .finally(() => (this.renewing = false));
  };
}

function looksOf(files: readonly string[]): string {
  const looks = files.map((file) => {
    const stats = statSync(file, { throwIfNoEntry: false });
    return stats === undefined ? "" : `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
  });
  return looks.join("|");
}

function certificateNames(certificate: X509Certificate): string[] {
  return (certificate.subjectAltName ?? "")
    .split(", ")
    .flatMap((name) => (name.startsWith("DNS:") ? name.slice(4) : []));
}
