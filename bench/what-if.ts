/**
 * What "what if" costs those who send requests meanwhile, and how long it takes whoever asks. Four processes, as on
 * somebody's laptop: a backend, the built gateway as the extension forks it, a steady load, and this one, which asks over the
 * extension's own road about edits that change every recorded request (the longest answer there is), with a page watching.
 * In turn straight to the backend, through the gateway left alone and through it asked, many short rounds: what the gateway
 * adds is the difference, and what of it is a question's is read from the processor time of the gateway's one event loop.
 * Must not compare with another run: a shared machine differs from minute to minute.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createBirpc, type BirpcReturn } from "birpc";
import type { GatewayFunctions, WatcherFunctions } from "../src/contract/calls.ts";
import { FRAMING, type Frame } from "../src/contract/frames.ts";
import { GatewayProcess } from "../src/extension/gateway-process.ts";
import { median, quantile, table, type Bench } from "./bench.ts";
import { freePort, root, scratchFolder, start } from "./peers.ts";
import { benchToken, fullPolicy } from "./policies.ts";

const PER_SECOND = 500;
const RECORDED = 2048;
/** Milliseconds between two questions: as fast as somebody types, and never silent. */
const BETWEEN = 500;

/** As the policy of the benches, but for the limit. */
const policyOf = (port: number, backend: number, requests: number): string =>
  fullPolicy
    .replaceAll("{port}", String(port))
    .replaceAll("{backend}", String(backend))
    .replace("requests: 100000000", `requests: ${requests}`);

const LARGE = 100_000_000;
/** Under this one nearly every recorded request would have been refused. */
const SMALL = 20;

type Calls = BirpcReturn<GatewayFunctions, WatcherFunctions>;
type Way = "direct" | "alone" | "asked";

/** What the gateway's event loop had of its processor, milliseconds since it started. Zeros where the system does not say. */
function loopTimes(pid: number): { readonly ran: number; readonly waited: number } {
  try {
    const [ran, waited] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "latin1").split(" ").map(Number);
    return { ran: ran / 1e6, waited: waited / 1e6 };
  } catch {
    return { ran: 0, waited: 0 };
  }
}

function sessionOf(gateway: GatewayProcess, name: string): Calls {
  let receive: (frame: unknown) => void = () => {};
  const session = gateway.connect(name, (frame) => receive(frame));
  const deaf: WatcherFunctions = {
    traffic: () => {},
    servicesChanged: () => {},
    limitsChanged: () => {},
    statusChanged: () => {},
    whatIfChanged: () => {},
  };
  return createBirpc<GatewayFunctions, WatcherFunctions>(deaf, {
    post: (frame: Frame) => session.send(frame),
    on: (listener) => void (receive = listener),
    ...FRAMING,
  });
}

class Measured {
  readonly #folder = scratchFolder();
  readonly #load: ChildProcess = fork(join(root, "bench/load-process.mjs"));
  readonly #request = `GET /orders/{n} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${benchToken()}\r\nX-Api-Key: demo-web-key\r\n\r\n`;
  #backend: Awaited<ReturnType<typeof start>> | undefined;
  #gateway: GatewayProcess | undefined;
  #port = 0;

  async open(): Promise<void> {
    const backend = await freePort();
    this.#port = await freePort();
    const code = `require("node:http").createServer((q, r) => { q.resume(); r.setHeader("content-length", 2); r.end("{}"); }).listen(${backend}, "127.0.0.1").keepAliveTimeout = 60000`;
    this.#backend = await start("backend", backend, process.execPath, ["-e", code]);
    writeFileSync(join(this.#folder, "switchyard.yaml"), this.text(LARGE));
    this.#gateway = await GatewayProcess.start({
      script: join(root, "dist/gateway.js"),
      file: "switchyard.yaml",
      folder: this.#folder,
      mayRun: false,
      agentAccess: false,
      onLine: (line) => console.error(line),
      onGone: (how, expected) => expected || console.error(how),
    });
  }

  get gateway(): GatewayProcess {
    if (this.#gateway === undefined) throw new Error("The gateway has not been started.");
    return this.#gateway;
  }

  text(requests: number): string {
    return policyOf(this.#port, this.#backend?.port ?? 0, requests);
  }

  /** Microseconds of each request of one round. */
  async round(way: Way, seconds: number): Promise<number[]> {
    const port = way === "direct" ? this.#backend?.port : this.#port;
    this.#load.send({ port, request: this.#request, perSecond: PER_SECOND, seconds });
    const [times] = (await once(this.#load, "message")) as [number[]];
    return times;
  }

  async close(): Promise<void> {
    this.#load.disconnect();
    await this.#gateway?.stop(2000);
    await this.#backend?.stop();
  }
}

/** Milliseconds of each answer, and the gateway's own word of how long its thread took. */
type Answer = readonly [seen: number, thread: number];

async function question(calls: Calls, text: string): Promise<Answer> {
  const begun = performance.now();
  const result = await calls.whatIf(text, true);
  if (result.kind !== "compared" || result.view.rejected < RECORDED / 2) throw new Error(`answered ${result.kind}`);
  return [performance.now() - begun, result.view.milliseconds];
}

/** Asks about two texts in turn, so that none is answered from the one before, until it is told to stop. */
async function asking(calls: Calls, texts: readonly string[], going: () => boolean): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let turn = 0; going(); turn++) {
    answers.push(await question(calls, texts[turn % texts.length]));
    await delay(BETWEEN);
  }
  return answers;
}

export const whatIf: Bench = async (smoke) => {
  const rounds = smoke ? 1 : Number(process.env.BENCH_ROUNDS ?? 12);
  const seconds = smoke ? 1 : 3;
  const measured = new Measured();
  try {
    await measured.open();
    const editor = sessionOf(measured.gateway, "extension");
    const page = sessionOf(measured.gateway, "page-1");
    await page.watch({ status: true, whatIf: true, traffic: { filter: "" } });
    for (let recorded = 0; recorded < 1.5 * RECORDED; recorded += PER_SECOND) await measured.round("alone", 1);
    const texts = [SMALL, SMALL + 1].map((requests) => measured.text(requests));
    // The policy comes into sight; whoever opened it types a moment later.
    const opened = performance.now();
    await editor.prepareWhatIf();
    const accepted = performance.now() - opened;
    if (process.env.BENCH_PREPARED !== "no") await delay(smoke ? 0 : 3000);
    const [first] = await question(editor, texts[1]);
    await editor.endWhatIf();

    const times: Record<Way, number[]> = { direct: [], alone: [], asked: [] };
    const loop: Record<"alone" | "asked", { ran: number; waited: number }[]> = { alone: [], asked: [] };
    const answers: Answer[] = [];
    const { processId } = measured.gateway;
    for (let turn = 0; turn < rounds; turn++) {
      times.direct.push(...(await measured.round("direct", seconds)));
      for (const way of turn % 2 ? (["alone", "asked"] as const) : (["asked", "alone"] as const)) {
        const before = loopTimes(processId);
        let going = way === "asked";
        const asked = asking(editor, texts, () => going);
        times[way].push(...(await measured.round(way, seconds)));
        going = false;
        answers.push(...(await asked));
        await editor.endWhatIf();
        const after = loopTimes(processId);
        loop[way].push({ ran: after.ran - before.ran, waited: after.waited - before.waited });
      }
    }
    return lines(times, loop, answers, { first, accepted });
  } finally {
    await measured.close();
  }
};

function lines(
  times: Record<Way, number[]>,
  loop: Record<"alone" | "asked", { ran: number; waited: number }[]>,
  answers: readonly Answer[],
  { first, accepted }: { readonly first: number; readonly accepted: number },
): string[] {
  const shares = [0.5, 0.9, 0.99, 0.999];
  const sorted = Object.fromEntries(Object.entries(times).map(([way, all]) => [way, all.toSorted((a, b) => a - b)]));
  const at = (way: Way, share: number): number => quantile(sorted[way], share);
  const row = (name: string, way: Way): string[] => [
    name,
    ...shares.map((share) => `${Math.round(at(way, share))} us`),
    String(times[way].length),
  ];
  const added = (way: Way, share: number): number => at(way, share) - at("direct", share);
  const sum = (way: "alone" | "asked", what: "ran" | "waited"): number =>
    loop[way].reduce((total, one) => total + one[what], 0);
  const each = (what: "ran" | "waited"): string =>
    ((sum("asked", what) - sum("alone", what)) / answers.length).toFixed(1);
  const seen = answers.map(([milliseconds]) => milliseconds);
  return [
    ...table([
      [`${PER_SECOND} requests/s`, "p50", "p90", "p99", "p99.9", "requests"],
      row("straight to the backend", "direct"),
      row("nobody asks", "alone"),
      row(`a question every ${BETWEEN} ms`, "asked"),
    ]),
    `added by the gateway, alone and asked: p50 ${Math.round(added("alone", 0.5))} and ${Math.round(added("asked", 0.5))} us, p99 ${Math.round(added("alone", 0.99))} and ${Math.round(added("asked", 0.99))} us`,
    `a question costs the gateway's event loop ${each("ran")} ms of its processor, and ${each("waited")} ms of waiting for it`,
    `one question over ${RECORDED} and more requests: first ${first.toFixed(0)} ms, then median ${median(seen).toFixed(0)} ms, worst ${Math.max(...seen).toFixed(0)} ms (${median(answers.map(([, thread]) => thread)).toFixed(0)} ms of it in the thread); preparing was accepted after ${accepted.toFixed(0)} ms`,
  ];
}
