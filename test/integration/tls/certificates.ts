/**
 * Certificates for the tests: a CA of their own, servers and clients signed by it, made with openssl, whose word on
 * what is a valid certificate is not ours.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Folder {
  readonly path: string;
  remove(): void;
}

export function folder(): Folder {
  const path = mkdtempSync(join(tmpdir(), "switchyard-tls-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

function openssl(directory: string, ...words: string[]): void {
  execFileSync("openssl", words, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
}

/** Makes NAME.pem and NAME.key, self-signed, able to sign. */
export function makeCa(directory: string, name: string): void {
  openssl(
    directory,
    ...`req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /O=Test/CN=${name}`.split(" "),
    ...`-keyout ${name}.key -out ${name}.pem -addext basicConstraints=critical,CA:TRUE`.split(" "),
  );
}

export interface Wanted {
  readonly ca: string;
  /** "DNS:a.test,IP:127.0.0.1" */
  readonly names: string;
  readonly subject?: string;
  readonly usage?: "serverAuth" | "clientAuth";
}

/** Makes NAME.pem and NAME.key, signed by `ca`. */
export function makeLeaf(
  directory: string,
  name: string,
  { ca, names, subject = `/CN=${name}`, usage = "serverAuth" }: Wanted,
): void {
  writeFileSync(join(directory, `${name}.ext`), `subjectAltName=${names}\nextendedKeyUsage=${usage}\n`);
  openssl(
    directory,
    ...`req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key -out ${name}.csr -subj`.split(" "),
    subject,
  );
  openssl(
    directory,
    ...`x509 -req -in ${name}.csr -CA ${ca}.pem -CAkey ${ca}.key -CAcreateserial -days 2 -out ${name}.pem -extfile ${name}.ext`.split(
      " ",
    ),
  );
}

export function pem(directory: string, file: string): string {
  return readFileSync(join(directory, file), "utf8");
}
