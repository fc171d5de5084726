/**
 * The names that the development CA may vouch for: those that nobody on the internet can own.
 * Must not list a name that a registry hands out.
 */

/** Each with all names below it: RFC 6761, RFC 6762, RFC 8375, and ICANN's `internal`. */
export const OWN_NAMES = ["localhost", "test", "example", "invalid", "local", "internal", "home.arpa"] as const;

/** @param name lower case; a leading `*.` does not count. */
export function isOwnName(name: string): boolean {
  const bare = name.startsWith("*.") ? name.slice(2) : name;
  return OWN_NAMES.some((own) => bare === own || bare.endsWith(`.${own}`));
}
