/**
 * How a route's match names the paths it takes.
 * Must not decide which match wins: precedence is compiled by the reader.
 */

export type PathMatch =
  | { readonly kind: "exact"; readonly value: string }
  | { readonly kind: "prefix"; readonly value: string }
  | { readonly kind: "regex"; readonly value: string; test(path: string): boolean };
