/**
 * TLS in a policy file, as the plan holds it, and what is wrong with it together with its neighbours and the files it
 * names.
 * Must not read a key: only whether the files are there and look like PEM.
 */
import { isOwnName, OWN_NAMES } from "../model/own-names.ts";
import type { PlanListener, PlanRoute } from "../model/plan.ts";
import type { PlanBackendTls, PlanTls } from "../model/tls.ts";
import type { ListenerConfig, ServiceConfig } from "./document.ts";
import { at, items } from "./names.ts";
import type { Problems } from "./problems.ts";
import { removal } from "./removal.ts";
import type { Sources } from "./secrets.ts";
import type { Path } from "./tree.ts";

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
