/**
 * The fields of a route that send a request more than once: `retry`, `hedge` and `mirror`.
 * Must not check what needs more than one field: sending.ts does.
 */
import * as z from "zod/mini";
import { described, duration, percentage } from "../model/scalars.ts";
import { method } from "./written.ts";

const status = z.int().check(z.minimum(400), z.maximum(599));

const retry = z.strictObject({
  attempts: described(
    z.prefault(z.int().check(z.minimum(1), z.maximum(10)), 2),
    "How many further attempts follow a failed one, 1 to 10.",
  ),
  codes: described(
    z.prefault(z.array(status, { error: "must be a list of statuses: [502, 503]" }), [502, 503, 504]),
    "Answers that count as failures, as long as nothing of them was passed on. Connections that fail or break, and attempts that take too long, always do.",
    { examples: [[502, 503]] },
  ),
  budget: described(
    z.prefault(percentage(), "20%"),
    "Retries may be this share of the route's requests within 10 s; ten are always allowed. Beyond it an attempt that failed is the answer, so that retries do not bring down a backend in trouble. 0% = none. Where no connection came about, another endpoint is asked at once, outside the budget.",
  ),
  perTry: z.optional(
    described(
      duration({ least: 1 }),
      "One attempt, from its start to the head of the answer; then it is given up and retried. `timeouts.request` holds for all of them together.",
      { examples: ["1s"] },
    ),
  ),
  backoff: described(
    z.prefault(duration({ most: 60_000 }), "25ms"),
    "Bound of the wait before the first retry; it doubles with each, up to ten times. The wait is drawn between 0 and the bound (full jitter). 0s = at once.",
  ),
  methods: z.optional(
    described(
      z
        .array(method(), { error: "must be a list of methods: [GET, PUT]" })
        .check(z.minLength(1, { error: "needs at least one method; remove `methods` for the idempotent ones" })),
      "Methods that are sent again although a backend may have acted upon them. Default: the idempotent ones (GET, HEAD, OPTIONS, TRACE, PUT, DELETE). A request of which nothing was sent is retried whatever its method.",
      { examples: [["GET", "PUT"]] },
    ),
  ),
});

const hedge = z.strictObject({
  after: described(
    duration({ least: 1 }),
    "Without the head of an answer after this time, the request goes to another endpoint as well. The first good answer counts; the other attempt is called off.",
    { examples: ["50ms"] },
  ),
  max: described(
    z.prefault(z.int().check(z.minimum(1), z.maximum(3)), 1),
    "How many further attempts may be on their way beside the first, 1 to 3.",
  ),
  budget: described(
    z.prefault(percentage(), "20%"),
    "Hedges may be this share of the route's requests within 10 s; ten are always allowed. 0% = none.",
  ),
});

const mirror = z.strictObject({
  service: described(z.string(), "Name of one of `services`: it gets the copies. Its answers are thrown away."),
  percent: described(z.prefault(percentage(), "100%"), "Share of the requests that are copied, drawn for each."),
});

/** Fields of a route. */
export const sendingFields = {
  retry: z.optional(
    described(
      retry,
      "When and how often a failed attempt is followed by another. Without it: two further attempts, where nothing was sent or the method is idempotent.",
    ),
  ),
  hedge: z.optional(
    described(
      hedge,
      "A second attempt for requests that are slow to be answered. Only for safe methods (GET, HEAD, OPTIONS) without a body.",
    ),
  ),
  mirror: z.optional(
    described(
      mirror,
      "Sends copies of the requests to another service, head and body as the route's policies change them for the backend. They have rows of their own, and never delay or fail the caller.",
    ),
  ),
};

export type RetryConfig = z.output<typeof retry>;
export type HedgeConfig = z.output<typeof hedge>;
export type MirrorConfig = z.output<typeof mirror>;
