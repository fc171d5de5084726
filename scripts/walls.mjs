/**
 * Checks the walls between the rooms (.dependency-cruiser.cjs) and that the checker really read the code:
 * with a TypeScript it cannot use, dependency-cruiser exits 0 having read nothing.
 *
 *   node scripts/walls.mjs [folder]      folder: a checkout, default this one
 *
 * Must not fix anything.
 */
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { cruise } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), ".."));
process.chdir(root);
const rules = createRequire(import.meta.url)(
  join(dirname(fileURLToPath(import.meta.url)), "../.dependency-cruiser.cjs"),
);

const sources = ["src", "webview"].flatMap((folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name.endsWith(".ts"),
  ),
);
const { output } = await cruise(
  ["src", "webview"],
  { ruleSet: { forbidden: rules.forbidden }, validate: true, ...rules.options },
  rules.options.enhancedResolveOptions,
  { tsConfig: extractTSConfig("tsconfig.json") },
);
const own = output.modules.filter(({ source }) => /^(src|webview)\/.*\.ts$/.test(source));
const problems = output.summary.violations.map(
  ({ rule, from, to, cycle }) =>
    `${from} -> ${cycle ? cycle.map((step) => step.name ?? step).join(" -> ") : to}: ${rule.name}. ${
      rules.forbidden.find(({ name }) => name === rule.name)?.comment ?? ""
    }`,
);
if (own.length < sources.length)
  problems.push(
    `dependency-cruiser read ${own.length} of ${sources.length} source files: its verdict would be worth nothing.`,
  );

/** Every stylesheet and import arrow aside: the core must not even name a clock or a source of randomness. */
const lintConfig = JSON.parse(readFileSync(".oxlintrc.json", "utf8"));
if (!lintConfig.overrides?.some(({ files }) => files.some((pattern) => pattern.startsWith("src/decide"))))
  problems.push(".oxlintrc.json no longer bans clocks and randomness in the pure rooms.");

for (const problem of problems) console.error(problem);
console.log(`${own.length} files, ${output.summary.totalDependenciesCruised} imports, ${problems.length} violations`);
process.exitCode = problems.length ? 1 : 0;
