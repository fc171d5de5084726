/**
 * The first half of the 160 requirements that a public suite for HTTP caches (cache-tests.fyi) puts to a shared cache,
 * restated in a notation of our own under the same names: how long an answer is fresh, and what of it may be stored.
 * Must not hold the suite's text: only what it asks for.
 */
import { DAY, fresh, PAUSE, Requirements, stale, type Line } from "./conformance.notation.ts";

const { requires, again, all } = new Requirements();

// ---- Freshness ---------------------------------------------------------------------------------------------------

const MAX_AGE = "5.2.2.1";
again(MAX_AGE, "freshness-max-age-stale", [["Cache-Control", "max-age=2"]], "origin");
again(MAX_AGE, "freshness-max-age-0", [["Cache-Control", "max-age=0"]], "origin");
again(
  "4.2.3",
  "freshness-max-age-age",
  [
    ["Date", 0],
    ["Cache-Control", "max-age=3600"],
    ["Age", "7200"],
  ],
  "origin",
);
again(
  MAX_AGE,
  "freshness-max-age-0-expires",
  [
    ["Expires", 3600],
    ["Cache-Control", "max-age=0"],
    ["Date", 0],
  ],
  "origin",
);
again(MAX_AGE, "freshness-max-age-negative", [["Cache-Control", "max-age=-3600"]], "origin");
const S_MAXAGE = "5.2.2.10";
again(S_MAXAGE, "freshness-s-maxage-shared", [["Cache-Control", "s-maxage=3600"]], "store");
for (const [suffix, ...lines] of [
  ["longer", "max-age=3600, s-maxage=1"],
  ["longer-reversed", "s-maxage=1, max-age=3600"],
  ["longer-multiple", "max-age=3600", "s-maxage=1"],
]) {
  const says = lines.map((value): Line => ["Cache-Control", value]);
  again(S_MAXAGE, `freshness-max-age-s-maxage-shared-${suffix}`, says, "origin");
}

const PARSE = "5.2";
for (const [suffix, value, from] of [
  ["ignore-quoted", 'extension="max-age=3600", max-age=1', "origin"],
  ["ignore-quoted-rev", 'max-age=1, extension="max-age=3600"', "origin"],
  ["leading-zero", "max-age=003600", "store"],
  ["single-quoted", "max-age='3600'", "origin"],
] as const) {
  again(PARSE, `freshness-max-age-${suffix}`, [["Cache-Control", value]], from);
}

for (const [suffix, lifetime, from, ...ages] of [
  ["nonnumeric", 3600, "store", "abc"],
  ["negative", 3600, "store", "-7200"],
  ["float", 3600, "store", "7200.0"],
  ["large-minus-one", 3600, "origin", "2147483647"],
  ["large", 3600, "origin", "2147483648"],
  ["larger", 3600, "origin", "2147483649"],
  ["suffix", 3600, "origin", "7200, 0"],
  ["prefix", 3600, "store", "0, 7200"],
  ["suffix-twoline", 3600, "origin", "7200", "0"],
  ["prefix-twoline", 3600, "store", "0", "7200"],
  ["dup-0", 3600, "store", "0, 0"],
  ["dup-0-twoline", 3600, "store", "0", "0"],
  ["dup-old", 10_000, "store", "3600", "3600"],
] as const) {
  const lines = ages.map((age): Line => ["Age", age, false]);
  again("5.1", `age-parse-${suffix}`, [["Date", 0], ["Cache-Control", `max-age=${lifetime}`], ...lines], from);
}

const EXPIRES = "5.3";
again(
  "4.2.1",
  "freshness-expires-past",
  [
    ["Expires", -30 * DAY],
    ["Date", 0],
  ],
  "origin",
);
again(
  "4.2.1",
  "freshness-expires-present",
  [
    ["Expires", 0],
    ["Date", 0],
  ],
  "origin",
  0,
);
again(
  "4.2.1",
  "freshness-expires-old-date",
  [
    ["Expires", 300],
    ["Date", 400],
  ],
  "origin",
);
again(
  EXPIRES,
  "freshness-expires-invalid",
  [
    ["Expires", "0", false],
    ["Date", 0],
  ],
  "origin",
);
again(
  "4.2.3",
  "freshness-expires-age-slow-date",
  [
    ["Date", -10],
    ["Expires", 10],
    ["Age", "25"],
  ],
  "origin",
  0,
);
again(
  "4.2.3",
  "freshness-expires-age-fast-date",
  [
    ["Date", 10],
    ["Expires", 20],
    ["Age", "15"],
  ],
  "origin",
  0,
);
for (const [suffix, ...values] of [
  ["utc", "Thu, 18 Aug 2050 02:01:18 UTC"],
  ["aest", "Thu, 18 Aug 2050 02:01:18 AEST"],
  ["2-digit-year", "Thu, 18 Aug 50 02:01:18 GMT"],
  ["no-comma", "Thu 18 Aug 2050 02:01:18 GMT"],
  ["multiple-spaces", "Thu, 18  Aug  2050 02:01:18 GMT"],
  ["date-dashes", "Thu, 18-Aug-2050 02:01:18 GMT"],
  ["time-periods", "Thu, 18 Aug 2050 02.01.18 GMT"],
  ["1-digit-hour", "Thu, 18 Aug 2050 2:01:18 GMT"],
  ["multiple-lines", "Thu, 18 Aug 2050 2:01:18 GMT", "Thu, 18 Aug 2050 2:01:19 GMT"],
]) {
  const lines = values.map((value): Line => ["Expires", value, false]);
  again(EXPIRES, `freshness-expires-invalid-${suffix}`, [...lines, ["Date", 0]], "origin");
}

for (const status of [201, 202, 403, 502, 503, 504, 599]) {
  const says: readonly Line[] = [
    ["Last-Modified", -DAY],
    ["Date", 0],
  ];
  requires("4.2.2", `heuristic-${status}-not_cached`, { status, says }, { status, from: "origin" });
}

// ---- What may be stored ------------------------------------------------------------------------------------------

for (const status of [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599]) {
  requires("3", `status-${status}-stale`, { status, says: stale }, { from: "origin" });
}
const misunderstood: readonly Line[] = [["Cache-Control", "max-age=3600, no-store, must-understand"]];
requires("5.2.2.3", "status-599-must-understand", { status: 599, says: misunderstood }, { from: "origin" });

again("5.2.2.7", "cc-resp-private-shared", [["Cache-Control", "private, max-age=3600"]], "origin", 0);
again("5.2.2.5", "cc-resp-no-store", [["Cache-Control", "no-store"]], "origin", 0);
again("5.2.2.5", "cc-resp-no-store-case-insensitive", [["Cache-Control", "No-StOrE"]], "origin", 0);
const yet: readonly Line[] = [
  ["Expires", 10_000],
  ["Date", 0],
];
again("5.2.2.5", "cc-resp-no-store-fresh", [["Cache-Control", "max-age=10000, no-store"], ...yet], "origin", 0);
for (const [suffix, value] of [
  ["new", "no-store"],
  ["max-age", "no-store, max-age=0"],
]) {
  requires(
    "5.2.2.5",
    `cc-resp-no-store-old-${suffix}`,
    { says: [["Cache-Control", "max-age=10000"], ...yet, ["A", "1"]], pause: PAUSE },
    {
      says: [
        ["Cache-Control", value],
        ["Date", 0],
        ["A", "2"],
      ],
      pause: PAUSE,
    },
    { from: "store", shows: [["A", "1"]] },
  );
}
again("5.2.2.4", "cc-resp-no-cache", [["Cache-Control", "max-age=10000, no-cache"], ...yet], "origin", 0);
again(
  "5.2.2.4",
  "cc-resp-no-cache-case-insensitive",
  [["Cache-Control", "max-age=10000, No-CaChE"], ...yet],
  "origin",
  0,
);
const renewable: readonly Line[] = [
  ["Cache-Control", "max-age=2, must-revalidate"],
  ["ETag", '"abcd"'],
];
requires(
  "5.2.2.2",
  "cc-resp-must-revalidate-stale",
  { says: renewable },
  { from: "store", pause: PAUSE },
  { says: renewable, from: "etag" },
);
requires(
  "3.5",
  "other-authorization",
  { sends: [["Authorization", "FOO"]], says: fresh, passes: [["authorization", "FOO"]] },
  { from: "origin" },
);

const kept = (name: string, value: string): void =>
  requires(
    "3.1",
    `headers-store-${name}`,
    { says: [["Date", 0], [name, value], ...cacheable(name)], pause: PAUSE },
    { from: "store", shows: [[name, value]] },
  );
const dropped = (name: string): void =>
  requires(
    "3.1",
    `headers-store-${name}`,
    {
      says: [
        ["Date", 0],
        [name, `${name}-value`, false],
        ["Cache-Control", "max-age=3600"],
      ],
      pause: PAUSE,
    },
    { from: "store", lacks: [name] },
  );
function cacheable(name: string): readonly Line[] {
  return name === "Cache-Control" ? [] : [["Cache-Control", "max-age=3600"]];
}
for (const name of ["Test-Header", "X-Test-Header", "Content-Foo", "X-Content-Foo"]) kept(name, `${name}-value`);
kept("Cache-Control", "max-age=3600");
for (const name of ["Content-Encoding", "Content-Range", "Public-Key-Pins"]) kept(name, `${name}-value`);
kept("Content-Length", "10");
kept("Content-Location", "/bar");
kept("Content-MD5", "N7UdGUp1E+RbVvZSTy1R8g==");
kept("Content-Security-Policy", "default-src 'self' cdn.example.com");
kept("Content-Type", "text/plain;charset=utf-8");
kept("Clear-Site-Data", "cookies");
kept("ETag", '"ghijkl"');
kept("Expires", "Mon, 11 Jan 2038 11:11:11 GMT");
kept("Set-Cookie", "a=c");
kept("Set-Cookie2", "a=c");
kept("X-Frame-Options", "sameorigin");
kept("X-XSS-Protection", "1; mode=block");
for (const name of ["Keep-Alive", "TE", "Transfer-Encoding", "Upgrade", "Connection"]) dropped(name);
for (const part of ["Authenticate", "Authentication-Info", "Authorization", "Connection"]) dropped(`Proxy-${part}`);
requires(
  "3.1",
  "headers-omit-headers-listed-in-Connection",
  { says: [...fresh, ["Connection", "a, b", false], ["a", "1", false], ["b", "2", false], ["c", "3", false]] },
  { from: "store", shows: [["c", "3"]], lacks: ["a", "b"] },
);

export const storing = all;
