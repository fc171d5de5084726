/**
 * cors: which web pages of other origins may read the answers (Fetch standard, "CORS protocol"). Preflights are answered
 * here, before anybody asks who is calling: a browser sends no credentials with them.
 * Must not reflect an origin that nothing names, and must not leave a backend's own CORS fields beside these.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT, type Reason } from "../model/basics.ts";
import type { Answer, ConfigProblem, Fix, Policy, Shape, Step } from "../model/policy.ts";
import { duration, headerName, writeDuration } from "../model/scalars.ts";

const ORIGIN =
  /^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/(?:\*|(?:\*\.)?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]))(?::(?:\d{1,5}|\*))?)$/i;
const origin = z.string().check(
  z.regex(ORIGIN, {
    error:
      "write an origin as scheme://host or scheme://host:port, without a path; * stands for any, *. for subdomains",
  }),
);
const method = z
  .string()
  .check(z.regex(/^[!#$%&'*+.^_`|~\w-]{1,32}$/, { error: "write a method such as GET, or * for any" }));

const config = z.strictObject({
  origins: z.array(origin).check(
    z.minLength(1),
    z.maxLength(200),
    z.meta({
      description:
        "Pages of these origins may read answers. `https://*.example.com` names every subdomain, `http://localhost:*` every port, `*` any origin.",
      examples: [["https://shop.example", "http://localhost:*"]],
    }),
  ),
  methods: z.prefault(
    z
      .array(method)
      .check(z.minLength(1), z.meta({ description: "Methods that such a page may use; `*` = the one it asks for." })),
    ["GET", "HEAD", "POST"],
  ),
  headers: z.prefault(
    z.array(headerName()).check(
      z.meta({
        description: "Request headers that it may set; `*` = those it asks for.",
        examples: [["authorization", "content-type"]],
      }),
    ),
    [],
  ),
  exposeHeaders: z.prefault(
    z
      .array(headerName())
      .check(z.meta({ description: "Response headers that it may read.", examples: [["x-request-id"]] })),
    [],
  ),
  credentials: z.prefault(
    z.boolean().check(
      z.meta({
        description:
          "Cookies and other credentials may go along. Together with the origin `*` every page may act as the user: name the origins instead.",
      }),
    ),
    false,
  ),
  privateNetwork: z.prefault(
    z
      .boolean()
      .check(z.meta({ description: "A public page may call into this private network (Private Network Access)." })),
    false,
  ),
  maxAge: z.optional(
    duration({ most: 86_400_000 }).check(
      z.meta({ description: "How long a browser may remember the answer to a preflight.", examples: ["10m"] }),
    ),
  ),
});

type Config = z.output<typeof config>;

const Refusal = { originNotAllowed: 1, methodNotAllowed: 2, headerNotAllowed: 3, privateNetwork: 4 } as const;

/** What an admitted step notes as x. */
const Kind = { sameOrigin: 0, allowed: 1, foreign: 2, preflight: 3 } as const;

export const cors: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "cors",
  phase: "screen",
  summary: "Which web pages of other origins may call and read the answers; preflights are answered by the gateway.",
  example: 'cors: { origins: ["http://localhost:*"], headers: [authorization], credentials: true, maxAge: 10m }\n',
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    originNotAllowed: {
      status: 403,
      title: "origin not allowed",
      say: (c, _x, _y, seen) =>
        `the page's origin, ${originWords(seen)}, is none of ${c.origins.join(", ")}, so its preflight is refused`,
      fix: (c, _x, _y, seen) => addTo("origins", c.origins, originOf(seen), ORIGIN),
    },
    methodNotAllowed: {
      status: 403,
      title: "method not allowed to other origins",
      say: (c, _x, _y, seen) =>
        `a page of ${originWords(seen)} wants to use ${wantedMethod(seen)}; ${c.methods.join(", ")} may be used`,
      fix: (c, _x, _y, seen) => addTo("methods", c.methods, wantedMethod(seen), /^[A-Z]{1,16}$/),
    },
    headerNotAllowed: {
      status: 403,
      title: "header not allowed to other origins",
      say: (c, index, _y, seen) =>
        `a page of ${originWords(seen)} wants to send the header ${wantedHeaders(seen)[index] ?? ""}; ${c.headers.length === 0 ? "none" : c.headers.join(", ")} may be sent`,
      fix: (c, index, _y, seen) => addTo("headers", c.headers, wantedHeaders(seen)[index] ?? "", /^[\w-]{1,64}$/),
    },
    privateNetwork: {
      status: 403,
      title: "private network not open to public pages",
      say: (_c, _x, _y, seen) => `a public page of ${originWords(seen)} asks to call into this private network`,
      fix: () => [{ title: "Open the private network to it", path: ["privateNetwork"], value: true }],
    },
  },
  admits: (c, kind, _y, seen) => {
    if (kind === Kind.sameOrigin) return "no other origin is named";
    if (kind === Kind.foreign)
      return `the answer gets no CORS fields: ${originWords(seen)} is none of ${c.origins.join(", ")}, so its page cannot read it`;
    if (kind === Kind.allowed) return `pages of ${originWords(seen)} may read the answer`;
    const headers = wantedHeaders(seen);
    const memory = c.maxAge === undefined ? "" : `, remembered for ${writeDuration(c.maxAge)}`;
    return `preflight: pages of ${originWords(seen)} may use ${wantedMethod(seen)}${headers.length === 0 ? "" : ` with ${headers.join(", ")}`}${memory}`;
  },
  check: checkConfig,
  preflights: true,
  compile,
  replyFields,
};

function checkConfig(c: Config): readonly ConfigProblem[] {
  return c.origins.flatMap((one, i) =>
    one !== one.toLowerCase()
      ? [
          {
            path: ["origins", i],
            message: `browsers send origins in lower case: ${one.toLowerCase()}`,
            fix: { title: `Write ${one.toLowerCase()}`, path: ["origins", i], value: one.toLowerCase() },
          },
        ]
      : [],
  );
}

function compile(c: Config): Step<undefined> & Shape {
  const isAllowed = originTest(c.origins);
  const methods = new Set(c.methods);
  const headers = new Set(c.headers.map((one) => one.toLowerCase()));
  const anyMethod = methods.has("*");
  const anyHeader = headers.has("*");
  return {
    peek(x, _state, _now, note) {
      const from = x.arrival.header("origin");
      const end = (reason: Reason, value: number): Reason => {
        note.put(reason, value, 0);
        return reason;
      };
      if (from === undefined) return end(ADMIT, Kind.sameOrigin);
      if (!isPreflight(x)) return end(ADMIT, isAllowed(from) ? Kind.allowed : Kind.foreign);
      if (!isAllowed(from)) return end(Refusal.originNotAllowed, 0);
      const wanted = wantedMethod(x);
      // Fetch: GET, HEAD and POST never need a permission.
      if (!anyMethod && !methods.has(wanted) && !SIMPLE_METHODS.has(wanted)) return end(Refusal.methodNotAllowed, 0);
      const unknown = anyHeader ? -1 : wantedHeaders(x).findIndex((one) => !headers.has(one.toLowerCase()));
      if (unknown >= 0) return end(Refusal.headerNotAllowed, unknown);
      if (!c.privateNetwork && x.arrival.header("access-control-request-private-network") === "true")
        return end(Refusal.privateNetwork, 0);
      return end(ADMIT, Kind.preflight);
    },
    answers: (x) => isPreflight(x),
    answer: (): Answer => ({ status: 204, fields: [], body: "" }),
    /** The backend's own words about origins would contradict these, or stand there twice. */
    response(_x, edit) {
      for (const name of OWN_FIELDS) if (edit.get(name) !== undefined) edit.remove(name);
    },
  };
}

const SIMPLE_METHODS = new Set(["GET", "HEAD", "POST"]);

const OWN_FIELDS = [
  "Access-Control-Allow-Origin",
  "Access-Control-Allow-Credentials",
  "Access-Control-Allow-Methods",
  "Access-Control-Allow-Headers",
  "Access-Control-Expose-Headers",
  "Access-Control-Max-Age",
  "Access-Control-Allow-Private-Network",
];

/** Fetch: OPTIONS with Origin and Access-Control-Request-Method. */
function isPreflight({ arrival }: Passage): boolean {
  return (
    arrival.method === "OPTIONS" &&
    arrival.header("access-control-request-method") !== undefined &&
    arrival.header("origin") !== undefined
  );
}

function originOf({ arrival }: Passage): string {
  return arrival.header("origin") ?? "";
}

/** A page in a sandbox, or from a file, says `null`: it has no origin that could be named. */
function originWords(seen: Passage): string {
  return originOf(seen) === "null" ? "an opaque origin" : originOf(seen);
}

function wantedMethod({ arrival }: Passage): string {
  return arrival.header("access-control-request-method")?.trim() ?? "";
}

function wantedHeaders({ arrival }: Passage): readonly string[] {
  const list = arrival.header("access-control-request-headers") ?? "";
  return list
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

/** Origins are compared byte by byte (RFC 6454 section 5); browsers send them in lower case. */
function originTest(origins: readonly string[]): (origin: string) => boolean {
  const exact = new Set(origins.filter((one) => !one.includes("*")));
  const patterns = origins.filter((one) => one.includes("*")).map(patternOf);
  return (given) => exact.has(given) || patterns.some((pattern) => pattern.test(given));
}

/** `*` alone is any origin, at the head of a host one or more labels, in place of a port any port or none. */
function patternOf(written: string): RegExp {
  if (written === "*") return /^[^\s,]+$/;
  const body = written
    .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replace(/:\*$/, "(?::[0-9]{1,5})?")
    .replace(/:\/\/\*(?=$|\(|:)/, "://[^/:,\\s]+")
    .replace(/:\/\/\*\\\./, "://(?:[^/:,\\s.]+\\.)+");
  return new RegExp(`^${body}$`);
}

function addTo(field: string, list: readonly string[], value: string, shape: RegExp): readonly Fix[] {
  if (!shape.test(value)) return [];
  return [{ title: `Allow ${value}`, path: [field], value: [...list, value] }];
}

/** Vary even where nothing is allowed: a cache must not give one origin's answer to another. */
function replyFields(
  c: Config,
  reason: Reason,
  kind: number,
  _y: number,
  seen: Passage,
): readonly (readonly [string, string])[] {
  const preflight = isPreflight(seen);
  const open = c.origins.includes("*") && !c.credentials;
  const fields: [string, string][] = [];
  if (preflight) fields.push(["Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"]);
  else if (!open) fields.push(["Vary", "Origin"]);
  if (reason !== ADMIT || kind === Kind.sameOrigin || kind === Kind.foreign) return fields;
  fields.push(["Access-Control-Allow-Origin", open ? "*" : originOf(seen)]);
  if (c.credentials) fields.push(["Access-Control-Allow-Credentials", "true"]);
  if (c.exposeHeaders.length > 0) fields.push(["Access-Control-Expose-Headers", c.exposeHeaders.join(", ")]);
  if (!preflight) return fields;
  // `*` is taken literally when credentials go along, so what was asked for is named instead.
  fields.push(["Access-Control-Allow-Methods", c.methods.includes("*") ? wantedMethod(seen) : c.methods.join(", ")]);
  const wanted = wantedHeaders(seen);
  const headers = c.headers.includes("*") ? wanted : c.headers;
  if (headers.length > 0) fields.push(["Access-Control-Allow-Headers", headers.join(", ")]);
  if (c.maxAge !== undefined) fields.push(["Access-Control-Max-Age", String(Math.floor(c.maxAge / 1000))]);
  if (c.privateNetwork && seen.arrival.header("access-control-request-private-network") === "true")
    fields.push(["Access-Control-Allow-Private-Network", "true"]);
  return fields;
}
