/**
 * Verdicts on a client's certificate: believed by the listener, and under a CA of the policy's own file.
 * OpenSSL has verified the chain in the handshake; here it is only asked which CAs stand in it, so no signature is
 * checked a second time in another way. Must not believe what the handshake did not.
 */
import { X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { plainText } from "../../machine/plain-file.ts";
import type { CertificateFact, CertificateSource } from "../../model/arrival.ts";
import type { ClientCertificate } from "../../model/tls.ts";

const ABSENT: CertificateFact = Object.freeze({ state: "absent" });

/** Milliseconds between two looks at a file. */
const LOOK_EVERY = 1000;

interface Authorities {
  lookedAt: number;
  stamp: string;
  fingerprints: ReadonlySet<string>;
  problem: string;
  /** A connection keeps one certificate, so its requests share one fact. */
  facts: WeakMap<ClientCertificate, CertificateFact>;
}

export interface CertificateVerifierOptions {
  readonly baseDirectory: string;
  /** Monotonic milliseconds. */
  now(): number;
}

export class CertificateVerifier {
  readonly #options: CertificateVerifierOptions;
  readonly #byFile = new WeakMap<CertificateSource, Authorities>();

  constructor(options: CertificateVerifierOptions) {
    this.#options = options;
  }

  /** Never throws. */
  verdict(source: CertificateSource, shown: ClientCertificate | undefined): CertificateFact {
    if (shown === undefined) return ABSENT;
    const authorities = this.#authoritiesOf(source);
    let fact = authorities.facts.get(shown);
    if (fact === undefined) {
      fact = judge(source, shown, authorities);
      authorities.facts.set(shown, fact);
    }
    return fact;
  }

  #authoritiesOf(source: CertificateSource): Authorities {
    const now = this.#options.now();
    let known = this.#byFile.get(source);
    if (known === undefined) {
      known = { lookedAt: -Infinity, stamp: "", fingerprints: new Set(), problem: "", facts: new WeakMap() };
      this.#byFile.set(source, known);
    }
    if (source.ca !== undefined && now - known.lookedAt >= LOOK_EVERY) {
      known.lookedAt = now;
      this.#look(source.ca, known);
    }
    return known;
  }

  #look(file: string, known: Authorities): void {
    const path = resolve(this.#options.baseDirectory, file);
    const looks = statSync(path, { throwIfNoEntry: false });
    const stamp = looks === undefined ? "gone" : `${looks.mtimeMs} ${looks.size} ${looks.ino}`;
    if (stamp === known.stamp) return;
    known.stamp = stamp;
    known.facts = new WeakMap();
    try {
      known.fingerprints = fingerprintsIn(plainText(path));
      known.problem = "";
    } catch (problem) {
      known.fingerprints = new Set();
      const { code, message } = problem as NodeJS.ErrnoException;
      known.problem = `the CA file ${file} cannot be used (${code ?? message})`;
    }
  }
}

/** @throws Error when the text holds no certificate. */
function fingerprintsIn(pem: string): Set<string> {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error("it holds no certificate in PEM");
  return new Set(blocks.map((block) => new X509Certificate(block).fingerprint256));
}

function judge(source: CertificateSource, shown: ClientCertificate, known: Authorities): CertificateFact {
  const { subject, verified, problem, chain } = shown;
  if (!verified) return { state: "unverified", subject, problem };
  if (known.problem !== "") return { state: "unavailable", problem: known.problem };
  if (source.ca !== undefined && !chain.some((fingerprint) => known.fingerprints.has(fingerprint))) {
    return { state: "foreign", subject, problem: `no CA of ${source.ca} stands above it` };
  }
  return { state: "verified", subject, attributes: shown.attributes, names: namesIn(shown.names) };
}

/** "DNS:a.test, URI:\"x, y\"" -> each by itself. Node puts what holds a comma or a quote into JSON quotes. */
function namesIn(text: string): string[] {
  const found = text.match(/[A-Za-z ]+:(?:"(?:[^"\\]|\\.)*"|[^,"]*)/g) ?? [];
  return found.map((one) => {
    const colon = one.indexOf(":");
    const value = one.slice(colon + 1);
    return `${one.slice(0, colon).trim()}:${value.startsWith('"') ? (JSON.parse(value) as string) : value}`;
  });
}
