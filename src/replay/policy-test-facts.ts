/**
 * The facts of a tested request, without a world to look them up in: what the test says, claims that stand for a
 * verified token, the body that it writes. Exists so that no test needs a key, a password or another server.
 * Must not guess: what the test does not say is absent, or unavailable in words that say how to give it.
 */
import type { FactRequest, Facts, Passage } from "../model/arrival.ts";
import type { CollectedBody } from "../model/body.ts";
import type { TestStep } from "./policy-test-file.ts";

/** A body as policies see it. @param most bytes that the asking policy takes. */
export type CollectBody = (text: string, type: string, most: number) => CollectedBody;

export function factsOf(
  needs: readonly FactRequest[],
  x: Passage,
  step: Pick<TestStep, "jwt" | "facts">,
  body: (most: number) => CollectedBody,
): Facts {
  const facts: Record<string, unknown> = {};
  for (const need of needs) {
    if (need.when !== undefined && !need.when(x)) continue;
    const said = step.facts[need.name] ?? step.facts[need.kind];
    facts[need.name] = said ?? factOf(need, x, step.jwt, body);
  }
  return facts;
}

/** What `facts` may name: the kinds of lookups, and one lookup by its whole name. */
export const FACT_KINDS: readonly FactRequest["kind"][] = [
  "token",
  "introspection",
  "password",
  "authority",
  "certificate",
  "cache",
  "body",
  "call",
];

function factOf(
  need: FactRequest,
  x: Passage,
  claims: Readonly<Record<string, unknown>> | undefined,
  body: (most: number) => CollectedBody,
): unknown {
  switch (need.kind) {
    case "token":
      if (claims !== undefined) return { state: "verified", algorithm: "test", claims };
      return untold(
        x,
        need.source.header,
        "badSignature",
        "a test verifies no signature: write its claims under `jwt:`",
      );
    case "introspection":
      if (claims !== undefined) return { state: "active", claims };
      return untold(x, need.source.header, "unavailable", "a test asks no server: write the claims under `jwt:`");
    case "password":
      return untold(
        x,
        need.source.header,
        "busy",
        "a test checks no password: write facts: { password: { state: verified, user: anna } }",
      );
    case "authority":
      return {
        state: "unavailable",
        problem: "a test asks no server: write facts: { authority: { state: answered, status: 200, headers: {} } }",
      };
    case "certificate":
      return { state: "absent" };
    case "cache":
      return { state: "none", variants: 0 };
    case "body":
      return need.source.read(body(need.source.most), x);
    case "call":
      return {
        state: "unavailable",
        problem:
          "a test reads no descriptors: write facts: { call: { state: call, service: shop.v1.Orders, method: Get } }",
      };
  }
}

/** Credentials were sent, and nobody can check them here. */
function untold(x: Passage, header: string, state: string, problem: string): unknown {
  return x.arrival.header(header) === undefined ? { state: "absent" } : { state, problem };
}
