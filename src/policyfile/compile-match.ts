/**
 * One entry of `matches` as written -> what the router compares a request with.
 * A match on a consumer is a match on the field that carries its key: it needs a policy that judges the key later.
 * Must not decide which match wins: precedence.ts does.
 */
import type { PathMatch } from "../model/path-match.ts";
import type { FieldMatch, PlanMatch, PlanStep } from "../model/plan.ts";
import type { Consumer } from "../model/policy.ts";
import { sameSecret } from "../policies/apiKey.ts";
import { nearest } from "../policies/nearest.ts";
import type { MatchConfig } from "./document.ts";
import type { Problems } from "./problems.ts";
import type { Path } from "./tree.ts";
import { clientKind } from "./user-agent.ts";

/** What a match must know of its route. */
export interface MatchContext {
  readonly problems: Problems;
  readonly consumers: readonly Consumer[];
  /** The route's own. */
  readonly steps: readonly PlanStep[];
  /** A policy of it answers preflights. */
  readonly preflights: boolean;
}

/** @param path of the match in the document. */
export function compileMatch(config: MatchConfig, path: Path, known: MatchContext): PlanMatch {
  return {
    path: pathMatch(config.path),
    methods: config.methods ?? [],
    ...(known.preflights ? { preflights: true } : {}),
    headers: [
      ...pairs(config.headers).map(({ name, value }) => ({ name: name.toLowerCase(), value })),
      ...clientMatches(config, path, known),
    ],
    query: pairs(config.query),
    source: known.problems.tree.blockRange(path),
  };
}

/** Of the client: each counts as a header. */
function clientMatches({ userAgent, consumer: wanted }: MatchConfig, path: Path, known: MatchContext): FieldMatch[] {
  const { problems, consumers, steps } = known;
  const found: FieldMatch[] = [];
  if (userAgent !== undefined) {
    const value = `of the kind ${userAgent.join(" or ")}`;
    found.push({ name: "user-agent", value, test: (text) => userAgent.includes(clientKind(text)) });
  }
  if (wanted === undefined) return found;
  const at = [...path, "consumer"];
  const named = consumers.find(({ name }) => name === wanted);
  const place = steps.map(({ policy, config }) => policy.consumerPlace?.(config)).find((one) => one !== undefined);
  if (named?.apiKey === undefined) {
    const near = nearest(
      wanted,
      consumers.map(({ name }) => name),
    );
    const hint = near === undefined || near === wanted ? "" : ` Did you mean \`${near}\`?`;
    problems.value("SY106", at, `There is no consumer \`${wanted}\` with an \`apiKey\`.${hint}`);
  } else if (place?.in !== "header") {
    const message =
      "`consumer` needs an `apiKey` policy on this route that reads a header: the route is chosen by the key, and the policy judges it.";
    problems.value("SY106", at, message);
  } else {
    const { apiKey } = named;
    const test = (text: string | undefined) => text !== undefined && sameSecret(text, apiKey);
    found.push({ name: place.name, value: `the key of ${wanted}`, test, hidden: true });
  }
  return found;
}

function pairs(record: Readonly<Record<string, string>> | undefined): FieldMatch[] {
  return Object.entries(record ?? {}).map(([name, value]) => ({ name, value }));
}

function pathMatch(path: MatchConfig["path"]): PathMatch {
  if (path?.exact !== undefined) return { kind: "exact", value: path.exact };
  if (path?.regex !== undefined) {
    const { source, test } = path.regex;
    return { kind: "regex", value: source, test };
  }
  const prefix = path?.prefix ?? "/";
  // `/orders/` and `/orders` hold for the same paths (Gateway API, PathMatchPathPrefix).
  return { kind: "prefix", value: prefix.length > 1 ? prefix.replace(/\/+$/, "") : prefix };
}
