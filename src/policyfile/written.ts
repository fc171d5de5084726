/**
 * Written forms that only the document itself uses: endpoint urls, addresses, host names, paths, regular expressions
 * and methods. Each reads its form once, into what the plan needs, and says what is wrong with code and fix.
 * Must not know where in the file it stands.
 */
import ipaddr from "ipaddr.js";
import { RE2JS } from "re2js";
import * as z from "zod/mini";
import { rangeProblem } from "../model/address-range.ts";
import type { Code } from "./diagnostic.ts";

/** What a custom issue carries beside its words. */
export interface IssueDetail {
  readonly code: Code;
  /** The value that was probably meant. */
  readonly better?: string;
}

interface Refused {
  readonly problem: string;
  readonly code: Code;
  readonly better?: string;
}

function isRefused(result: object | string): result is Refused {
  return typeof result === "object" && "problem" in result;
}

/** A string type that `parse` turns into what the plan needs. */
function written<Output extends object | string>(parse: (text: string) => Output | Refused) {
  return z.pipe(
    z.string(),
    z.transform((text: string, context): Output => {
      const result = parse(text);
      if (!isRefused(result)) return result;
      const params: IssueDetail = { code: result.code, better: result.better };
      context.issues.push({ code: "custom", message: result.problem, input: text, params: { ...params } });
      return z.NEVER;
    }),
  );
}

function badUrl(problem: string, better?: string): Refused {
  return { problem, code: "SY211", better };
}

function badPath(problem: string, better?: string): Refused {
  return { problem, code: "SY212", better };
}

export interface EndpointUrl {
  readonly url: string;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  readonly label: string;
  /** https:// */
  readonly secure: boolean;
}

/** `http://host:port` or `https://host:port`; the host a name, an IPv4 or a bracketed IPv6 address; port 80 when absent. */
export const endpointUrl = () => written<EndpointUrl>(parseEndpointUrl);

export function parseEndpointUrl(text: string): EndpointUrl | Refused {
  const form = "write it as http://host:port or https://host:port";
  const parts = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?([^/?#\s]*)([/?#].*)?$/.exec(text);
  if (parts === null) return badUrl(`is no url: ${form}`);
  const [, scheme, authority, rest = ""] = parts;
  if (scheme === undefined) return badUrl(`has no scheme: ${form}`, `http://${text}`);
  if (/^(h2c|grpcs?)$/i.test(scheme)) {
    const problem = `\`${scheme}:\` to a backend comes with a later version of Switchyard; ${form}`;
    return { problem, code: "SY105" };
  }
  const layer4 = /^(tcp|udp)$/i.test(scheme);
  const secure = scheme.toLowerCase() === "https";
  if (!layer4 && !secure && scheme.toLowerCase() !== "http") {
    return badUrl(`the scheme must be http or https, or tcp or udp behind a layer-4 listener, not ${scheme}: ${form}`);
  }
  if (authority.includes("@"))
    return badUrl("must not hold a user name or password", `http://${authority.split("@").at(-1)}`);
  if (rest !== "" && rest !== "/") {
    return badUrl(`must end after the port: to change paths use the urlRewrite policy`, `http://${authority}`);
  }
  const found = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(authority);
  if (found === null) return badUrl(`has no usable host and port: ${form}`);
  const host = found[1].replace(/^\[|\]$/g, "").toLowerCase();
  if (layer4 && found[2] === undefined) return badUrl(`needs a port: ${scheme.toLowerCase()}://host:port`);
  const port = Number(found[2] ?? (secure ? 443 : 80));
  if (port < 1 || port > 65535) return badUrl("the port must be from 1 to 65535");
  if (found[1].startsWith("[") ? !ipaddr.IPv6.isValid(host) : !isHost(host))
    return badUrl(`\`${found[1]}\` is no host`);
  const shown = isLoopback(host) ? `:${port}` : `${found[1].toLowerCase()}:${port}`;
  return { url: text, host, port, label: shown, secure };
}

function isHost(host: string): boolean {
  if (/^[0-9.]+$/.test(host) || host.startsWith("0x")) return ipaddr.IPv4.isValidFourPartDecimal(host);
  return host.length <= 253 && host.split(".").every((part) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(part));
}

/** This machine, by name or address. */
export function isLoopback(host: string): boolean {
  if (host === "localhost" || host.endsWith(".localhost")) return true;
  if (ipaddr.IPv4.isValidFourPartDecimal(host)) return host.startsWith("127.");
  return ipaddr.IPv6.isValid(host) && ipaddr.IPv6.parse(host).range() === "loopback";
}

/** An IP address to listen on, or `localhost` for both loopback addresses. */
export const listenAddress = () =>
  written<{ readonly addresses: readonly string[] }>((text) => {
    if (text === "localhost") return { addresses: LOOPBACK };
    if (ipaddr.IPv4.isValidFourPartDecimal(text) || (ipaddr.IPv6.isValid(text) && !text.includes("%"))) {
      return { addresses: [text] };
    }
    const bare = text.replace(/^\[|\]$/g, "");
    const better = ipaddr.IPv6.isValid(bare) ? bare : text === "*" ? "0.0.0.0" : undefined;
    return { problem: "must be an IP address, such as 127.0.0.1, ::1 or 0.0.0.0", code: "SY211", better };
  });

export const LOOPBACK: readonly string[] = ["127.0.0.1", "::1"];

/** A CIDR block, or one address. */
export const addressRange = () =>
  written<string>((text) => {
    const problem = rangeProblem(text);
    return problem === undefined ? text : { problem: problem.message, code: "SY211", better: problem.meant };
  });

/** A host name, or `*.` and a host name; becomes lower case. */
export const hostname = () => written<string>(parseHostname);

export function parseHostname(text: string): string | Refused {
  if (text === "*") return badPath("matches every host: remove `hostnames` for that");
  const lower = text.toLowerCase();
  const withoutScheme = lower.replace(/^[a-z]+:\/\//, "").replace(/\/.*$/, "");
  if (withoutScheme !== lower) return badPath("must be a host name alone, without scheme or path", withoutScheme);
  if (/^\[.*\]$/.test(lower) && ipaddr.IPv6.isValid(lower.slice(1, -1))) return lower;
  const withoutPort = lower.replace(/:\d+$/, "");
  if (withoutPort !== lower) return badPath("must have no port: a listener has one", withoutPort);
  const name = lower.startsWith("*.") ? lower.slice(2) : lower;
  if (name.includes("*")) return badPath('may have one `*`, and only as its first label: "*.example.com"');
  if (name.endsWith(".") && isHost(name.slice(0, -1))) return badPath("must not end with a dot", lower.slice(0, -1));
  return isHost(name) ? lower : badPath("is no host name");
}

/** A path as it stands in a request: starts with /, percent-encoded, without query and dot segments. */
export const plainPath = () => written<string>(parsePath);

export function parsePath(text: string): string | Refused {
  if (text === "") return badPath("must start with /", "/");
  if (!text.startsWith("/")) return badPath("must start with /", `/${text}`);
  const query = /[?#]/.exec(text);
  if (query)
    return badPath("must hold no query or fragment: use `query` beside `path`", text.slice(0, query.index) || "/");
  if (/[^\x21-\x7e]/.test(text)) {
    return badPath("must be percent-encoded, as it stands in a request", encodePath(text));
  }
  if (text.endsWith("*"))
    return badPath("has no wildcard: a prefix matches everything below it", text.replace(/\/?\*+$/, "") || "/");
  if (/(^|\/)\.{1,2}(\/|$)/.test(text))
    return badPath("must hold no `.` or `..` segments: requests never arrive with them");
  if (text.includes("//")) return badPath("must hold no empty segment", text.replace(/\/{2,}/g, "/"));
  return text;
}

function encodePath(text: string): string | undefined {
  try {
    return encodeURI(text);
  } catch {
    return undefined; // half of a surrogate pair
  }
}

export interface PathRegex {
  readonly source: string;
  test(path: string): boolean;
}

/** RE2: linear in the length of the path, whatever the expression. Must match the whole path. */
export const pathRegex = () => written<PathRegex>(parseRegex);

const LONGEST_REGEX = 1024;

export function parseRegex(text: string): PathRegex | Refused {
  if (text.length > LONGEST_REGEX) {
    return { problem: `must not be longer than ${LONGEST_REGEX} characters`, code: "SY212" };
  }
  try {
    const compiled = RE2JS.compile(text);
    return { source: text, test: (path) => compiled.testExact(path) };
  } catch (problem) {
    const words = problem instanceof Error ? problem.message : String(problem);
    return {
      problem: `is no RE2 expression (${words}); look-around and back-references do not exist there`,
      code: "SY212",
    };
  }
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/** A method token (RFC 9110 section 9.1): case counts, and the well-known ones are upper case. */
export const method = () =>
  written<string>((text) => {
    if (METHODS.includes(text.toUpperCase()) && text !== text.toUpperCase()) {
      return { problem: "methods are upper case", code: "SY102", better: text.toUpperCase() };
    }
    if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/.test(text)) return text;
    return { problem: "is no HTTP method", code: "SY102" };
  }).check(z.meta({ examples: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] }));
