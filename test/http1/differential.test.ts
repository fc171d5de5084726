/**
 * Differential fuzzing: wherever our reader accepts a message, llhttp must read the very same one, for requests and for responses.
 * Where two readers of one stream disagree, requests are smuggled. Being stricter than llhttp is fine; being looser is not,
 * but for the differences named below.
 *
 * FUZZ_RUNS=300000 for more mutants, FUZZ_SEED=n for others.
 */
import assert from "node:assert/strict";
import http from "node:http";
import type { Message, Transcript } from "./drive.ts";
import { drive } from "./drive.ts";
import type { Foreign, ForeignMessage } from "./llhttp.ts";
import { requestsByLlhttp, responseByLlhttp } from "./llhttp.ts";
import { mutant, randomOf } from "./mutate.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 8000);
const SEED = Number(process.env.FUZZ_SEED ?? 1);

/** Difference 1: any token is a method for us; llhttp knows a list (and reads SOURCE and PRI as other protocols). */
const KNOWN_METHODS: ReadonlySet<string> = new Set(http.METHODS.filter((method) => method !== "SOURCE"));

/**
 * Difference 2: behind a request that offers an upgrade llhttp stops, since the answer decides whose bytes follow; so does our engine.
 * In HTTP/1.0 there is no upgrade (RFC 9110 section 7.8): we read on, and do not send the offer on.
 */
function offersUpgrade(message: Message): boolean {
  const names = (name: string) =>
    message.fields.filter((field) => field[0].toLowerCase() === name).map((field) => field[1]);
  return names("upgrade").length > 0 && names("connection").some((value) => /upgrade/i.test(value));
}

function beforeUpgrade(messages: readonly Message[]): Message[] {
  const offer = messages.findIndex(offersUpgrade);
  return messages.slice(0, offer < 0 ? undefined : offer + 1);
}

function fieldsOf(lines: readonly [string, string][]): string {
  return lines.map(([name, value]) => `${name}: ${value}\n`).join("");
}

function startOf(message: Message | ForeignMessage): string {
  return message.status > 0 ? String(message.status) : `${message.method} ${message.target}`;
}

/** Ours are llhttp's without the dropped ones. */
function trailersAgree(ours: string, theirs: readonly [string, string][]): boolean {
  const lines = new Set(theirs.map(([name, value]) => `${name}:${value}`));
  return ours
    .split("\r\n")
    .slice(0, -1)
    .every((line) =>
      lines.has(
        `${line.slice(0, line.indexOf(":"))}:${line.slice(line.indexOf(":") + 1).replace(/^[ \t]+|[ \t]+$/g, "")}`,
      ),
    );
}

/** What is not the same, or "". */
function disagreement(ours: Message, theirs: ForeignMessage | undefined): string {
  if (theirs === undefined) return "llhttp read no such message";
  if (startOf(ours) !== startOf(theirs) || ours.minor !== theirs.minor) return "the start lines differ";
  if (fieldsOf(ours.fields) !== fieldsOf(theirs.fields)) return "the fields differ";
  if (ours.body !== theirs.body) return "the bodies differ";
  if (!trailersAgree(ours.trailers, theirs.trailers)) return "the trailers differ";
  return theirs.complete ? "" : "llhttp did not see the end";
}

function fail(problem: string, input: Buffer, ours: Transcript, theirs: Foreign, run: number): never {
  const bytes = JSON.stringify(input.toString("latin1"));
  const said = `ours: ${JSON.stringify(ours)}\nllhttp: ${JSON.stringify(theirs)}`;
  assert.fail(`${problem}, run ${run} of seed ${SEED}: ${bytes}\n${said}`);
}

function judgeRequests(input: Buffer, finish: boolean, run: number): boolean {
  const ours = drive("request", input, [], { finish });
  const complete = beforeUpgrade(ours.messages).filter((message) => message.ended);
  if (complete.some((message) => !KNOWN_METHODS.has(message.method))) return false;
  const theirs = requestsByLlhttp(input, finish);
  for (const [index, message] of complete.entries()) {
    const problem = disagreement(message, theirs.messages[index]);
    if (problem !== "") fail(problem, input, ours, theirs, run);
  }
  if (ours.error === "" && !ours.messages.some(offersUpgrade)) {
    if (theirs.messages.filter((message) => message.complete).length !== complete.length) {
      fail("llhttp read more", input, ours, theirs, run);
    }
    if (ours.idle && theirs.error !== "") fail("llhttp refused", input, ours, theirs, run);
  }
  return complete.length > 0;
}

async function judgeResponse(input: Buffer, method: string, finish: boolean, run: number): Promise<boolean> {
  const ours = drive("response", input, [], { methods: [method], finish });
  const final = ours.messages.findIndex((message) => message.status >= 200);
  const complete = ours.messages.slice(0, final < 0 ? undefined : final + 1).filter((message) => message.ended);
  if (complete.length === 0) return false;
  const theirs = await responseByLlhttp(input, method, finish);
  for (const [index, message] of complete.entries()) {
    const problem = disagreement(message, theirs.messages[index]);
    if (problem !== "") fail(problem, input, ours, theirs, run);
  }
  return true;
}

describe("Beside llhttp", () => {
  it(`reads the same requests, wherever it accepts them (${RUNS} mutants)`, function () {
    this.timeout(0);
    const random = randomOf(SEED);
    let accepted = 0;
    for (let run = 0; run < RUNS; run++) {
      const input = mutant("request", random);
      const finish = random() < 0.5;
      if (judgeRequests(input, finish, run)) accepted++;
      const cut = Math.floor(random() * (input.length + 1));
      assert.deepEqual(drive("request", input, [cut], { finish }), drive("request", input, [], { finish }));
    }
    assert.ok(accepted > RUNS / 20, `only ${accepted} mutants were accepted: the fuzzer no longer tests anything`);
  });

  it(`reads the same responses, wherever it accepts them (${Math.ceil(RUNS / 4)} mutants)`, async function () {
    this.timeout(0);
    const random = randomOf(SEED + 1);
    let accepted = 0;
    for (let run = 0; run < RUNS / 4; run++) {
      const input = mutant("response", random);
      const finish = random() < 0.7;
      const method = random() < 0.2 ? "HEAD" : "GET";
      if (await judgeResponse(input, method, finish, run)) accepted++;
      const cut = Math.floor(random() * (input.length + 1));
      const options = { methods: [method], finish };
      assert.deepEqual(drive("response", input, [cut], options), drive("response", input, [], options));
    }
    assert.ok(accepted > RUNS / 80, `only ${accepted} mutants were accepted: the fuzzer no longer tests anything`);
  });
});
