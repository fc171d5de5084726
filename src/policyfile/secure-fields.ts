/**
 * The fields of TLS in a policy file: `listeners[].tls` towards clients and `services.*.tls` towards backends.
 * Must not check what needs more than one field or a file: secure.ts does.
 */
import * as z from "zod/mini";
import { described } from "../model/scalars.ts";
import { hostname } from "./written.ts";

const pemFile = (what: string, example: string) =>
  described(z.string().check(z.minLength(1, { error: "must be a path" })), what, { examples: [example] });

const certificateFiles = z.strictObject({
  cert: pemFile(
    "PEM file with the certificate and those that lead to its CA; relative to the policy file.",
    "./cert.pem",
  ),
  key: pemFile("PEM file with its private key.", "./key.pem"),
});

const clientCertificate = z.strictObject({
  ca: pemFile("PEM file with the CAs that may sign clients' certificates.", "./clients-ca.pem"),
  required: described(
    z.prefault(z.boolean(), true),
    "A client without a certificate of that CA cannot connect. false: it can, and policies see `client.certificate.verified`.",
  ),
});

/** `listeners[].tls` */
export const listenerTls = z.strictObject({
  certificate: described(
    z.prefault(
      z.union([
        z.literal("auto"),
        certificateFiles,
        z
          .array(certificateFiles)
          .check(z.minLength(1, { error: "needs at least one certificate; `auto` takes the development CA" })),
      ]),
      "auto",
    ),
    "`auto`: from your own development CA, made on first use and trusted by nobody until you say so (`switchyard ca`). Or `{ cert, key }`, or a list of them: the client's server name (SNI) chooses, the first is the default. Changed files are read again at once.",
    { examples: ["auto", { cert: "./cert.pem", key: "./key.pem" }] },
  ),
  clientCertificate: z.optional(described(clientCertificate, "Clients show a certificate of their own (mutual TLS).")),
});

/** `services.*.tls` */
export const serviceTls = z.strictObject({
  ca: z.optional(
    pemFile(
      "PEM file with the only CAs to believe. Default: those that Node and NODE_EXTRA_CA_CERTS bring.",
      "./ca.pem",
    ),
  ),
  serverName: z.optional(
    described(hostname(), "Name to ask for and to find in the certificate. Default: the endpoint's host.", {
      examples: ["orders.internal"],
    }),
  ),
  verify: described(
    z.prefault(z.boolean(), true),
    "false: take any certificate. Then nobody knows who answers; only for trying things out.",
  ),
});
