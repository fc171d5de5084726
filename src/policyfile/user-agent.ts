/**
 * Kinds of clients by their User-Agent, coarsely: what a backend for frontends is split by. A client says of itself what it
 * likes, so a kind chooses a route and never grants anything.
 * Must not grow into a browser database: who needs more matches a header of their own.
 */

export const CLIENT_KINDS = ["browser", "mobile", "iot", "bot", "tool", "other"] as const;

export type ClientKind = (typeof CLIENT_KINDS)[number];

/** In this order: a crawler calls itself a browser, and so does a phone. */
const SIGNS: readonly (readonly [ClientKind, RegExp])[] = [
  ["bot", /bot\b|bot\/|crawler|spider|slurp|facebookexternalhit|preview/i],
  ["iot", /esp8266|esp32|arduino|micropython|mbed|zephyr|freertos|contiki|tizen\/|smart-?tv|lwip/i],
  ["mobile", /android|iphone|ipad|ipod|\bmobile\b|okhttp|cfnetwork|\bdart\b|darwin\//i],
  ["browser", /^mozilla\/|^opera\//i],
  ["tool", /^(?:curl|wget|httpie|postman|insomnia|python|go-http-client|java|node|undici|axios|okhttp|k6|ab)\b/i],
];

/** Longest part that is looked at: every expression above is linear in it. */
const LONGEST = 512;

export function clientKind(userAgent: string | undefined): ClientKind {
  if (userAgent === undefined || userAgent === "") return "other";
  const text = userAgent.slice(0, LONGEST);
  return SIGNS.find(([, sign]) => sign.test(text))?.[0] ?? "other";
}
