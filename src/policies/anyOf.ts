/**
 * anyOf: who is calling, in any of several ways: the first identify policy of the list that admits settles it.
 * Each member is judged by its own file; this one only goes through them and tells what each said.
 * Must not leave behind what a member that refused has found out, and must not let a member write state.
 */
import * as z from "zod/mini";
import type { Caller, Passage } from "../model/arrival.ts";
import { ADMIT, type Reason } from "../model/basics.ts";
import type { PathMatch } from "../model/path-match.ts";
import type { AnyPolicy, CompileContext, ConfigProblem, Policy, RequestEdit, Shape, Step } from "../model/policy.ts";
import { apiKey } from "./apiKey.ts";
import { basicAuth } from "./basicAuth.ts";
import { clientCertificate } from "./clientCertificate.ts";
import { externalAuth } from "./externalAuth.ts";
import { introspection } from "./introspection.ts";
import { jwt } from "./jwt.ts";

const members: readonly AnyPolicy[] = [apiKey, jwt, basicAuth, introspection, clientCertificate, externalAuth];
const kinds = members.map(({ kind }) => kind);

const entry = z.strictObject(
  Object.fromEntries(
    members.map(({ kind, config: own, summary }) => [
      kind,
      z.optional((own as z.ZodMiniType).check(z.meta({ description: summary }))),
    ]),
  ),
);

const config = z.array(entry).check(
  z.minLength(2, { error: "anyOf needs at least two ways to tell who is calling" }),
  z.maxLength(8),
  z.meta({
    description: `A list of ${kinds.join(", ")}, each as it would stand by itself. The first that admits settles who is calling.`,
  }),
);

type Config = readonly Readonly<Record<string, unknown>>[];

const Refusal = { none: 1, forbidden: 2, unavailable: 3 } as const;

export const anyOf: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "anyOf",
  phase: "identify",
  summary: `Who is calling, in any of several ways: the first of a list of ${kinds.join(", ")} that admits.`,
  example: "anyOf: [{ apiKey: { header: x-api-key } }, { jwt: { jwks: ./jwks.json } }]\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    none: { status: 401, title: "caller not identified in any of the ways", say: sayAll },
    forbidden: { status: 403, title: "caller known, and not allowed", say: sayAll },
    unavailable: { status: 503, title: "no way left to identify the caller", say: sayAll },
  },
  admits: (c, index, _y, seen) => {
    const member = membersOf(c)[index];
    if (member === undefined) return "one of the ways admits";
    const told = tell(member, seen);
    return told.reason === ADMIT ? `${member.policy.kind}: ${told.sentence}` : `${member.policy.kind} admits`;
  },
  check: checkConfig,
  needs: (c, context) => membersOf(c).flatMap(({ policy, config: own }) => policy.needs?.(own, context) ?? []),
  // Members of which no token can be made are no way.
  tokenWays: (c, seen) => membersOf(c).flatMap(({ policy, config: own }) => policy.tokenWays?.(own, seen) ?? []),
  compile,
  replyFields: (c, reason, _x, _y, seen, twin) => {
    if (reason === ADMIT) return [];
    return membersOf(c).flatMap((member) => {
      const told = tell(member, seen);
      return told.reason === ADMIT
        ? []
        : (member.policy.replyFields?.(member.config, told.reason, told.x, told.y, seen, twin) ?? []);
    });
  },
  readsClientCertificate: (c) =>
    membersOf(c).some(({ policy, config: own }) => policy.readsClientCertificate?.(own) === true),
  consumerPlace: (c) =>
    membersOf(c)
      .map(({ policy, config: own }) => policy.consumerPlace?.(own))
      .find((place) => place !== undefined),
  secretPlaces: (c) => membersOf(c).flatMap(({ policy, config: own }) => policy.secretPlaces?.(own) ?? []),
};

interface Member {
  readonly policy: AnyPolicy;
  readonly config: unknown;
  /** Set once the whole is compiled. */
  act: (Step<undefined> & Shape) | undefined;
}

// One accepted edit is one config object: what it compiles to serves both the requests and the sentences about them.
const known = new WeakMap<Config, readonly Member[]>();

function membersOf(c: Config): readonly Member[] {
  let found = known.get(c);
  if (found === undefined) {
    found = c.flatMap((one) =>
      members
        .filter(({ kind }) => one[kind] !== undefined)
        .map((policy) => ({ policy, config: one[policy.kind], act: undefined })),
    );
    known.set(c, found);
  }
  return found;
}

function checkConfig(c: Config, context: CompileContext): readonly ConfigProblem[] {
  return c.flatMap((one, i): readonly ConfigProblem[] => {
    const given = members.filter(({ kind }) => one[kind] !== undefined);
    if (given.length !== 1) {
      const message =
        given.length === 0
          ? `each way is a map with one key, its kind: ${kinds.join(", ")}`
          : `each way has one kind, this one has ${given.length}: give each its own item`;
      return [{ path: [i], message }];
    }
    const [{ kind, check }] = given;
    return (check?.(one[kind], context) ?? []).map((problem) => ({
      ...problem,
      path: [i, kind, ...problem.path],
      ...(problem.fix && { fix: { ...problem.fix, path: [i, kind, ...problem.fix.path] } }),
    }));
  });
}

class Heard {
  x = 0;
  y = 0;
  put(_reason: Reason, x: number, y: number): void {
    this.x = x;
    this.y = y;
  }
}

const heard = new Heard();

function compile(c: Config, context: CompileContext): Step<undefined> & Shape {
  const all = membersOf(c);
  for (const member of all) member.act = member.policy.compile(member.config, context) as Step<undefined> & Shape;
  const shapes = all.flatMap(({ act }) => (act?.request === undefined ? [] : [act]));
  return {
    peek(x, _state, now, note) {
      let worst: Reason = Refusal.none;
      const { consumer, groups, jwt: claims, label } = x.caller;
      for (let i = 0; i < all.length; i++) {
        const { act, policy } = all[i];
        const reason = (act as Step<undefined>).peek(x, undefined, now, heard);
        if (reason === ADMIT) {
          note.put(ADMIT, i, 0);
          return ADMIT;
        }
        x.caller.consumer = consumer;
        x.caller.groups = groups;
        x.caller.jwt = claims;
        x.caller.label = label;
        worst = worseOf(worst, statusOf(policy, reason));
      }
      note.put(worst, all.length, 0);
      return worst;
    },
    ...(shapes.length > 0 && {
      request: (x: Passage, edit: RequestEdit, matched: PathMatch) => {
        for (const shape of shapes) shape.request?.(x, edit, matched);
      },
    }),
  };
}

function statusOf(policy: AnyPolicy, reason: Reason): number {
  return Object.values(policy.reasons)[reason - 1]?.status ?? 401;
}

/** Whoever is known and kept out hears that; else whoever could not be judged hears it was not for them. */
function worseOf(before: Reason, status: number): Reason {
  if (before === Refusal.forbidden || status === 403) return Refusal.forbidden;
  return before === Refusal.unavailable || status >= 500 ? Refusal.unavailable : Refusal.none;
}

interface ToldBy {
  readonly reason: Reason;
  readonly x: number;
  readonly y: number;
  readonly sentence: string;
}

/** What one member says of a recorded request: a function of the passage, so asking again is exact. */
function tell({ policy, config: own, act }: Member, seen: Passage): ToldBy {
  const caller: Caller = { consumer: undefined, groups: [], jwt: undefined, label: undefined };
  const again: Passage = { ...seen, caller, requestId: () => seen.requestId() };
  const noted = new Heard();
  if (act === undefined) return { reason: Refusal.none, x: 0, y: 0, sentence: "not asked" };
  const reason = act.peek(again, undefined, 0, noted);
  const { x, y } = noted;
  if (reason === ADMIT) return { reason, x, y, sentence: policy.admits(own, x, y, again) };
  const sentence = Object.values(policy.reasons)[reason - 1]?.say(own, x, y, again) ?? "refuses";
  return { reason, x, y, sentence };
}

function sayAll(c: Config, _x: number, _y: number, seen: Passage): string {
  return membersOf(c)
    .map((member) => `${member.policy.kind}: ${tell(member, seen).sentence}`)
    .join("; ");
}
