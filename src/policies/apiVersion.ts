/**
 * apiVersion: which version of an API the caller asks for, and so which service answers; old versions are announced as
 * such (RFC 9745, RFC 8594). Must not guess: a version that nobody offers is refused with the list of those that are.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { CompileContext, ConfigProblem, Policy, ReplyEdit, Shape, Step } from "../model/policy.ts";
import { name } from "../model/scalars.ts";
import { nearest } from "./nearest.ts";
import { queryValues } from "./request-parts.ts";

const date = (description: string) =>
  z
    .string()
    .check(z.regex(/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/, { error: "write a date as 2027-01-31" }))
    .check(z.meta({ description, examples: ["2027-01-01"] }));

const version = z.strictObject({
  service: name().check(z.meta({ description: "The service that answers this version.", examples: ["orders-v1"] })),
  deprecated: z.optional(date("Since when, or from when on, nobody should use it: sent as `Deprecation`.")),
  sunset: z.optional(date("When it ends: sent as `Sunset`.")),
  link: z.optional(
    z
      .string()
      .check(
        z.regex(/^https?:\/\/[\x21-\x3b\x3d\x3f-\x7e]+$/, { error: "write a whole url, http:// or https://" }),
        z.meta({ description: "Where people read what to do about it: sent as `Link`." }),
      ),
  ),
});

const config = z.strictObject({
  from: z.enum(["header", "path", "query"]).check(z.meta({ description: "Where the request says its version." })),
  name: z.string().check(
    z.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~{}-]{1,64}$/, {
      error: "write the name of a header, a parameter, or a part of a path such as v{version}",
    }),
    z.meta({
      description: "Of the header or the parameter; for `path` the form of the segment, such as `v{version}`.",
      examples: ["x-api-version", "v{version}"],
    }),
  ),
  versions: z
    .record(
      z.string().check(z.regex(/^[A-Za-z0-9._-]{1,32}$/, { error: "write a version: 1, 2024-10, beta" })),
      version,
    )
    .check(z.meta({ description: "The versions there are, each with its service." })),
  default: z.optional(
    z
      .string()
      .check(z.meta({ description: "What a request that says none gets; absent: it is refused.", examples: ["2"] })),
  ),
});

type Config = z.output<typeof config>;

const Refusal = { unknown: 1, missing: 2, ambiguous: 3 } as const;

export const apiVersion: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "apiVersion",
  phase: "shape",
  summary: "Chooses the service by the version that the request asks for; announces old versions' end.",
  example:
    'apiVersion: { from: header, name: x-api-version, versions: { "1": { service: orders, deprecated: "2026-01-01", sunset: "2027-01-01" }, "2": { service: orders } }, default: "2" }\n',
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    unknown: {
      status: 400,
      title: "unknown API version",
      say: (c, _x, _y, seen) => {
        const asked = askedIn(c, seen) ?? "";
        const near = asked.length < 3 ? undefined : nearest(asked, Object.keys(c.versions));
        return `there is no version ${JSON.stringify(asked.slice(0, 40))}${near === undefined ? "" : ` (did you mean ${near}?)`}: ${listed(c)}`;
      },
    },
    missing: {
      status: 400,
      title: "API version missing",
      say: (c) => `the request says no version in ${place(c)}, and there is no default: ${listed(c)}`,
      fix: (c) => {
        const latest = Object.keys(c.versions).at(-1) ?? "";
        return [{ title: `Take ${latest} where none is said`, path: ["default"], value: latest }];
      },
    },
    ambiguous: {
      status: 400,
      title: "API version not clear",
      say: (c) => `the request says its version more than once in ${place(c)}: gateway and backend could disagree`,
    },
  },
  admits: (c, x, y) => {
    const chosen = Object.keys(c.versions)[x] ?? "";
    const { service, sunset } = c.versions[chosen] ?? { service: "" };
    const how = y === 1 ? "the default, as the request says none" : `said in ${place(c)}`;
    return `version ${chosen} (${how}): ${service}${sunset === undefined ? "" : `, which ends on ${sunset}`}`;
  },
  servicePlaces: (written) =>
    Object.keys((written as { versions?: object } | undefined)?.versions ?? {}).map((one) => [
      "versions",
      one,
      "service",
    ]),
  chooses: (c) => Object.values(c.versions).map((one) => one.service),
  check: checkConfig,
  compile,
};

function listed(c: Config): string {
  const names = Object.keys(c.versions);
  return names.length === 1 ? `there is only ${names[0]}` : `there are ${names.join(", ")}`;
}

function place(c: Config): string {
  if (c.from === "path") return `a segment ${c.name} of the path`;
  return c.from === "header" ? `the header ${c.name}` : `the query parameter ${c.name}`;
}

function checkConfig(c: Config, _context: CompileContext): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (c.from === "path" && !c.name.includes("{version}")) {
    const fix = { title: "Write v{version}", path: ["name"], value: "v{version}" };
    problems.push({ path: ["name"], message: "for `path` it is the form of a segment, with `{version}` in it", fix });
  }
  if (Object.keys(c.versions).length === 0) problems.push({ path: ["versions"], message: "give at least one version" });
  if (c.default !== undefined && !Object.hasOwn(c.versions, c.default))
    problems.push({ path: ["default"], message: `there is no version ${c.default}: ${listed(c)}` });
  for (const [each, { deprecated, sunset }] of Object.entries(c.versions)) {
    if (deprecated === undefined || sunset === undefined || sunset >= deprecated) continue;
    problems.push({
      path: ["versions", each, "sunset"],
      message: "a version ends after it is deprecated, not before (RFC 9745)",
    });
  }
  return problems;
}

/** @returns undefined when none is said, "" when it is said more than once. */
function askedIn(c: Config, { arrival }: Passage): string | undefined {
  if (c.from === "header") return arrival.header(c.name.toLowerCase())?.trim();
  if (c.from === "query") {
    const values = queryValues(arrival.query, c.name);
    return values.length > 1 ? "" : values[0];
  }
  const [before, after] = c.name.split("{version}", 2);
  for (const segment of (arrival.path ?? "").split("/")) {
    if (segment.length <= before.length + after.length || !segment.startsWith(before) || !segment.endsWith(after))
      continue;
    const asked = segment.slice(before.length, segment.length - after.length);
    if (/^\d/.test(asked) || Object.hasOwn(c.versions, asked)) return asked;
  }
  return undefined;
}

function compile(c: Config): Step<undefined> & Shape {
  const names = Object.keys(c.versions);
  const fallback = c.default === undefined ? -1 : names.indexOf(c.default);
  const indexOf = (x: Passage): number => {
    const asked = askedIn(c, x);
    return asked === undefined ? fallback : names.indexOf(asked);
  };
  return {
    peek(x, _state, _now, note) {
      const asked = askedIn(c, x);
      const index = asked === undefined ? fallback : names.indexOf(asked);
      const reason =
        index >= 0
          ? ADMIT
          : asked === undefined
            ? Refusal.missing
            : asked === "" || asked.includes(", ")
              ? Refusal.ambiguous
              : Refusal.unknown;
      note.put(reason, index, asked === undefined ? 1 : 0);
      return reason;
    },
    service: (x) => c.versions[names[indexOf(x)]]?.service,
    response(x, edit: ReplyEdit) {
      const chosen = c.versions[names[indexOf(x)]];
      if (chosen === undefined) return;
      // RFC 9745 section 2.1: an sf-date. RFC 8594 section 3: an HTTP-date.
      if (chosen.deprecated !== undefined) edit.set("Deprecation", `@${secondsOf(chosen.deprecated)}`);
      if (chosen.sunset !== undefined) edit.set("Sunset", httpDateOf(chosen.sunset));
      if (chosen.link !== undefined)
        edit.add(
          "Link",
          `<${chosen.link}>; rel="${chosen.sunset === undefined ? "deprecation" : "sunset"}"; type="text/html"`,
        );
    },
  };
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar. */
function daysOf(written: string): number {
  const [year, month, day] = written.split("-").map(Number);
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const ofEra = y - era * 400;
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468;
}

function secondsOf(written: string): number {
  return daysOf(written) * 86_400;
}

function httpDateOf(written: string): string {
  const [year, month, day] = written.split("-");
  const weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][((daysOf(written) % 7) + 7) % 7];
  const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  return `${weekday}, ${day} ${months[Number(month) - 1]} ${year} 00:00:00 GMT`;
}
