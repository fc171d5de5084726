/**
 * externalAuth: a server of one's own says whether a request may pass, and who is calling. The gateway's edge asks it;
 * this file says what follows from the answer. 2xx admits, 401 and whatever else there is refuse.
 * Must not admit when the server cannot be asked, unless `failOpen` says so; and then it says that it did.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { AuthorityFact, FactRequest, Passage } from "../model/arrival.ts";
import { ADMIT, type Reason } from "../model/basics.ts";
import type { ConfigProblem, Policy, RequestEdit, Shape, Step } from "../model/policy.ts";
import { duration, headerName } from "../model/scalars.ts";
import { safeFieldValue } from "./template.ts";
import { isSafeUrl } from "./token-claims.ts";

const headers = () => z.array(headerName()).check(z.maxLength(32));

const config = z.strictObject({
  url: z
    .string()
    .check(z.minLength(1), z.maxLength(2048))
    .check(
      z.meta({
        description:
          "The server that is asked with GET about every request: https, or http on this machine. It is told x-forwarded-method, -host, -uri and -for.",
        examples: ["http://localhost:9000/authorize"],
      }),
    ),
  forwardHeaders: z.prefault(
    headers().check(
      z.meta({
        description: "Headers of the request that the server needs to judge; no others are sent.",
        examples: [["Authorization", "Cookie"]],
      }),
    ),
    ["Authorization"],
  ),
  headersToBackend: z.prefault(
    headers().check(
      z.meta({
        description:
          "Headers of the server's answer that the backend gets. One that the answer lacks is removed, so that no caller can forge it.",
        examples: [["x-user", "x-roles"]],
      }),
    ),
    [],
  ),
  consumer: z.optional(
    headerName().check(
      z.meta({
        description: "The header of the server's answer that names the caller; it becomes `consumer.name`.",
        examples: ["x-user"],
      }),
    ),
  ),
  timeout: z.prefault(
    duration({ least: 10, most: 60_000 }).check(z.meta({ description: "How long the server may take to answer." })),
    "1s",
  ),
  failOpen: z.prefault(
    z
      .boolean()
      .check(z.meta({ description: "true: let requests pass while the server cannot be asked, as nobody's." })),
    false,
  ),
});

type Config = z.output<typeof config>;

const Refusal = { unauthenticated: 1, denied: 2, unavailable: 3 } as const;

export const externalAuth: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "externalAuth",
  phase: "identify",
  summary: "A server of your own is asked about every request: whether it may pass, and who is calling.",
  example: 'externalAuth: { url: "http://localhost:9000/authorize", forwardHeaders: [Authorization] }\n',
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    unauthenticated: {
      status: 401,
      title: "not identified",
      say: (c, status) => `${c.url} answered ${status}: it does not know who is calling`,
      brief: (_c, status) => `its server says ${status}`,
    },
    denied: {
      status: 403,
      title: "denied by the authorization server",
      say: (c, status) => `${c.url} answered ${status}; only 2xx lets a request pass`,
      brief: (_c, status) => `its server says ${status}`,
    },
    unavailable: {
      status: 503,
      title: "authorization server not available",
      say: (c, status, _y, seen) => {
        const fact = factOf(c, seen);
        const why = fact?.state === "unavailable" ? fact.problem : `${c.url} answered ${status}`;
        return `whether the request may pass cannot be told: ${why}`;
      },
    },
  },
  admits: (c, status, open, seen) => {
    const fact = factOf(c, seen);
    if (open === 1) {
      const why = fact?.state === "unavailable" ? fact.problem : `${c.url} answered ${status}`;
      return `let pass without a verdict, since \`failOpen\` is true: ${why}`;
    }
    const who = seen.caller.consumer;
    return `${c.url} answered ${status}${c.consumer === undefined || who === undefined ? "" : `: it is ${who}`}`;
  },
  check: checkConfig,
  needs: (c) => [factRequest(c)],
  compile,
  replyFields: (c, reason, _x, _y, seen) => {
    const fact = factOf(c, seen);
    if (reason === Refusal.unavailable) return [["Retry-After", "1"]];
    if (reason !== Refusal.unauthenticated) return [];
    // A 401 must bring a challenge (RFC 9110 section 11.6.1): the server's own, or one that commits to nothing.
    const challenge = fact?.state === "answered" ? fact.challenge : undefined;
    return [["WWW-Authenticate", challenge === undefined ? 'Bearer realm="switchyard"' : safeFieldValue(challenge)]];
  },
  secretPlaces: (c) => c.forwardHeaders.map((name) => ({ in: "header", name: name.toLowerCase() })),
};

function checkConfig(c: Config): readonly ConfigProblem[] {
  if (isSafeUrl(c.url)) return [];
  const message = /^http:/i.test(c.url)
    ? "credentials over http can be read on the way: use https (http is for this machine only)"
    : "write the address of the server: https://host/path";
  return [{ path: ["url"], message }];
}

function lowered(names: readonly string[]): readonly string[] {
  return [...new Set(names.map((name) => name.toLowerCase()))];
}

function factRequest(c: Config): FactRequest {
  const keep = lowered([...c.headersToBackend, ...(c.consumer === undefined ? [] : [c.consumer])]);
  const source = { url: c.url, timeout: c.timeout, forwardHeaders: lowered(c.forwardHeaders), keep };
  return { name: factName(c), kind: "authority", source };
}

function factName(c: Config): string {
  const written = JSON.stringify([c.timeout, c.forwardHeaders, c.headersToBackend, c.consumer]);
  return `authority/${c.url}/${xxHash32(written, 0).toString(16).padStart(8, "0")}`;
}

function factOf(c: Config, seen: Passage): AuthorityFact | undefined {
  return seen.facts[factName(c)] as AuthorityFact | undefined;
}

function compile(c: Config): Step<undefined> & Shape {
  const name = factName(c);
  const consumer = c.consumer?.toLowerCase();
  const toBackend = lowered(c.headersToBackend);
  return {
    peek(x, _state, _now, note) {
      const fact = x.facts[name] as AuthorityFact | undefined;
      const status = fact?.state === "answered" ? fact.status : 0;
      const reason = reasonFor(status);
      const open = reason === Refusal.unavailable && c.failOpen;
      if (reason === ADMIT && fact?.state === "answered" && consumer !== undefined) {
        const who = fact.headers[consumer];
        if (who !== undefined && who !== "") x.caller.consumer = x.caller.label = who;
      }
      note.put(open ? ADMIT : reason, status, open ? 1 : 0);
      return open ? ADMIT : reason;
    },
    ...(toBackend.length > 0 && {
      request(x: Passage, edit: RequestEdit) {
        const fact = x.facts[name] as AuthorityFact | undefined;
        const given = fact?.state === "answered" && reasonFor(fact.status) === ADMIT ? fact.headers : {};
        for (const header of toBackend) {
          const value = given[header];
          if (value === undefined) edit.remove(header);
          else edit.set(header, safeFieldValue(value));
        }
      },
    }),
  };
}

function reasonFor(status: number): Reason {
  if (status >= 200 && status < 300) return ADMIT;
  if (status === 401) return Refusal.unauthenticated;
  return status === 0 || status >= 500 ? Refusal.unavailable : Refusal.denied;
}
