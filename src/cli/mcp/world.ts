/**
 * What the tools of `switchyard mcp` stand on: the policy file; the gateway that serves it, if one runs; else an archive
 * that a person named. Must not start a gateway, must not write without being allowed to, and reveals no secret.
 */
import { createHash } from "node:crypto";
import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import {
  AgentProblem,
  trafficOf,
  type AgentPolicy,
  type AgentTraffic,
  type AgentWorld,
  type EditMade,
} from "../../agents/world.ts";
import type { ExplainRequest } from "../../contract/explaining.ts";
import type { Detail } from "../../contract/detail.ts";
import type { DiagnosticView } from "../../contract/policy.ts";
import type { PassingFix } from "../../contract/what-if.ts";
import { PolicyReader } from "../../gateway/control/policy-reader.ts";
import { Mask } from "../../gateway/record/mask.ts";
import type { Plan } from "../../model/plan.ts";
import { applyEdits } from "../../policyfile/edit.ts";
import { decideDescribed } from "../described.ts";
import { NoPolicy, policyText } from "../policy-text.ts";
import { ArchiveTraffic } from "./archive-traffic.ts";
import type { Archive } from "./archive.ts";
import type { GatewayLink } from "./gateway-link.ts";

export interface FileWorldOptions {
  readonly file: string;
  readonly link: GatewayLink;
  readonly archive?: Archive;
  readonly mayEdit: boolean;
}

export class FileWorld implements AgentWorld {
  readonly edit: AgentWorld["edit"];
  readonly #options: FileWorldOptions;
  readonly #reader: PolicyReader;
  /** Plans of this file as it was: their keys may still stand in what is recorded. */
  readonly #plans = new Map<string, Plan>();
  #archived: { readonly text: string; readonly traffic: Promise<ArchiveTraffic> } | undefined;

  constructor(options: FileWorldOptions) {
    this.#options = options;
    this.#reader = new PolicyReader(options.file);
    this.edit = options.mayEdit ? (edits, mark) => this.#edit(edits, mark) : undefined;
  }

  async traffic(): Promise<AgentTraffic> {
    const { file, link, archive } = this.#options;
    const gateway = await link.find();
    if (gateway !== undefined) return trafficOf(gateway);
    if (archive !== undefined) return this.#archiveTraffic(archive);
    throw new AgentProblem(
      `No gateway that serves ${file} runs for this user, so nothing is recorded.`,
      `Ask the person to start one (switchyard run ${file}, or Start Gateway in VS Code) and to send requests through it, or to start this server with --har. A described request needs neither: explain_request with url.`,
    );
  }

  async explain(request: ExplainRequest): Promise<Detail> {
    const { file, link } = this.#options;
    const gateway = await link.find();
    if (gateway !== undefined) return gateway.explain(request);
    try {
      const decided = await decideDescribed(file, request);
      if ("detail" in decided) return decided.detail;
    } catch (error) {
      throw error instanceof NoPolicy ? noPolicy(error) : error;
    }
    throw this.#unusable(this.#text());
  }

  async policy(): Promise<AgentPolicy> {
    const text = this.#text();
    return { file: this.#options.file, text, mark: markOf(text) };
  }

  async problem(text: string): Promise<{ line: number; message: string } | undefined> {
    const wrong = this.#errorOf(text);
    return wrong && { line: wrong.location.line, message: wrong.message };
  }

  async secrets(text: string): Promise<readonly string[]> {
    return this.#plan(text).secrets ?? [];
  }

  conceal<T>(value: T): T {
    try {
      this.#plan(this.#text());
    } catch {
      // A file that cannot be read now has no keys that were not known before.
    }
    return Mask.of(this.#plans.values()).deep(value);
  }

  close(): void {
    this.#options.link.close();
  }

  #archiveTraffic(archive: Archive): Promise<ArchiveTraffic> {
    const text = this.#text();
    if (this.#archived?.text !== text)
      this.#archived = { text, traffic: ArchiveTraffic.decide(archive, this.#reader, this.#plan(text)) };
    return this.#archived.traffic;
  }

  /** @throws AgentProblem */
  #text(): string {
    try {
      return policyText(this.#options.file);
    } catch (error) {
      throw error instanceof NoPolicy ? noPolicy(error) : error;
    }
  }

  /** @throws AgentProblem when the text cannot be used. */
  #plan(text: string): Plan {
    const known = this.#plans.get(text);
    if (known !== undefined) return known;
    const { plan } = this.#reader.read(text);
    if (plan === undefined) throw this.#unusable(text);
    if (this.#plans.size >= MOST_PLANS) for (const oldest of this.#plans.keys()) if (this.#plans.delete(oldest)) break;
    this.#plans.set(text, plan);
    return plan;
  }

  #errorOf(text: string): DiagnosticView | undefined {
    return this.#reader.read(text).diagnostics.find(({ severity }) => severity === "error");
  }

  #unusable(text: string): AgentProblem {
    const wrong = this.#errorOf(text);
    const where = wrong === undefined ? "" : ` Line ${wrong.location.line}: ${wrong.message}`;
    return new AgentProblem(
      `${this.#options.file} cannot be used as it is.${where}`,
      "Have that mended first; switchyard check tells all that is wrong.",
    );
  }

  /** Beside it and renamed, so that whoever follows the file never reads half of it. */
  async #edit(edits: PassingFix["edits"], mark: string): Promise<EditMade> {
    const { file } = this.#options;
    const before = this.#text();
    if (markOf(before) !== mark)
      throw new AgentProblem(`${file} has changed meanwhile.`, "Call propose_fix without apply again.");
    const text = applyEdits(before, edits);
    if (this.#reader.read(text).plan === undefined)
      throw new AgentProblem(`${file} would be no valid policy any more, so nothing was written.`, "Tell the person.");
    const path = realpathSync(file);
    const beside = `${path}.${process.pid}.tmp`;
    try {
      writeFileSync(beside, text, { mode: statSync(path).mode & 0o777, flag: "wx" });
      renameSync(beside, path);
    } catch (error) {
      rmSync(beside, { force: true });
      const why = error instanceof Error ? error.message : String(error);
      throw new AgentProblem(`${file} could not be written: ${why}`, "Tell the person.");
    }
    return {
      mark: markOf(text),
      sentence: `Written to ${file}. A gateway that runs applies it within a second.`,
    };
  }
}

const MOST_PLANS = 16;

function noPolicy(error: NoPolicy): AgentProblem {
  return new AgentProblem(
    error.message,
    "Have this server started with the path of the policy file: switchyard mcp FILE.",
  );
}

function markOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
