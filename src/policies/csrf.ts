/**
 * csrf: keeps pages of other sites from acting in the name of a user who is signed in here. Told by what browsers say of
 * a request themselves (Sec-Fetch-Site, else Origin against Host), so there is no token to carry.
 * Must not refuse safe methods, nor callers that are no browsers: they carry nobody's cookies unasked.
 */
import * as z from "zod/mini";
import type { Passage } from "../model/arrival.ts";
import { ADMIT } from "../model/basics.ts";
import type { Policy, Step } from "../model/policy.ts";

const config = z.strictObject({
  origins: z.prefault(
    z
      .array(
        z.string().check(
          z.regex(/^[a-z][a-z0-9+.-]*:\/\/(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?$/, {
            error: "write an origin in lower case as scheme://host or scheme://host:port, without a path",
          }),
        ),
      )
      .check(
        z.maxLength(200),
        z.meta({
          description: "Other origins whose pages may act here as well.",
          examples: [["https://admin.shop.example"]],
        }),
      ),
    [],
  ),
});

type Config = z.output<typeof config>;

const Refusal = { crossSite: 1, foreignOrigin: 2 } as const;

/** What an admitted step notes as x. */
const Why = { safeMethod: 0, sameOrigin: 1, trusted: 2, noBrowser: 3 } as const;
const WHY_WORDS = [
  "its method is safe: it changes nothing",
  "the page that sent it is of this origin, or the person typed the address",
  "its origin is one of `origins`",
  "it carries neither Sec-Fetch-Site nor Origin: no page of another site sent it",
];

export const csrf: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "csrf",
  phase: "screen",
  summary:
    "Keeps pages of other sites from acting in the name of a signed-in user, by what the browser says of a request.",
  example: 'csrf: { origins: ["https://admin.shop.example"] }\n',
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    crossSite: {
      status: 403,
      title: "sent by a page of another site",
      say: (_c, _x, _y, { arrival }) =>
        `the browser says that a ${arrival.header("sec-fetch-site") ?? "cross-site"} page${originWords(arrival.header("origin"))} sent this ${arrival.method ?? "request"}`,
      fix: trustFix,
    },
    foreignOrigin: {
      status: 403,
      title: "sent by a page of another origin",
      say: (_c, _x, _y, { arrival }) =>
        `a page${originWords(arrival.header("origin"))} sent this ${arrival.method ?? "request"} to ${arrival.header("host") ?? "this host"}`,
      fix: trustFix,
    },
  },
  admits: (_c, why) => WHY_WORDS[why] ?? "it is not from another site",
  compile: (c): Step<undefined> => {
    const trusted = new Set(c.origins);
    return {
      peek(x, _state, _now, note) {
        const { reason, why } = judge(x, trusted);
        note.put(reason, why, 0);
        return reason;
      },
    };
  },
};

const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

function judge({ arrival }: Passage, trusted: ReadonlySet<string>): { reason: number; why: number } {
  if (SAFE.has(arrival.method ?? "")) return { reason: ADMIT, why: Why.safeMethod };
  const site = arrival.header("sec-fetch-site");
  const origin = arrival.header("origin");
  if (origin !== undefined && trusted.has(origin)) return { reason: ADMIT, why: Why.trusted };
  if (site !== undefined) {
    // Fetch Metadata: `none` is a person's own doing (address bar, bookmark).
    const own = site === "same-origin" || site === "none";
    return own ? { reason: ADMIT, why: Why.sameOrigin } : { reason: Refusal.crossSite, why: 0 };
  }
  if (origin === undefined) return { reason: ADMIT, why: Why.noBrowser };
  // Only host and port can be compared: behind a TLS terminator the scheme is not known.
  const host = /^[a-z][a-z0-9+.-]*:\/\/([^/]+)$/i.exec(origin)?.[1];
  const same = host !== undefined && host.toLowerCase() === arrival.header("host")?.toLowerCase();
  return same ? { reason: ADMIT, why: Why.sameOrigin } : { reason: Refusal.foreignOrigin, why: 0 };
}

function originWords(origin: string | undefined): string {
  if (origin === undefined) return "";
  return origin === "null" ? " of an opaque origin" : ` of ${origin}`;
}

function trustFix(c: Config, _x: number, _y: number, { arrival }: Passage) {
  const origin = arrival.header("origin");
  if (origin === undefined || !/^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+(?::\d{1,5})?$/.test(origin)) return [];
  return [{ title: `Let pages of ${origin} act here`, path: ["origins"], value: [...c.origins, origin] }];
}
