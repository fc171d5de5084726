/**
 * basicAuth: who is calling, by name and password (RFC 7617). Whether the password is right is looked up at the gateway's
 * edge, since a hash worth having takes milliseconds; this file says what follows from the answer.
 * Must not tell a caller whether the name or the password was wrong, and never shows a password.
 */
import { xxHash32 } from "js-xxhash";
import * as z from "zod/mini";
import type { FactRequest, Passage, PasswordFact } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { CompileContext, ConfigProblem, Policy, RequestEdit, SecretRef, Shape, Step } from "../model/policy.ts";
import { secret } from "../model/scalars.ts";

const user = z.strictObject({
  name: z
    .string()
    .check(
      z.regex(/^[^:\p{Cc}]{1,128}$/u, { error: "a user's name has 1 to 128 characters, no colon and no line break" }),
    )
    .check(z.meta({ description: "The name the caller gives; it becomes the consumer.", examples: ["ada"] })),
  password: z.optional(
    secret().check(z.meta({ description: "The password itself: `{ env: NAME }` keeps it out of the file." })),
  ),
  hash: z.optional(
    secret().check(
      z.meta({
        description:
          "A scrypt hash of the password as a PHC string, `$scrypt$ln=15,r=8,p=1$salt$hash` (base64 without padding). It may stand in the file.",
        examples: ["$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$MC4uLg"],
      }),
    ),
  ),
  groups: z.optional(
    z
      .array(z.string().check(z.minLength(1), z.meta({ names: "group" })))
      .check(z.meta({ description: "The caller's groups, for `requireGroups` and rules.", examples: [["staff"]] })),
  ),
});

const config = z.strictObject({
  users: z
    .array(user)
    .check(z.minLength(1), z.maxLength(1000))
    .check(z.meta({ description: "Who may come in. Each has either `password` or `hash`." })),
  realm: z.prefault(
    z
      .string()
      .check(z.regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,100}$/, { error: "a realm has 1 to 100 plain characters" }))
      .check(z.meta({ description: "What a browser shows when it asks for the password." })),
    "switchyard",
  ),
  hide: z.prefault(
    z.boolean().check(z.meta({ description: "Take the password out before the request goes to the backend." })),
    true,
  ),
});

type Config = z.output<typeof config>;

const Refusal = { missing: 1, malformed: 2, wrong: 3, busy: 4 } as const;

export const basicAuth: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "basicAuth",
  phase: "identify",
  summary: "Who is calling, by name and password (HTTP Basic), kept as a password or as a scrypt hash.",
  example: "basicAuth: { users: [{ name: ada, password: { env: ADA_PASSWORD }, groups: [staff] }] }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    missing: {
      status: 401,
      title: "name and password missing",
      say: () => 'there is no name and password in the header Authorization: it must be "Basic" and both in base64',
    },
    malformed: {
      status: 401,
      title: "name and password not readable",
      say: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        return fact?.state === "malformed" ? fact.problem : "the header Authorization cannot be read";
      },
    },
    wrong: {
      status: 401,
      title: "name or password wrong",
      // Told to the person who runs the gateway and to the caller alike, so it must not say which of the two it was.
      say: (c) => `name and password fit none of the ${c.users.length === 1 ? "one user" : `${c.users.length} users`}`,
    },
    busy: {
      status: 503,
      title: "too many passwords to check",
      say: (c, _x, _y, seen) => {
        const fact = factOf(c, seen);
        return fact?.state === "busy" ? fact.problem : "too many passwords are being checked at this moment";
      },
    },
  },
  admits: (_c, _x, _y, seen) =>
    `the password is ${seen.caller.consumer ?? "a user"}'s${seen.caller.groups.length === 0 ? "" : ` (groups ${seen.caller.groups.join(", ")})`}`,
  check: checkConfig,
  needs: (c, context) => [factRequest(c, context)],
  compile,
  replyFields: (c, reason) => {
    if (reason === Refusal.busy) return [["Retry-After", "1"]];
    return reason === ADMIT ? [] : [["WWW-Authenticate", `Basic realm="${c.realm}", charset="UTF-8"`]];
  },
  secretPlaces: () => [{ in: "header", name: "authorization" }],
};

/** RFC 9106's cousin for scrypt: at least 2^12 rounds, at most 64 MiB and 16 lanes, so that no file stalls the gateway. */
const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/;
const LARGEST_MEMORY = 64 * 1024 * 1024;

function hashProblem(hash: string): string | undefined {
  const found = PHC.exec(hash);
  if (found === null)
    return "this is no scrypt hash in PHC form: $scrypt$ln=15,r=8,p=1$salt$hash, both in base64 without padding";
  const [rounds, block, lanes] = [2 ** Number(found[1]), Number(found[2]), Number(found[3])];
  if (rounds < 2 ** 12) return `2^${found[1]} rounds are too few to protect a password: use ln=15`;
  if (block < 1 || lanes < 1 || lanes > 16) return "r must be at least 1 and p from 1 to 16";
  if (128 * rounds * block > LARGEST_MEMORY) return "it needs more than 64 MiB for each check: use a smaller ln or r";
  return undefined;
}

function checkConfig(c: Config, context: CompileContext): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const names = new Set<string>();
  c.users.forEach((one, i) => {
    if (names.has(one.name)) {
      problems.push({ path: ["users", i, "name"], message: `another user is called ${one.name}` });
    }
    names.add(one.name);
    if ((one.password === undefined) === (one.hash === undefined)) {
      problems.push({ path: ["users", i], message: `${one.name} needs either \`password\` or \`hash\`` });
    }
    const hash = one.hash === undefined ? undefined : hashText(one.hash, context);
    const wrong = hash === undefined ? undefined : hashProblem(hash);
    if (wrong !== undefined) problems.push({ path: ["users", i, "hash"], message: wrong });
    // Asked for here, so that a password that stands in the file, or nowhere, is reported.
    if (one.password !== undefined) context.secret(one.password);
  });
  return problems;
}

/** A hash may stand in the file: it is no secret that needs hiding there. */
function hashText(ref: SecretRef, context: CompileContext): string | undefined {
  return typeof ref === "string" ? ref : context.secret(ref)?.trim();
}

function factRequest(c: Config, context: CompileContext): FactRequest {
  const users = c.users.map(({ name, password, hash }) => ({
    name,
    ...(password === undefined ? {} : { password: context.secret(password) ?? "" }),
    ...(hash === undefined ? {} : { hash: hashText(hash, context) ?? "" }),
  }));
  return { name: factName(c), kind: "password", source: { header: "authorization", users } };
}

/** Facts are recorded and shown: the name tells configurations apart by a digest of what is written, never by a password. */
function factName(c: Config): string {
  return `password/${xxHash32(JSON.stringify(c.users), 0).toString(16).padStart(8, "0")}`;
}

function factOf(c: Config, seen: Passage): PasswordFact | undefined {
  return seen.facts[factName(c)] as PasswordFact | undefined;
}

function compile(c: Config): Step<undefined> & Shape {
  const name = factName(c);
  const groups = new Map(c.users.map((one) => [one.name, one.groups ?? []]));
  return {
    peek(x, _state, _now, note) {
      const fact = x.facts[name] as PasswordFact | undefined;
      if (fact?.state === "verified") {
        x.caller.consumer = x.caller.label = fact.user;
        x.caller.groups = groups.get(fact.user) ?? [];
        note.put(ADMIT, 0, 0);
        return ADMIT;
      }
      const reason = refusalFor(fact);
      note.put(reason, 0, 0);
      return reason;
    },
    ...(c.hide && { request: (_x: Passage, edit: RequestEdit) => edit.remove("authorization") }),
  };
}

function refusalFor(fact: PasswordFact | undefined): number {
  switch (fact?.state) {
    case "malformed":
      return Refusal.malformed;
    case "busy":
      return Refusal.busy;
    case "unknown":
    case "wrong":
      return Refusal.wrong;
    default:
      return Refusal.missing;
  }
}
