/**
 * clientCertificate: who is calling, by the certificate shown in the TLS handshake. Listeners verify it
 * (`tls.clientCertificate`); this file says whose certificates may come in on a route.
 * Must not take a part of a subject for another: attributes and names are compared one by one, never as a text.
 */
import * as z from "zod/mini";
import type { CertificateFact, FactRequest, Passage } from "../model/arrival.ts";
import { ADMIT, type Reason } from "../model/basics.ts";
import type { CompileContext, ConfigProblem, Policy, Step } from "../model/policy.ts";

const config = z.strictObject({
  ca: z.optional(
    z
      .string()
      .check(z.minLength(1))
      .check(
        z.meta({
          description:
            "PEM file: one of its CAs must stand above the certificate. Default: every CA that the listener believes.",
          examples: ["./partners-ca.pem"],
        }),
      ),
  ),
  allow: z.optional(
    z
      .array(z.string().check(z.minLength(1), z.maxLength(512)))
      .check(z.minLength(1), z.maxLength(1000))
      .check(
        z.meta({
          description:
            "Whose certificates: a whole subject (`CN=alice, O=Shop`), one part of it (`O=Shop`), or an alternative name (`DNS:alice.test`, `URI:spiffe://shop/alice`). Default: everybody's whom the CA vouches for.",
          examples: [["CN=alice, O=Shop", "DNS:alice.test"]],
        }),
      ),
  ),
});

type Config = z.output<typeof config>;

const Refusal = { missing: 1, unverified: 2, notAllowed: 3, unavailable: 4 } as const;

export const clientCertificate: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "clientCertificate",
  phase: "identify",
  summary: "Who is calling, by the certificate that the client shows to a listener with `tls.clientCertificate`.",
  example: "clientCertificate: { allow: ['O=Shop', 'DNS:alice.test'] }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    missing: {
      status: 401,
      title: "client certificate missing",
      say: () =>
        "the client showed no certificate; it may only do so to an HTTPS listener that asks for one (`tls.clientCertificate`)",
      brief: () => "no client certificate",
    },
    unverified: {
      status: 401,
      title: "client certificate not believed",
      say: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        return fact?.state === "unverified" || fact?.state === "foreign"
          ? `the certificate of ${fact.subject || "nobody"} is not believed: ${fact.problem}`
          : "the certificate is not believed";
      },
    },
    notAllowed: {
      status: 403,
      title: "client certificate of somebody else",
      say: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        const [subject, names] = fact?.state === "verified" ? [fact.subject, fact.names] : ["", []];
        const also = names.length === 0 ? "" : ` (${names.slice(0, 5).join(", ")})`;
        return `the certificate is that of ${subject || "nobody"}${also}; allowed: ${(c.allow ?? []).slice(0, 5).join("; ")}`;
      },
      fix: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        if (fact?.state !== "verified" || fact.subject === "") return [];
        const value = [...(c.allow ?? []), fact.subject];
        return [{ title: `Allow ${fact.subject}`, path: ["allow"], value }];
      },
    },
    unavailable: {
      status: 503,
      title: "client certificate could not be checked",
      say: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        return fact?.state === "unavailable" ? fact.problem : "the CA file cannot be used";
      },
    },
  },
  admits: (c, _x, _y, seen) => {
    const fact = factOf(c, seen);
    const subject = fact?.state === "verified" ? fact.subject : "";
    const by = c.ca === undefined ? "the listener's CA" : `a CA of ${c.ca}`;
    return `the certificate is that of ${subject || "nobody by name"}, and ${by} vouches for it`;
  },
  check: checkConfig,
  needs: (c) => [factRequest(c)],
  compile,
  readsClientCertificate: () => true,
};

const ENTRY = /^(?:[A-Za-z][A-Za-z0-9.]*=.+|(?:DNS|email|URI|IP Address|DirName|Registered ID|othername):.+)$/;

function checkConfig(c: Config, context: CompileContext): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (c.ca !== undefined) {
    const text = context.file(c.ca);
    if (text === undefined) {
      problems.push({
        path: ["ca"],
        message: `the file ${c.ca} cannot be read (paths are relative to the policy file)`,
      });
    } else if (!text.includes("-----BEGIN CERTIFICATE-----")) {
      problems.push({ path: ["ca"], message: `the file ${c.ca} holds no certificate in PEM form` });
    }
  }
  c.allow?.forEach((entry, i) => {
    if (ENTRY.test(entry)) return;
    problems.push({
      path: ["allow", i],
      message: `${JSON.stringify(entry)} names no part of a certificate: write CN=${entry} for its subject, or DNS:${entry} for an alternative name`,
      fix: { title: `Write CN=${entry}`, path: ["allow", i], value: `CN=${entry}` },
    });
  });
  return problems;
}

function factRequest(c: Config): FactRequest {
  return { name: factName(c), kind: "certificate", source: c.ca === undefined ? {} : { ca: c.ca } };
}

function factName(c: Config): string {
  return c.ca === undefined ? "certificate" : `certificate/${c.ca}`;
}

function factOf(c: Config, seen: Passage): CertificateFact | undefined {
  return seen.facts[factName(c)] as CertificateFact | undefined;
}

function compile(c: Config): Step<undefined> {
  const name = factName(c);
  const allowed = c.allow && new Set(c.allow);
  return {
    peek(x, _state, _now, note) {
      const fact = x.facts[name] as CertificateFact | undefined;
      const reason = reasonFor(fact, allowed);
      if (fact?.state === "verified") {
        // Known even when it may not come in: the refusal can then say whom it refused.
        x.caller.label = commonName(fact.attributes) ?? (fact.subject || fact.names[0]);
        if (reason === ADMIT) x.caller.consumer = x.caller.label;
      }
      note.put(reason, 0, 0);
      return reason;
    },
  };
}

function reasonFor(fact: CertificateFact | undefined, allowed: ReadonlySet<string> | undefined): Reason {
  switch (fact?.state) {
    case "verified":
      return allowed === undefined || isAllowed(fact, allowed) ? ADMIT : Refusal.notAllowed;
    case "unverified":
    case "foreign":
      return Refusal.unverified;
    case "unavailable":
      return Refusal.unavailable;
    default:
      return Refusal.missing;
  }
}

function isAllowed(
  { subject, attributes, names }: Extract<CertificateFact, { state: "verified" }>,
  allowed: ReadonlySet<string>,
): boolean {
  return (
    (subject !== "" && allowed.has(subject)) ||
    attributes.some((one) => allowed.has(one)) ||
    names.some((one) => allowed.has(one))
  );
}

function commonName(attributes: readonly string[]): string | undefined {
  return attributes.find((one) => one.startsWith("CN="))?.slice(3);
}
