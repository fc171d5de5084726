/**
 * The second half of the requirements of conformance-storing.cases.ts: what is stored may be used for which requests, how it
 * is validated, renewed and thrown out. Must not hold the suite's text: only what it asks for.
 */
import { DAY, fresh, PAUSE, Requirements, type Line, type Turn } from "./conformance.notation.ts";

const { requires, again, all } = new Requirements();

const S_MAXAGE = "5.2.2.10";
const yet: readonly Line[] = [
  ["Expires", 10_000],
  ["Date", 0],
];

// ---- What may be used --------------------------------------------------------------------------------------------

const byVary = (...names: string[]): readonly Line[] => [
  ["Cache-Control", "max-age=5000"],
  ["Last-Modified", -3000],
  ["Date", 0],
  ...names.map((name): Line => ["Vary", name, false]),
];
const varies = (name: string, vary: string, first: Turn["sends"], second: Turn["sends"]): void =>
  requires("4.1", name, { sends: first ?? [], says: byVary(vary) }, { sends: second ?? [], from: "origin" });
varies("vary-no-match", "Foo", [["Foo", "1"]], [["Foo", "2"]]);
varies("vary-omit-stored", "Foo", [], [["Foo", "1"]]);
varies("vary-omit", "Foo", [["Foo", "1"]], []);
varies(
  "vary-2-no-match",
  "Foo, Bar",
  [
    ["Foo", "1"],
    ["Bar", "abc"],
  ],
  [
    ["Foo", "2"],
    ["Bar", "abc"],
  ],
);
varies(
  "vary-2-match-omit",
  "Foo, Bar",
  [
    ["Foo", "1"],
    ["Bar", "abc"],
  ],
  [],
);
const three: Turn["sends"] = [
  ["Foo", "1"],
  ["Bar", "abc"],
  ["Baz", "789"],
];
varies("vary-3-no-match", "Foo, Bar, Baz", three, [
  ["Foo", "2"],
  ["Bar", "abc"],
  ["Baz", "789"],
]);
varies("vary-3-order", "Foo, Bar, Baz", three, [
  ["Foo", "1"],
  ["Baz", "789"],
  ["Bar", "abcde"],
]);
const two: Turn["sends"] = [
  ["Foo", "1"],
  ["Baz", "789"],
];
varies("vary-star", "*", two, two);
for (const [suffix, ...lines] of [
  ["star", "*"],
  ["star-star", "*, *"],
  ["star-star-lines", "*", "*"],
  ["empty-star", ", *"],
  ["empty-star-lines", "", "*"],
  ["star-foo", "*, Foo"],
  ["foo-star", "Foo, *"],
]) {
  requires("4.1", `vary-syntax-${suffix}`, { sends: two, says: byVary(...lines) }, { sends: two, from: "origin" });
}

requires("5.1", "other-age-gen", { says: fresh, pause: PAUSE }, { from: "store", shows: [["Age", ">", 2]] });
const old: readonly Line[] = [
  ["Expires", 30 * DAY],
  ["Date", 0],
  ["Age", "30"],
];
requires("5.1", "other-age-update-expires", { says: old, pause: PAUSE }, { from: "store", shows: [["Age", ">", 32]] });
requires(
  "5.1",
  "other-age-update-max-age",
  {
    says: [
      ["Cache-Control", "max-age=3600"],
      ["Age", "30"],
    ],
    pause: PAUSE,
  },
  { from: "store", shows: [["Age", ">", 32]] },
);
requires("4", "other-date-update", { says: fresh, pause: PAUSE }, { from: "store", shows: [["Date", -PAUSE]] });
requires(
  "4",
  "other-date-update-expires",
  {
    says: [
      ["Expires", 30 * DAY],
      ["Date", 0],
    ],
    pause: PAUSE,
  },
  { from: "store", shows: [["Date", -PAUSE]] },
);
requires("2", "query-args-different", { query: "test=1", says: fresh }, { query: "test=2", from: "origin" });
requires(
  "3",
  "interim-not-cached",
  {
    interim: [103],
    says: [
      ["Cache-Control", "max-age=100000"],
      ["Date", 0],
    ],
    pause: PAUSE,
  },
  { from: "store", interim: [] },
);

// ---- Stale answers -----------------------------------------------------------------------------------------------

const background: readonly Line[] = [
  ["Cache-Control", "max-age=1, stale-while-revalidate=4"],
  ["ETag", '"abc"'],
];
requires(
  "RFC 5861 section 3",
  "stale-while-revalidate-window",
  { says: background, pause: PAUSE },
  {
    says: [
      ["Cache-Control", "no-cache", false],
      ["ETag", '"def"', false],
    ],
    from: "store",
    pause: PAUSE,
  },
  { shows: [["Client-Request-Count", "3"]] },
);
for (const [name, directive, section] of [
  ["must-revalidate", "must-revalidate", "5.2.2.2"],
  ["proxy-revalidate", "proxy-revalidate", "5.2.2.8"],
  ["no-cache", "no-cache", "5.2.2.4"],
  ["s-maxage=2", "s-maxage=2", S_MAXAGE],
]) {
  const says: readonly Line[] = [["Cache-Control", `max-age=2, ${directive}`]];
  requires(
    section,
    `stale-close-${name}`,
    { says, pause: PAUSE },
    { drops: true, gets: 502, lacks: ["Server-Request-Count"] },
  );
}

// ---- Validation --------------------------------------------------------------------------------------------------

const tag: Line = ["ETag", '"abcdef"'];
const hours: Line = ["Cache-Control", "max-age=10000"];
requires(
  "4.3.4",
  "conditional-304-etag",
  { says: [hours, tag] },
  { sends: [["If-None-Match", '"abcdef"']], from: "store", gets: 304, shows: [["ETag", '"abcdef"']] },
);
requires(
  "4.3.2",
  "conditional-etag-precedence",
  { says: [hours, ["Last-Modified", -5000], tag] },
  {
    sends: [
      ["If-None-Match", '"abcdef"'],
      ["If-Modified-Since", -1],
    ],
    from: "store",
    gets: 304,
  },
);
requires(
  "4.3.1",
  "conditional-etag-vary-headers",
  { sends: [["Abc", "123"]], says: [["Expires", 1], tag, ["Date", 0], ["Vary", "Abc"]], pause: PAUSE },
  { sends: [["Abc", "123"]], from: "etag", passes: [["abc", "123"]] },
);
const LONG_AGO = "Wed, 01 Jan 2020 00:00:00 GMT";
requires(
  "4.3.4",
  "304-lm-use-stored-Test-Header",
  {
    says: [
      ["Cache-Control", "max-age=2"],
      ["Last-Modified", LONG_AGO],
      ["Date", 0],
      ["Test-Header", "A"],
    ],
    pause: PAUSE,
  },
  {
    says: [
      ["Last-Modified", LONG_AGO],
      ["Date", 0],
    ],
    from: "date",
    shows: [["Test-Header", "A"]],
  },
);
for (const [name, before, after, shown] of [
  ["Test-Header", "A", "B", "B"],
  ["X-Test-Header", "A", "B", "B"],
  ["Content-Foo", "A", "B", "B"],
  ["X-Content-Foo", "A", "B", "B"],
  ["Cache-Control", "max-age=1", "max-age=3600", "max-age=3600"],
  ["Content-Length", "5", "10", "5"],
]) {
  const says = (value: string): readonly Line[] => [
    ["Date", 0],
    [name, value, value === shown],
    ...(name === "Cache-Control" ? [] : ([["Cache-Control", "max-age=2"]] as const)),
    ["ETag", `"${name}"`],
  ];
  requires(
    "4.3.4",
    `304-etag-update-response-${name}`,
    { says: says(before).map(([field, value]): Line => [field, value, false]), pause: PAUSE },
    { says: says(after), from: "etag", shows: [[name, shown]] },
    { from: "store", shows: [[name, shown]] },
  );
}

// ---- Invalidation, ranges, targeted fields ---------------------------------------------------------------------

for (const method of ["POST", "PUT", "DELETE", "M-SEARCH"]) {
  requires("4.4", `invalidate-${method}`, { says: fresh }, { method }, { from: "origin" });
}
const ranged: readonly Line[] = [
  ["Cache-Control", "max-age=3600"],
  ["A", "1"],
];
for (const name of ["partial-use-headers", "partial-use-stored-headers"]) {
  requires(
    "3.4",
    name,
    { says: ranged },
    { sends: [["Range", "bytes=0-1"]], from: "store", gets: 206, shows: [["A", "1"]] },
  );
}

const CDN = "RFC 9213 section 2.2";
const cdn = (value: string): Line => ["CDN-Cache-Control", value, false];
again(CDN, "cdn-max-age-age", [["Date", 0], cdn("max-age=3600"), ["Age", "7200"]], "origin");
again(CDN, "cdn-max-age-0", [cdn("max-age=0")], "origin");
again(CDN, "cdn-max-age-0-expires", [cdn("max-age=0"), ...yet], "origin");
again(CDN, "cdn-max-age-long-cc-max-age", [["Cache-Control", "max-age=3600"], cdn("max-age=1")], "origin");
again(CDN, "cdn-private", [cdn("private"), hours, ...yet], "origin", 0);
again(CDN, "cdn-no-cache", [cdn("no-cache"), hours, ...yet], "origin", 0);
again(CDN, "cdn-no-store-cc-fresh", [hours, cdn("no-store"), ...yet], "origin");
again(CDN, "cdn-fresh-cc-nostore", [["Cache-Control", "no-store"], cdn("max-age=10000")], "store");
again(CDN, "cdn-cc-invalid-sh-type-unknown", [cdn("max-age=10000, &&&&&"), ["Cache-Control", "no-store"]], "origin");
again(CDN, "cdn-cc-invalid-sh-type-wrong", [cdn('max-age="10000"'), ["Cache-Control", "no-store"]], "origin");

export const using = all;
