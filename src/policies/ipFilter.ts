/**
 * ipFilter: which addresses may come near. Deny wins; with an `allow` list everyone else stays out.
 * Must not trust a header: the address is the connection's (or what a trusted proxy said, settled at accept).
 */
import ipaddr from "ipaddr.js";
import * as z from "zod/mini";
import { ADMIT } from "../model/basics.ts";
import type { ConfigProblem, Policy, Step } from "../model/policy.ts";

const range = z.string().check(z.minLength(2), z.maxLength(64));

const config = z.strictObject({
  allow: z.optional(
    z.array(range).check(
      z.meta({
        description: "Only these may come; absent = everyone who is not denied. CIDR blocks or single addresses.",
        examples: [["127.0.0.0/8", "::1"]],
      }),
    ),
  ),
  deny: z.optional(
    z.array(range).check(
      z.meta({
        description: "These may not come, even when `allow` names them. CIDR blocks or single addresses.",
        examples: [["203.0.113.0/24"]],
      }),
    ),
  ),
});

type Config = z.output<typeof config>;

const Refusal = { denied: 1, notAllowed: 2, noAddress: 3 } as const;

export const ipFilter: Policy<Config, undefined, keyof typeof Refusal> = {
  kind: "ipFilter",
  phase: "screen",
  summary: "Which client addresses may come near; deny wins over allow.",
  example: 'ipFilter: { allow: [127.0.0.0/8, "::1"] }\n',
  config: config as unknown as z.ZodMiniType<Config>,
  reasons: {
    denied: {
      status: 403,
      title: "address denied",
      say: (c, x, _y, seen) => `${seen.arrival.clientIp} is in ${c.deny?.[x] ?? "a block"}, which \`deny\` names`,
      fix: (c, x) => [{ title: `Stop denying ${c.deny?.[x]}`, path: ["deny", x], value: undefined }],
    },
    notAllowed: {
      status: 403,
      title: "address not allowed",
      say: (c, _x, _y, seen) =>
        `${seen.arrival.clientIp} is in none of the ${c.allow?.length ?? 0} blocks of \`allow\``,
      fix: (c, _x, _y, seen) => [
        {
          title: `Allow ${seen.arrival.clientIp}`,
          path: ["allow"],
          value: [...(c.allow ?? []), seen.arrival.clientIp],
        },
      ],
    },
    noAddress: {
      status: 403,
      title: "address unknown",
      say: (_c, _x, _y, seen) => `${JSON.stringify(seen.arrival.clientIp)} is no address that could be checked`,
    },
  },
  admits: (c, x, _y, seen) =>
    c.allow?.[x] === undefined
      ? `${seen.arrival.clientIp} is not denied`
      : `${seen.arrival.clientIp} is in ${c.allow[x]}`,
  check: (c) => [...checkRanges(c.allow, "allow"), ...checkRanges(c.deny, "deny"), ...checkEmpty(c)],
  compile,
};

function compile(c: Config): Step<undefined> {
  const allow = c.allow?.map(parseRange);
  const deny = c.deny?.map(parseRange) ?? [];
  return {
    peek(x, _state, _now, note) {
      const address = parseAddress(x.arrival.clientIp);
      if (address === undefined) {
        note.put(Refusal.noAddress, 0, 0);
        return Refusal.noAddress;
      }
      const denied = indexOf(deny, address);
      if (denied >= 0) {
        note.put(Refusal.denied, denied, 0);
        return Refusal.denied;
      }
      const allowed = allow === undefined ? -1 : indexOf(allow, address);
      const reason = allow === undefined || allowed >= 0 ? ADMIT : Refusal.notAllowed;
      note.put(reason, allowed, 0);
      return reason;
    },
  };
}

/** An address as 32-bit words, most significant first: one for IPv4, four for IPv6. */
type Words = readonly number[];

interface Range {
  readonly words: Words;
  readonly masks: Words;
}

function indexOf(ranges: readonly (Range | undefined)[], address: Words): number {
  for (let i = 0; i < ranges.length; i++) {
    const range = ranges[i];
    if (range === undefined || range.words.length !== address.length) continue;
    let same = true;
    for (let w = 0; w < address.length && same; w++) same = ((address[w] ^ range.words[w]) & range.masks[w]) === 0;
    if (same) return i;
  }
  return -1;
}

function checkEmpty(c: Config): readonly ConfigProblem[] {
  return c.allow === undefined && c.deny === undefined ? [{ path: [], message: "give `allow`, `deny` or both" }] : [];
}

function checkRanges(ranges: readonly string[] | undefined, field: string): readonly ConfigProblem[] {
  return (ranges ?? []).flatMap((text, i) => {
    const parsed = parseRange(text);
    if (parsed === undefined) {
      return [
        { path: [field, i], message: `${JSON.stringify(text)} is no address and no CIDR block such as 10.0.0.0/8` },
      ];
    }
    if (parsed.words.every((word, w) => (word & parsed.masks[w]) === word)) return [];
    const meant = networkOf(text);
    return [
      {
        path: [field, i],
        message: `${text} has bits set beyond its prefix; the block is ${meant}`,
        fix: { title: `Write ${meant}`, path: [field, i], value: meant },
      },
    ];
  });
}

function networkOf(text: string): string {
  const [address, bits] = text.split("/");
  const family = ipaddr.IPv6.isValid(address) ? ipaddr.IPv6 : ipaddr.IPv4;
  return `${family.networkAddressFromCIDR(text).toString()}/${bits}`;
}

/** @returns undefined when the text is neither a CIDR block nor an address. */
function parseRange(text: string): Range | undefined {
  const slash = text.indexOf("/");
  const bitsText = slash < 0 ? undefined : text.slice(slash + 1);
  if (bitsText !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(bitsText)) return undefined;
  const written = slash < 0 ? text : text.slice(0, slash);
  if (written.includes("%")) return undefined;
  const words = parseAddress(written);
  if (words === undefined) return undefined;
  // A block of mapped addresses (::ffff:10.0.0.0/104) means its IPv4 block; one that reaches beyond stays IPv6.
  const mapped = words.length === 1 && written.includes(":");
  let bits = bitsText === undefined ? words.length * 32 : Number(bitsText) - (mapped ? 96 : 0);
  if (bitsText === undefined) bits = words.length * 32;
  if (bits < 0 || bits > words.length * 32) return undefined;
  return { words, masks: words.map((_, w) => maskOf(bits - w * 32)) };
}

function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

/** @returns undefined for anything but four decimal parts or IPv6; forms such as 0x7f.1 are no addresses here. */
function parseAddress(text: string): Words | undefined {
  const ipv4 = parseFourParts(text);
  if (ipv4 !== undefined) return [ipv4];
  if (!text.includes(":") || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  const { parts } = address;
  const pair = (i: number): number => (parts[i] << 16) | parts[i + 1];
  if (address.isIPv4MappedAddress()) return [pair(6)];
  return [pair(0), pair(2), pair(4), pair(6)];
}

function parseFourParts(text: string): number | undefined {
  let word = 0;
  let part = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46 && part >= 0 && dots < 3) {
      word = (word << 8) | part;
      part = -1;
      dots++;
    } else if (code >= 48 && code <= 57 && part !== 0) {
      part = (part < 0 ? 0 : part * 10) + code - 48;
      if (part > 255) return undefined;
    } else return undefined;
  }
  return dots === 3 && part >= 0 ? (word << 8) | part : undefined;
}
