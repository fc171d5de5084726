/**
 * TLS in a policy file: `listeners[].tls` towards clients and `services.*.tls` towards backends; what they say by
 * themselves, and what is wrong with them together with their neighbours and the files they name.
 * Must not read a key: only whether the files are there and look like PEM.
 */
import * as z from "zod/mini";
import { isOwnName, OWN_NAMES } from "../model/own-names.ts";
import type { PlanListener, PlanRoute } from "../model/plan.ts";
import type { PlanBackendTls, PlanTls } from "../model/tls.ts";
import type { ListenerConfig, ServiceConfig } from "./document.ts";
import { at, items } from "./names.ts";
import type { Problems } from "./problems.ts";
import { removal } from "./removal.ts";
import type { Sources } from "./secrets.ts";
import type { Path } from "./tree.ts";
import { hostname } from "./written.ts";

function described<Type extends z.ZodMiniType>(type: Type, description: string, more: object = {}): Type {
  return type.check(z.meta({ description, ...more })) as Type;
}

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

/** @returns what the plan holds; undefined where TLS is not ended. */
export function planTls(
  problems: Problems,
  sources: Sources,
  { protocol, tls }: ListenerConfig,
  path: Path,
): PlanTls | undefined {
  const where = [...path, "tls"];
  if (protocol !== "HTTPS") {
    if (tls === undefined) return undefined;
    const message = `\`tls\` is for \`protocol: HTTPS\`: a listener of \`${protocol}\` ends no TLS.`;
    problems.key("SY218", where, message, removal(problems.tree, where, "Remove `tls`"));
    return undefined;
  }
  const { certificate, clientCertificate: client } = tls ?? { certificate: "auto" as const };
  if (client !== undefined) {
    checkPem(problems, sources, [...where, "clientCertificate", "ca"], client.ca, "CERTIFICATE");
  }
  const shared = client === undefined ? {} : { clientCertificate: client };
  if (certificate === "auto") return { certificate, ...shared };
  const several = Array.isArray(certificate);
  const pairs = several ? certificate : [certificate];
  for (const [position, pair] of pairs.entries()) {
    const own = several ? [...where, "certificate", position] : [...where, "certificate"];
    checkPem(problems, sources, [...own, "cert"], pair.cert, "CERTIFICATE");
    checkPem(problems, sources, [...own, "key"], pair.key, "PRIVATE KEY");
  }
  return { certificate: pairs, ...shared };
}

/** @returns what the plan holds; undefined where nothing is said. */
export function planBackendTls(
  problems: Problems,
  sources: Sources,
  config: ServiceConfig,
  path: Path,
): PlanBackendTls | undefined {
  const { tls } = config;
  if (tls === undefined) return undefined;
  const where = [...path, "tls"];
  if (!(config.endpoints ?? []).some(({ url }) => url.secure)) {
    const message = "`tls` says how https:// endpoints are verified, and this service has none.";
    problems.key("SY213", where, message, removal(problems.tree, where, "Remove `tls`"));
  }
  if (tls.ca !== undefined) checkPem(problems, sources, [...where, "ca"], tls.ca, "CERTIFICATE");
  if (!tls.verify) {
    const message =
      "Nobody checks who answers: whoever gets between the gateway and this service can read and change everything. Name its CA instead: `ca: ./ca.pem`.";
    problems.value("SY219", [...where, "verify"], message);
  }
  return tls;
}

/** Host names that a development certificate cannot be for: browsers would refuse it. */
export function checkNames(problems: Problems, listeners: readonly PlanListener[], routes: readonly PlanRoute[]): void {
  const raw = items(at(problems.tree.value, "routes"));
  for (const [position, written] of raw) {
    const route = routes.find(({ name }) => name === at(written, "name"));
    if (route === undefined) continue;
    const listener = route.listeners.map((index) => listeners[index]).find((one) => one?.tls?.certificate === "auto");
    if (listener === undefined) continue;
    for (const [index, name] of route.hostnames.entries()) {
      if (isOwnName(name)) continue;
      const message = `\`${listener.name}\` has no certificate for \`${name}\`: the development CA vouches only for names below ${OWN_NAMES.join(", ")}, which nobody on the internet can own.`;
      problems.value("SY220", ["routes", position, "hostnames", index], message);
    }
  }
}

function checkPem(problems: Problems, sources: Sources, path: Path, file: string, label: string): void {
  const text = sources.file(file);
  if (text === undefined) {
    problems.value("SY221", path, `The file ${file} cannot be read (paths are relative to the policy file).`);
  } else if (!new RegExp(`-----BEGIN [A-Z ]*${label}-----`).test(text)) {
    problems.value("SY221", path, `The file ${file} holds no ${label.toLowerCase()} in PEM form.`);
  }
}
