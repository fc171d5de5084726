/**
 * What axe finds wrong with a page as it stands. Must not judge less than all of axe's rules: only what passed is left out
 * of what comes back from the browser, which would be the HTML of the whole page again and again.
 */
import axe from "axe-core";
import type { Page } from "playwright-core";

/**
 * @param rules all of axe's when absent.
 * @returns a sentence of each violation, beginning with `what`; none when all is well.
 */
export async function violations(page: Page, what: string, rules?: readonly string[]): Promise<string[]> {
  if (!(await page.evaluate<boolean>("'axe' in window"))) await page.evaluate(axe.source);
  const found = await page.evaluate<axe.Result[]>(
    `axe.run({ resultTypes: ["violations"], ...${JSON.stringify(rules === undefined ? {} : { runOnly: rules })} }).then(({ violations }) => violations)`,
  );
  return found.map(
    ({ id, nodes }) =>
      `${what}: ${id}: ${nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary ?? ""}`).join("; ")}`,
  );
}
