/**
 * Makes certificates: the development CA, and leaves signed by it. Loaded only when one has to be made, since the
 * library behind it takes 20 ms to start.
 * Must not read or write files, nor vouch for a name that could belong to somebody else.
 */
// oxlint-disable-next-line import/no-unassigned-import -- the certificate library asks for it when it starts
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from "@peculiar/asn1-x509";
import * as x509 from "@peculiar/x509";
import { OWN_NAMES } from "../../model/own-names.ts";

const KEY = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNING = { ...KEY, hash: "SHA-256" } as const;
const DAY = 86_400_000;

export interface Issued {
  /** PEM. */
  readonly certificate: string;
  /** PKCS #8 PEM. */
  readonly key: string;
}

x509.cryptoProvider.set(webcrypto);

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey("pkcs8", key);
  return x509.PemConverter.encode(bytes, "PRIVATE KEY") + "\n";
}

/**
 * A new CA. Critical name constraints (RFC 5280 section 4.2.1.10) keep it to names and addresses that never leave a
 * machine or its network: whoever steals the key cannot pose as a site on the internet.
 * @param owner shown in the name, so that two machines' CAs are told apart. @param years of validity.
 */
export async function issueAuthority(owner: string, now: number, years = 10): Promise<Issued> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ O: ["Switchyard development CA"] }, { CN: [`Switchyard development CA (${owner})`] }],
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + years * 365 * DAY),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      new x509.Extension(id_ce_nameConstraints, true, AsnConvert.serialize(ownNamesOnly())),
    ],
  });
  return { certificate: certificate.toString("pem") + "\n", key: await keyPem(keys.privateKey) };
}

/** A server certificate for `names` (host names, `*.` names and IP addresses). @param days of validity. */
export async function issueLeaf(
  authority: Issued,
  names: readonly string[],
  now: number,
  days: number,
): Promise<Issued> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    x509.PemConverter.decodeFirst(authority.key),
    KEY,
    false,
    ["sign"],
  );
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ O: ["Switchyard development certificate"] }, { CN: [names[0].slice(0, 64)] }],
    issuer: issuer.subjectName.toJSON(),
    notBefore: new Date(now - DAY),
    notAfter: new Date(Math.min(now + days * DAY, issuer.notAfter.getTime())),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? ("dns" as const) : ("ip" as const), value: name })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem") + "\n", key: await keyPem(keys.privateKey) };
}

function ownNamesOnly(): NameConstraints {
  const names = OWN_NAMES.map((dNSName) => new GeneralName({ dNSName }));
  // Address and mask (RFC 5280): 127.0.0.0/8 and ::1/128. GeneralName.iPAddress takes text, so these go in as bytes.
  const addresses = [
    [127, 0, 0, 0, 255, 0, 0, 0],
    [...Array.from({ length: 15 }, () => 0), 1, ...Array.from({ length: 16 }, () => 255)],
  ].map((bytes) => AsnConvert.parse(Uint8Array.from([0x87, bytes.length, ...bytes]), GeneralName));
  const subtrees = [...names, ...addresses].map((base) => new GeneralSubtree({ base }));
  return new NameConstraints({ permittedSubtrees: new GeneralSubtrees(subtrees) });
}
