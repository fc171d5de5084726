/**
 * The four tools as declared once: names, words for models and people, and the form of what goes in and comes out.
 * The MCP server lists them, the manifest's `languageModelTools` are derived from them (test/derived.test.ts).
 * Must not do anything: each tool has a file of its own.
 */
import * as z from "zod/mini";

function told(description: string) {
  return z.meta({ description });
}

const id = z
  .int()
  .check(
    z.minimum(1),
    z.maximum(Number.MAX_SAFE_INTEGER),
    told("Number of a recorded request, as list_rejections gives it."),
  );

const mark = z
  .string()
  .check(z.maxLength(64), told("What the tool gave as `mark`: the policy text that the edit is based on."));

const place = z.strictObject({ file: z.string(), line: z.int(), column: z.int() });

// ---- What goes in ----------------------------------------------------------------------------------------------

export const explainInput = z.strictObject({
  id: z.optional(id),
  method: z.optional(z.string().check(z.maxLength(64), told("HTTP method of a described request; GET when left out."))),
  url: z.optional(
    z
      .string()
      .check(
        z.maxLength(8192),
        told("http://host:port/path, or /path alone, of a request that is only described: nothing is sent."),
      ),
  ),
  headers: z.optional(
    z
      .record(z.string().check(z.maxLength(1024)), z.string().check(z.maxLength(8192)))
      .check(told("Header fields of the described request by name.")),
  ),
  clientIp: z.optional(z.string().check(z.maxLength(64), told("Address it comes from; 127.0.0.1 when left out."))),
});

export const listInput = z.strictObject({
  filter: z.optional(
    z
      .string()
      .check(
        z.maxLength(1900),
        told(
          'Which of them, in Switchyard\'s filter language: "route:orders", "policy:per-user", "status:429", "path~^/api", "since:5m". Terms are joined by AND; " | " is OR.',
        ),
      ),
  ),
  limit: z.optional(z.int().check(z.minimum(1), z.maximum(100), told("At most so many; 20 when left out."))),
  before: z.optional(
    z
      .int()
      .check(
        z.minimum(1),
        z.maximum(Number.MAX_SAFE_INTEGER),
        told("Only requests with a smaller number: the next page."),
      ),
  ),
});

export const simulateInput = z.strictObject({
  edits: z.optional(
    z
      .array(
        z.strictObject({
          oldText: z
            .string()
            .check(
              z.minLength(1),
              z.maxLength(100_000),
              told("Text of the policy, with enough around it to occur exactly once."),
            ),
          newText: z.string().check(z.maxLength(100_000), told("What stands there instead.")),
        }),
      )
      .check(z.minLength(1), z.maxLength(20), told("Edits of the policy as it is now, made one after the other.")),
  ),
  policy: z.optional(z.string().check(z.maxLength(1_000_000), told("The whole policy text instead of edits."))),
});

const readOnlyFix = { id: z.optional(id) };

export const fixInput = z.strictObject(readOnlyFix);

/** Where a person allows edits. */
export const editingFixInput = z.strictObject({
  ...readOnlyFix,
  apply: z.optional(
    z
      .string()
      .check(
        z.minLength(1),
        z.maxLength(400),
        told("Title of a fix that this tool proposed for this request: makes that edit. Needs `mark`."),
      ),
  ),
  mark: z.optional(mark),
});

// ---- What comes out --------------------------------------------------------------------------------------------

const next = z.string().check(told("What may be done next."));
const shortened = z.optional(z.boolean().check(told("Long texts and lists were cut.")));

const request = z.strictObject({
  id: z.optional(z.int()),
  at: z.optional(z.string().check(told("ISO 8601"))),
  method: z.string(),
  host: z.string(),
  path: z.string(),
  client: z.string(),
  status: z.int().check(told("0 = none, or not known")),
  state: z.string(),
  listener: z.string(),
  route: z.optional(z.string()),
  service: z.optional(z.string()),
  endpoint: z.optional(z.string()),
  caller: z.optional(z.string()),
  policy: z.optional(z.string().check(told("Policy that refused it."))),
  why: z.string(),
});

export const explainOutput = z.strictObject({
  source: z.enum(["recorded", "described"]),
  request,
  verdict: z.strictObject({
    refused: z.boolean(),
    status: z.int(),
    title: z.string(),
    sentence: z.string(),
    type: z.optional(z.string()),
    policy: z.optional(z.string()),
    location: z.optional(place),
  }),
  steps: z
    .array(
      z.strictObject({
        lane: z.enum(["gateway", "balancer"]),
        phase: z.string(),
        label: z.string(),
        state: z.string(),
        sentence: z.string(),
        line: z.optional(z.int()),
        facts: z.optional(z.record(z.string(), z.string())),
      }),
    )
    .check(told("In the order in which they were decided; lines are of the policy file.")),
  routes: z.array(
    z.strictObject({
      route: z.string(),
      match: z.string(),
      verdict: z.string(),
      why: z.string(),
      line: z.optional(z.int()),
    }),
  ),
  balance: z.optional(
    z.strictObject({
      algorithm: z.string(),
      sentence: z.string(),
      candidates: z.array(
        z.strictObject({
          label: z.string(),
          url: z.string(),
          verdict: z.string(),
          why: z.string(),
          inFlight: z.int(),
          weight: z.number(),
        }),
      ),
    }),
  ),
  attempts: z.array(z.strictObject({ number: z.int(), endpoint: z.string(), outcome: z.string(), next: z.string() })),
  fixes: z.array(z.strictObject({ title: z.string(), line: z.int(), newText: z.string() })),
  next,
  shortened,
});

export const listOutput = z.strictObject({
  counted: z.int().check(told("Rejected requests that were looked at, newest first; at most 2000.")),
  groups: z
    .array(
      z.strictObject({
        count: z.int(),
        status: z.int(),
        route: z.optional(z.string()),
        policy: z.optional(z.string()),
        why: z.string().check(told("Of the newest.")),
        newest: z.int().check(told("Number of the newest.")),
      }),
    )
    .check(told("The same by route, policy and status, largest first.")),
  rejections: z.array(request),
  more: z.boolean().check(told("There are older ones: ask again with `before`.")),
  next,
  shortened,
});

const outcome = {
  total: z.int().check(told("Recorded requests that were decided again.")),
  same: z.int(),
  admitted: z.int().check(told("Refused under the saved policy, and not under the edited one.")),
  rejected: z.int().check(told("The other way round.")),
  elsewhere: z.int().check(told("The same verdict by another reason, or on another route, service or replica.")),
  unknown: z.int().check(told("What the recording cannot say.")),
};

export const simulateOutput = z.strictObject({
  valid: z.boolean(),
  problem: z.optional(z.strictObject({ line: z.int(), message: z.string() })),
  outcome: z.optional(z.strictObject(outcome)),
  changes: z.optional(
    z.array(
      z.strictObject({
        id: z.int(),
        request: z.optional(z.string()),
        change: z.enum(["rejected", "admitted", "elsewhere"]),
        before: z.int().check(told("Status under the saved policy; 0 = not known.")),
        after: z.int(),
        why: z.string(),
        assumed: z.boolean().check(told("Rests on one of the assumptions.")),
      }),
    ),
  ),
  moreChanges: z.optional(z.int()),
  assumptions: z.optional(z.array(z.string())),
  mark,
  next,
  shortened,
});

export const fixOutput = z.strictObject({
  request,
  verdict: z.string(),
  fixes: z
    .array(
      z.strictObject({
        title: z.string(),
        line: z.int(),
        newText: z.string().check(told("What the edit writes.")),
        outcome: z.strictObject(outcome),
        assumptions: z.array(z.string()),
      }),
    )
    .check(told("The least edits under which this request was seen to pass when the recording was decided again.")),
  applied: z.optional(z.strictObject({ title: z.string(), mark, sentence: z.string() })),
  mark,
  next,
  shortened,
});

// ---- The tools -------------------------------------------------------------------------------------------------

export interface ToolDeclaration {
  readonly name: string;
  readonly title: string;
  /** For models. */
  readonly description: string;
  /** For people. */
  readonly userDescription: string;
  readonly icon: string;
  readonly input: z.ZodMiniType;
  /** Where a person allows edits. */
  readonly editingInput?: z.ZodMiniType;
  readonly output: z.ZodMiniType;
}

export const EXPLAIN = {
  name: "explain_request",
  title: "Explain a request",
  description:
    "Says why the Switchyard gateway allowed or refused an HTTP request and how it chose the route and the replica, step by step with lines of the policy file (switchyard.yaml). Give `id` for a recorded request, or `url` (with method, headers, clientIp) for one that is only described and never sent; with neither, the newest rejection is explained. Works on the policy file alone for described requests. Secrets are masked.",
  userDescription: "Why a request was allowed or refused, and where it went.",
  icon: "$(question)",
  input: explainInput,
  output: explainOutput,
} as const satisfies ToolDeclaration;

export const LIST = {
  name: "list_rejections",
  title: "List rejected requests",
  description:
    "Lists the requests that the Switchyard gateway refused, newest first, with status, route, refusing policy and reason, and groups them by cause. Start here when a client gets 401, 403, 404, 429 or 503 from the gateway.",
  userDescription: "The requests that the gateway refused, and by what.",
  icon: "$(list-filter)",
  input: listInput,
  output: listOutput,
} as const satisfies ToolDeclaration;

export const SIMULATE = {
  name: "simulate_edit",
  title: "Simulate an edit of the policy",
  description:
    "Decides the recorded requests again under an edited Switchyard policy and says which would be admitted, rejected or sent elsewhere, compared with the saved policy. Nothing is saved and no traffic is touched. Use it before any change of switchyard.yaml.",
  userDescription: "What an edit of the policy would have changed for the recorded requests.",
  icon: "$(beaker)",
  input: simulateInput,
  output: simulateOutput,
} as const satisfies ToolDeclaration;

export const FIX = {
  name: "propose_fix",
  title: "Propose a fix for a rejection",
  description:
    "Finds the smallest edits of the Switchyard policy under which a rejected request would have passed, each tried on the recording, with what else it would change. Without `id`, the newest rejection. Where the person allows edits, `apply` with `mark` makes one of them.",
  userDescription: "The least change of the policy that lets a refused request pass.",
  icon: "$(lightbulb)",
  input: fixInput,
  editingInput: editingFixInput,
  output: fixOutput,
} as const satisfies ToolDeclaration;

export const TOOLS: readonly ToolDeclaration[] = [EXPLAIN, LIST, SIMULATE, FIX];

export type JsonObjectSchema = { readonly type: "object" } & Readonly<Record<string, unknown>>;

/** JSON Schema (2020-12) of a tool's input. @param mayEdit a person allows edits. */
export function inputSchema(tool: ToolDeclaration, mayEdit: boolean): JsonObjectSchema {
  return jsonSchema(mayEdit ? (tool.editingInput ?? tool.input) : tool.input);
}

export function outputSchema(tool: ToolDeclaration): JsonObjectSchema {
  return jsonSchema(tool.output);
}

function jsonSchema(declared: z.ZodMiniType): JsonObjectSchema {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(declared);
  return schema as unknown as JsonObjectSchema;
}

/** The manifest's name of a tool: all extensions share one space of names. */
export function manifestName({ name }: ToolDeclaration): string {
  return `switchyard_${name}`;
}

/** `contributes.languageModelTools` of package.json. */
export function manifestTools(): object[] {
  return TOOLS.map((tool) => ({
    name: manifestName(tool),
    displayName: tool.title,
    userDescription: tool.userDescription,
    modelDescription: tool.description,
    toolReferenceName: `switchyard-${tool.name.replaceAll("_", "-")}`,
    canBeReferencedInPrompt: true,
    icon: tool.icon,
    tags: ["switchyard", "http", "gateway"],
    inputSchema: inputSchema(tool, true),
  }));
}
