/**
 * Blocks of IP addresses (CIDR), compiled once and asked often. An IPv4-mapped IPv6 address is its IPv4 address.
 * Must not know what a block is for.
 */
import ipaddr from "ipaddr.js";

/** An address as 32-bit words, most significant first: one for IPv4, four for IPv6. */
export type AddressWords = readonly number[];

export interface AddressRange {
  readonly words: AddressWords;
  readonly masks: AddressWords;
}

/** @returns the first range that holds the address, or -1. */
export function indexOfRange(ranges: readonly (AddressRange | undefined)[], address: AddressWords): number {
  for (let i = 0; i < ranges.length; i++) {
    const range = ranges[i];
    if (range === undefined || range.words.length !== address.length) continue;
    let same = true;
    for (let w = 0; w < address.length && same; w++) same = ((address[w] ^ range.words[w]) & range.masks[w]) === 0;
    if (same) return i;
  }
  return -1;
}

/** Whether a textual address is in one of the blocks. What is no address is in none. */
export function rangesHold(ranges: readonly (AddressRange | undefined)[], text: string): boolean {
  const address = parseAddress(text);
  return address !== undefined && indexOfRange(ranges, address) >= 0;
}

/** @returns what is wrong with a written block, and the block that was probably meant; undefined when nothing is. */
export function rangeProblem(text: string): { readonly message: string; readonly meant?: string } | undefined {
  const parsed = parseRange(text);
  if (parsed === undefined) {
    return { message: `${JSON.stringify(text)} is no address and no CIDR block such as 10.0.0.0/8` };
  }
  if (parsed.words.every((word, w) => (word & parsed.masks[w]) === word)) return undefined;
  const meant = networkOf(text);
  return { message: `${text} has bits set beyond its prefix; the block is ${meant}`, meant };
}

function networkOf(text: string): string {
  const [address, bits] = text.split("/");
  const family = ipaddr.IPv6.isValid(address) ? ipaddr.IPv6 : ipaddr.IPv4;
  return `${family.networkAddressFromCIDR(text).toString()}/${bits}`;
}

/** @returns undefined when the text is neither a CIDR block nor an address. */
export function parseRange(text: string): AddressRange | undefined {
  const slash = text.indexOf("/");
  const bitsText = slash < 0 ? undefined : text.slice(slash + 1);
  if (bitsText !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(bitsText)) return undefined;
  const written = slash < 0 ? text : text.slice(0, slash);
  if (written.includes("%")) return undefined;
  const words = parseAddress(written);
  if (words === undefined) return undefined;
  // A block of mapped addresses (::ffff:10.0.0.0/104) means its IPv4 block; one that reaches beyond stays IPv6.
  const mapped = words.length === 1 && written.includes(":");
  const bits = bitsText === undefined ? words.length * 32 : Number(bitsText) - (mapped ? 96 : 0);
  if (bits < 0 || bits > words.length * 32) return undefined;
  return { words, masks: words.map((_, w) => maskOf(bits - w * 32)) };
}

function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

/** @returns undefined for anything but four decimal parts or IPv6; forms such as 0x7f.1 are no addresses here. */
export function parseAddress(text: string): AddressWords | undefined {
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
