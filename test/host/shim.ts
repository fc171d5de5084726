/**
 * What a desktop VS Code does with `--extensionDevelopmentPath` and `--extensionTestsPath`, done with the server and a
 * headless browser: opens a window on the folder, lets its extension host run the suite, prints what that says and
 * answers the suite's exit code. Other parameters of the desktop mean nothing here and are passed over.
 * Must not judge the suite: an extension host that is killed reports 0, so test/host/run.ts asks for its totals too.
 */
import { resolve } from "node:path";
import { format } from "node:util";
import { LOADING } from "../e2e/window/expect.ts";
import { CodeServer } from "../e2e/window/server.ts";
import { browser, closeBrowser } from "../e2e/window/workbench.ts";

/** Begins each line that the suite prints; other lines are the workbench's own. */
const MARK = "switchyard-suite:";
/** Milliseconds that a whole suite may take. */
const PATIENCE = 3_600_000;

/** Answers the exit code of the suite; 1 when the window never reported one. */
export async function runLikeDesktop(parameters: readonly string[]): Promise<number> {
  const extension = valueOf(parameters, "extensionDevelopmentPath");
  const suite = valueOf(parameters, "extensionTestsPath");
  const folder = parameters.find((parameter) => !parameter.startsWith("--"));
  if (extension === undefined || suite === undefined || folder === undefined) {
    console.error("usage: vscode-shim.mjs FOLDER --extensionDevelopmentPath=PATH --extensionTestsPath=PATH");
    return 2;
  }
  const workbench: string[] = [];
  const server = await CodeServer.start({ testDriver: true, environment: { SWITCHYARD_HOST_MARK: MARK } });
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void server.stop().finally(() => process.exit(130)));
  try {
    const there = (path: string): string => `vscode-remote://127.0.0.1:${server.port}${encodeURI(resolve(path))}`;
    const payload = [
      ["extensionDevelopmentPath", there(extension)],
      ["extensionTestsPath", there(suite)],
    ];
    const address = `${server.address(resolve(folder))}&payload=${encodeURIComponent(JSON.stringify(payload))}`;
    const code = await exitCode(address, workbench);
    if (code !== 0) console.error(`What the window said last:\n${workbench.slice(-30).join("\n")}`);
    if (code === undefined) console.error(`The suite did not end within ${PATIENCE / 1000} s.\n${server.said}`);
    return code ?? 1;
  } finally {
    await closeBrowser();
    await server.stop();
  }
}

function valueOf(parameters: readonly string[], name: string): string | undefined {
  const start = `--${name}=`;
  return parameters.find((parameter) => parameter.startsWith(start))?.slice(start.length);
}

/** Opens the window and waits for its word. undefined = none came in time. */
async function exitCode(address: string, workbench: string[]): Promise<number | undefined> {
  const context = await (
    await browser()
  ).newContext({ viewport: { width: 1400, height: 900 }, permissions: ["clipboard-read", "clipboard-write"] });
  try {
    const page = await context.newPage();
    page.setDefaultNavigationTimeout(LOADING);
    let late: NodeJS.Timeout | undefined;
    const ended = new Promise<number | undefined>((tell) => {
      late = setTimeout(() => tell(undefined), PATIENCE);
      const exposed = [
        page.exposeFunction("codeAutomationLog", (_type: string, words: unknown[]) => {
          if (!print(words)) workbench.push(format(...words));
        }),
        page.exposeFunction("codeAutomationExit", (code: number) => tell(code)),
      ];
      Promise.all(exposed)
        .then(() => page.goto(address))
        .catch((problem: unknown) => {
          console.error(String(problem));
          tell(1);
        });
    });
    const code = await ended;
    clearTimeout(late);
    return code;
  } finally {
    await context.close();
  }
}

/** Prints what the suite says; false = it was somebody else. */
function print([first, ...rest]: readonly unknown[]): boolean {
  if (typeof first !== "string" || !first.startsWith(MARK)) return false;
  console.log(first.slice(MARK.length), ...rest);
  return true;
}
