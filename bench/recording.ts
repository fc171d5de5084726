/**
 * What 100,000 recorded requests cost the gateway in memory, and how long a filter over them takes.
 * Run alone: node --expose-gc --import tsx bench/recording.ts
 */
import { compileFilter } from "../src/gateway/record/filter/compile.ts";
import { parseFilter } from "../src/gateway/record/filter/syntax.ts";
import { FilterView } from "../src/gateway/record/filter-view.ts";
import { Recorder } from "../src/gateway/record/recorder.ts";
import { planOf, POLICY, record } from "../src/gateway/record/recording.fixture.ts";

const REQUESTS = 100_000;
const collect = (globalThis as { gc?: () => void }).gc ?? (() => {});
const resident = (): number => {
  collect();
  return process.memoryUsage().rss;
};

const recorder = new Recorder({ now: () => 2000 });
recorder.plans.add(1, planOf(POLICY), 0);
const fields = ["Accept: application/json", "User-Agent: bench/1.0 (a name of common length)", "X-Tenant: acme"];
const fill = (count: number): void => {
  for (let n = 0; n < count; n++)
    record(recorder, {
      path: `/orders/${n}`,
      status: n % 9 === 0 ? 404 : 200,
      took: n % 400,
      caller: `user-${n % 50}`,
      fields,
    });
};

fill(5000);
recorder.clear();
const before = resident();
const started = performance.now();
fill(REQUESTS);
const each = ((performance.now() - started) / REQUESTS) * 1000;
const growth = resident() - before;
console.log(`${recorder.total} rows, ${each.toFixed(2)} us each (the making of the request included)`);
console.log(
  `growth ${(growth / 1_048_576).toFixed(1)} MiB, accounted ${(recorder.bytes / 1_048_576).toFixed(1)} MiB; bar 64`,
);

const context = { recorder, wallClock: () => Date.now(), savedAt: () => 0 };
for (const text of [
  "status:404 dur>250ms",
  "path:/orders/77*",
  "path~/orders/\\d*7$",
  "req.x-tenant:acme",
  "key:user-7",
]) {
  const parsed = parseFilter(text);
  if ("problem" in parsed) throw new Error(parsed.problem.message);
  const times = [1, 2, 3].map(() => {
    const from = performance.now();
    const view = new FilterView(recorder, text, compileFilter(parsed.filter, context));
    view.catchUp();
    view.close();
    return performance.now() - from;
  });
  console.log(
    `filter ${text.padEnd(24)} ${Math.min(...times).toFixed(1)} ms best, ${Math.max(...times).toFixed(1)} worst; bar 50`,
  );
}
