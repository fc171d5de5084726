/**
 * apiKey: who is calling, by a key that a consumer holds; afterwards the key is hidden from the backend.
 * Must not reveal by its running time how much of a guessed key is right, nor let a key appear in a sentence.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type {
  CompileContext,
  ConfigProblem,
  Consumer,
  Policy,
  RequestEdit,
  SecretPlace,
  Shape,
  Step,
} from "../model/policy.ts";
import { headerName } from "../model/scalars.ts";
import { nearest } from "./nearest.ts";
import { cookieValues, queryValues, withoutCookie, withoutParameter } from "./request-parts.ts";

const config = z.strictObject({
  header: z.optional(
    headerName().check(
      z.meta({ description: "The header that carries the key. Default: x-api-key.", examples: ["x-api-key"] }),
    ),
  ),
  query: z.optional(
    z
      .string()
      .check(z.minLength(1), z.maxLength(256))
      .check(z.meta({ description: "The query parameter that carries the key.", examples: ["api_key"] })),
  ),
  cookie: z.optional(
    headerName().check(z.meta({ description: "The cookie that carries the key.", examples: ["api_key"] })),
  ),
  groups: z.optional(
    z
      .array(z.string().check(z.meta({ names: "group" })))
      .check(z.minLength(1))
      .check(z.meta({ description: "Only consumers in one of these groups may pass.", examples: [["partner"]] })),
  ),
  hide: z.prefault(
    z.boolean().check(z.meta({ description: "Take the key out before the request goes to the backend." })),
    true,
  ),
});

type Config = z.output<typeof config>;

const Refusal = { missing: 1, unknown: 2, forbiddenGroup: 3, repeated: 4 } as const;

export const apiKey: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "apiKey",
  phase: "identify",
  summary: "Who is calling, by an API key of one of the consumers, in a header, a query parameter or a cookie.",
  example: "apiKey: { header: x-api-key }\n",
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    missing: {
      status: 401,
      title: "API key missing",
      say: (c) => `there is no ${placeText(c)}: it must hold the key of a consumer`,
      brief: () => "no key",
    },
    unknown: {
      status: 401,
      title: "API key unknown",
      say: (c, length, consumers) =>
        consumers === 0
          ? `no consumer has an API key, so the one in the ${placeText(c)} cannot be right`
          : `the ${placeText(c)} holds a key of ${length} characters that belongs to ${consumers === 1 ? "no consumer: there is one" : `none of the ${consumers} consumers`} with a key`,
    },
    forbiddenGroup: {
      status: 403,
      title: "consumer not in an allowed group",
      say: (c, _x, _y, seen) =>
        `${seen.caller.consumer ?? "the consumer"} is in ${listText(seen.caller.groups)}; one of ${listText(c.groups ?? [])} is needed`,
      brief: (c, _x, _y, seen) => `${seen.caller.consumer ?? "consumer"} is not in ${listText(c.groups ?? [])}`,
      fix: (c, _x, _y, seen) =>
        seen.caller.groups.slice(0, 3).map((group) => ({
          title: `Allow the group ${group}`,
          path: ["groups"],
          value: [...(c.groups ?? []), group],
        })),
    },
    repeated: {
      status: 401,
      title: "API key given more than once",
      say: (c, count) => `the ${placeText(c)} stands ${count} times; which one counts would be a guess`,
    },
  },
  admits: (_c, _x, _y, seen) =>
    `the key is ${seen.caller.consumer ?? "a consumer"}'s (groups ${listText(seen.caller.groups)})`,
  check: checkConfig,
  compile,
  replyFields: (c, reason) =>
    reason === ADMIT || reason === Refusal.forbiddenGroup
      ? []
      : [
          [
            "WWW-Authenticate",
            `ApiKey realm="switchyard", in="${placeOf(c).in}", name="${placeOf(c).name.replace(/[^\w.-]/g, "_")}"`,
          ],
        ],
  secretPlaces: (c) => [placeOf(c)],
  consumerPlace: placeOf,
};

function placeOf(c: Config): SecretPlace {
  if (c.query !== undefined) return { in: "query", name: c.query };
  if (c.cookie !== undefined) return { in: "cookie", name: c.cookie };
  return { in: "header", name: (c.header ?? "x-api-key").toLowerCase() };
}

function placeText(c: Config): string {
  const place = placeOf(c);
  return `${place.in === "query" ? "query parameter" : place.in} ${place.in === "header" ? (c.header ?? "x-api-key") : place.name}`;
}

function listText(words: readonly string[]): string {
  return words.length === 0 ? "no group" : words.join(", ");
}

function checkConfig(c: Config, context: CompileContext): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const given = (["header", "query", "cookie"] as const).filter((place) => c[place] !== undefined);
  for (const place of given.slice(1)) {
    problems.push({
      path: [place],
      message: `the key stands in one place: give ${given.join(" or ")}, not both`,
      fix: { title: `Remove ${place}`, path: [place], value: undefined },
    });
  }
  const known = [...new Set(context.consumers.flatMap((consumer) => consumer.groups))];
  c.groups?.forEach((group, i) => {
    if (known.includes(group)) return;
    const near = nearest(group, known);
    problems.push({
      path: ["groups", i],
      message: `no consumer is in the group ${group}${near ? `; did you mean ${near}?` : ""}`,
      ...(near && { fix: { title: `Write ${near}`, path: ["groups", i], value: near } }),
    });
  });
  return problems;
}

interface KnownKey {
  readonly key: string;
  readonly consumer: Consumer;
}

function compile(c: Config, context: CompileContext): Step<undefined> & Shape {
  const place = placeOf(c);
  const read = readerOf(place);
  const byDigest = digestIndex(context.consumers);
  const count = context.consumers.filter((consumer) => consumer.apiKey !== undefined).length;
  return {
    peek(x, _state, _now, note) {
      const values = read(x);
      if (values.length !== 1 || values[0] === "") {
        const reason = values.length > 1 ? Refusal.repeated : Refusal.missing;
        note.put(reason, values.length, 0);
        return reason;
      }
      const consumer = find(byDigest, values[0]);
      if (consumer === undefined) {
        note.put(Refusal.unknown, values[0].length, count);
        return Refusal.unknown;
      }
      x.caller.consumer = consumer.name;
      x.caller.groups = consumer.groups;
      x.caller.label = consumer.name;
      const reason =
        c.groups === undefined || c.groups.some((group) => consumer.groups.includes(group))
          ? ADMIT
          : Refusal.forbiddenGroup;
      note.put(reason, 0, 0);
      return reason;
    },
    ...(c.hide && { request: (_x: Passage, edit: RequestEdit) => hide(place, edit) }),
  };
}

function readerOf(place: SecretPlace): (x: Passage) => readonly string[] {
  if (place.in === "query") return (x) => queryValues(x.arrival.query, place.name);
  if (place.in === "cookie") return (x) => cookieValues(x.arrival.header("cookie"), place.name);
  return (x) => {
    const value = x.arrival.header(place.name);
    return value === undefined ? [] : [value];
  };
}

function hide(place: SecretPlace, edit: RequestEdit): void {
  if (place.in === "query") {
    if (edit.query !== undefined) edit.query = withoutParameter(edit.query, place.name);
  } else if (place.in === "cookie") {
    const cookies = edit.get("cookie");
    if (cookies === undefined) return;
    const kept = withoutCookie(cookies, place.name);
    if (kept === undefined) edit.remove("cookie");
    else edit.set("cookie", kept);
  } else edit.remove(place.name);
}

/** Keys by a digest of theirs: a look-up then takes the same time for every wrong key, near or far. */
function digestIndex(consumers: readonly Consumer[]): ReadonlyMap<number, readonly KnownKey[]> {
  const index = new Map<number, KnownKey[]>();
  for (const consumer of consumers) {
    if (consumer.apiKey === undefined || consumer.apiKey === "") continue;
    const digest = digestOf(consumer.apiKey);
    index.set(digest, [...(index.get(digest) ?? []), { key: consumer.apiKey, consumer }]);
  }
  return index;
}

function find(index: ReadonlyMap<number, readonly KnownKey[]>, given: string): Consumer | undefined {
  let found: Consumer | undefined;
  for (const { key, consumer } of index.get(digestOf(given)) ?? []) {
    if (sameSecret(given, key)) found ??= consumer;
  }
  return found;
}

/** FNV-1a over UTF-16 code units: only sorts keys into buckets; whether one is right, `sameSecret` says. */
function digestOf(text: string): number {
  let digest = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) digest = Math.imul(digest ^ text.charCodeAt(i), 0x01000193);
  return digest;
}

/** Looks at every character of `given`, whatever differs: the time tells nothing about `kept`. */
export function sameSecret(given: string, kept: string): boolean {
  let difference = given.length ^ kept.length;
  for (let i = 0; i < given.length; i++) difference |= given.charCodeAt(i) ^ kept.charCodeAt(i % kept.length);
  return difference === 0;
}
