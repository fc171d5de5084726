/**
 * authorization: what a caller may do, by named rules in CEL. Rules that deny are asked first, then those that allow,
 * each group in the order of the file; the first that is true decides. What nothing decides falls to `default`.
 * Must not admit because something went wrong: an expression that fails refuses, and says why.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT, type Reason } from "../model/basics.ts";
import type { CompileContext, ConfigProblem, Policy, Step } from "../model/policy.ts";
import { expression, name } from "../model/scalars.ts";
import { both, MOST_WAYS, type TokenWay } from "../model/token-wish.ts";
import { checkExpression, compileExpression, type Expression } from "./expression.ts";

const rule = z.strictObject({
  name: name().check(z.meta({ description: "What the trace and the refusal call this rule.", examples: ["can-read"] })),
  allow: z.optional(
    expression().check(
      z.meta({
        description: "Admits when true (CEL).",
        examples: ["'orders:read' in jwt.scope", "'partner' in consumer.groups"],
      }),
    ),
  ),
  deny: z.optional(
    expression().check(z.meta({ description: "Refuses when true (CEL).", examples: ["request.method == 'DELETE'"] })),
  ),
});

const config = z.strictObject({
  rules: z
    .array(rule)
    .check(z.minLength(1), z.maxLength(200))
    .check(
      z.meta({
        description:
          "Named rules, each with `allow` or `deny`: an expression over request (method, path, host, headers, query, id), jwt (the claims; scope is a list), consumer (name, groups) and client (ip, port, certificate).",
      }),
    ),
  default: z.prefault(
    z.enum(["deny", "allow"]).check(z.meta({ description: "What happens when no rule is true." })),
    "deny",
  ),
});

type Config = z.output<typeof config>;

const Refusal = { denied: 1, notAllowed: 2, failed: 3 } as const;

export const authorization: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "authorization",
  phase: "authorize",
  summary: "What a caller may do, by named rules in CEL over the request, the token, the consumer and the client.",
  example: `authorization: { rules: [{ name: can-read, allow: "'orders:read' in jwt.scope" }] }\n`,
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    denied: {
      status: 403,
      title: "denied by a rule",
      say: (c, index, _y, seen) => {
        const rule = rulesOf(c)[index];
        return rule === undefined
          ? "a rule denies it"
          : `rule ${rule.name} denies it: ${rule.expression.explain(seen)}`;
      },
    },
    notAllowed: {
      status: 403,
      title: "no rule allows it",
      say: (c, _x, _y, seen) => notAllowedText(rulesOf(c), seen),
      brief(c, _x, _y, seen) {
        const rule = rulesOf(c).find(({ allows }) => allows);
        if (rule === undefined) return "no rule allows it";
        return `${rule.name}: ${rule.expression.inBrief(seen) || rule.expression.explain(seen)}`;
      },
    },
    failed: {
      status: 403,
      title: "a rule could not be evaluated",
      say: (c, index, _y, seen) => {
        const rule = rulesOf(c)[index];
        return rule === undefined
          ? "a rule could not be evaluated"
          : `rule ${rule.name}: ${rule.expression.explain(seen)}`;
      },
    },
  },
  admits: (c, index) => {
    const rule = rulesOf(c)[index];
    return rule === undefined
      ? "no rule denies it, and the default allows"
      : `rule ${rule.name} allows it: \`${rule.expression.source}\``;
  },
  check: checkConfig,
  compile,
  tokenWays,
  replyFields,
};

interface Rule {
  readonly name: string;
  readonly allows: boolean;
  readonly expression: Expression;
}

// One accepted edit is one config object: what it compiles to serves both the requests and the sentences about them.
const compiled = new WeakMap<Config, readonly Rule[]>();

/** In the order of the file, so that an index means the same to a person. */
function rulesOf(c: Config): readonly Rule[] {
  let rules = compiled.get(c);
  if (rules === undefined) {
    rules = c.rules.map(({ name, allow, deny }) => ({
      name,
      allows: deny === undefined,
      expression: compileExpression(deny ?? allow ?? "false"),
    }));
    compiled.set(c, rules);
  }
  return rules;
}

function checkConfig(c: Config, _context: CompileContext): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const names = new Set<string>();
  c.rules.forEach((rule, i) => {
    if (names.has(rule.name)) {
      problems.push({
        path: ["rules", i, "name"],
        message: `another rule is called ${rule.name}; a refusal could not say which`,
      });
    }
    names.add(rule.name);
    if ((rule.allow === undefined) === (rule.deny === undefined)) {
      problems.push({ path: ["rules", i], message: `rule ${rule.name} needs either \`allow\` or \`deny\`` });
    }
    for (const field of ["allow", "deny"] as const) {
      const source = rule[field];
      const wrong = source === undefined ? undefined : checkExpression(source);
      if (wrong) problems.push({ path: ["rules", i, field], message: wrong.message, within: wrong });
    }
  });
  return problems;
}

function compile(c: Config): Step<undefined> {
  const rules = rulesOf(c);
  const indexes = rules.map((_, i) => i);
  const order = [...indexes.filter((i) => !rules[i].allows), ...indexes.filter((i) => rules[i].allows)];
  return {
    peek(x, _state, _now, note) {
      for (const index of order) {
        const truth = rules[index].expression.test(x);
        if (truth === false) continue;
        const reason: Reason = truth === undefined ? Refusal.failed : rules[index].allows ? ADMIT : Refusal.denied;
        note.put(reason, index, 0);
        return reason;
      }
      const reason = c.default === "allow" ? ADMIT : Refusal.notAllowed;
      note.put(reason, -1, 0);
      return reason;
    },
  };
}

/** No rule that denies is true, and one that allows is, unless the default does. */
function tokenWays(c: Config, seen: Passage): readonly TokenWay[] {
  const ways = ({ name, expression }: Rule, wanted: boolean): readonly TokenWay[] =>
    expression.waysTo(wanted, seen).map((wishes) => ({ because: wishes.length === 0 ? "" : name, wishes }));
  const rules = rulesOf(c);
  const allowing = c.default === "allow" ? [{ because: "", wishes: [] }] : [];
  const allowed = [...allowing, ...rules.filter(({ allows }) => allows).flatMap((rule) => ways(rule, true))];
  return rules
    .filter(({ allows }) => !allows)
    .reduce((so, rule) => both(so, ways(rule, false)), allowed.slice(0, MOST_WAYS) as readonly TokenWay[]);
}

const MOST_RULES_TOLD = 3;

function notAllowedText(rules: readonly Rule[], seen: Passage): string {
  const allowing = rules.filter((rule) => rule.allows);
  if (allowing.length === 0) return "there is no rule that allows anything, and the default denies";
  const told = allowing.slice(0, MOST_RULES_TOLD).map((rule) => `${rule.name}: ${rule.expression.explain(seen)}`);
  const more = allowing.length - told.length;
  return told.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

const SCOPE_TEST = /^\(?\s*(?:'([^'\\]+)'|"([^"\\]+)")\s+in\s+jwt\.(?:scope|scp)\s*\)?$/;

/** RFC 6750 section 3.1: insufficient_scope, with the scope that would do, when a rule asks for one that is missing. */
function replyFields(
  c: Config,
  reason: Reason,
  _x: number,
  _y: number,
  seen: Passage,
): readonly (readonly [string, string])[] {
  if (reason !== Refusal.notAllowed || seen.caller.jwt === undefined) return [];
  for (const rule of rulesOf(c)) {
    if (!rule.allows) continue;
    const scopes = rule.expression.parts().flatMap((part) => {
      const found = SCOPE_TEST.exec(part.source);
      return found ? [found[1] ?? found[2]] : [];
    });
    // RFC 6749 section 3.3 says what a scope may hold.
    const written = scopes.filter((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)).join(" ");
    if (written !== "") {
      return [["WWW-Authenticate", `Bearer realm="switchyard", error="insufficient_scope", scope="${written}"`]];
    }
  }
  return [];
}
