/**
 * What the person wants of the gateway, one method each: asked about where it needs an answer, done, and its outcome
 * said. A wish never throws: what goes wrong is said in words.
 * Must not draw, and must not decide what is shown: it says so to its place.
 */
import type { AnalyticsView, AnalyticsWindow } from "../src/contract/analytics.ts";
import { importArchive, importWords, MOST_ARCHIVE_BYTES, readArchive, tooLarge } from "../src/contract/archive.ts";
import type { Detail } from "../src/contract/detail.ts";
import type { BucketChange } from "../src/contract/limits.ts";
import type { BucketAct } from "./areas/limits-view.ts";
import type { ReplicaAct } from "./areas/replica-menu.ts";
import { looksLike } from "./channel/guard.ts";
import type { Host } from "./channel/host.ts";
import { mintInPage } from "./detail/mint.ts";
import { Resend } from "./detail/resend.ts";
import { askLeft, askReveal } from "./parts/dialogs.ts";
import { whole } from "./parts/words.ts";
import type { Session } from "./session.ts";

export interface WishPlace {
  /** Dialogs are shown in it. */
  readonly parent: HTMLElement;
  /** @param more how long the words stay, milliseconds, and what is offered beside them to undo it. */
  say(text: string, more?: { readonly act?: () => void; readonly within: number }): void;
  /** Shows the detail of a row. */
  open(id: number): void;
  /** Shows the rows that a filter lets through. */
  filter(text: string): void;
}

/** Milliseconds that words stay of which there is more to read. */
const LONG = 8000;
const SELECT_FIRST = "Select a request first.";
/** Milliseconds that an undo is offered for at the least: a person needs as long to see it. */
const SHORTEST_UNDO = 1000;

export class Wishes {
  readonly #session: Session;
  readonly #host: Host;
  readonly #place: WishPlace;
  readonly #resend: Resend;
  /** Secrets were allowed to be shown, until the page is closed. */
  #mayReveal = false;

  constructor(session: Session, host: Host, place: WishPlace) {
    this.#session = session;
    this.#host = host;
    this.#place = place;
    this.#resend = new Resend(place);
  }

  // ---- Of the selected request --------------------------------------------------------------------------------

  replay(): void {
    const { detail, row: selected, connection } = this.#session;
    const row = detail?.row ?? selected;
    if (row === undefined) return this.#place.say(SELECT_FIRST);
    void this.#resend.replay(row, (id) => Promise.resolve(connection.gateway.replayRequest(id)));
  }

  edit(): void {
    const { selected, connection } = this.#session;
    if (selected === -1) return this.#place.say(SELECT_FIRST);
    if (!this.#host.editRequest(selected)) void this.#resend.edit(selected, connection.gateway);
  }

  mint(): void {
    const { selected, connection } = this.#session;
    if (selected === -1) return this.#place.say(SELECT_FIRST);
    if (this.#host.mintPassingToken(selected)) return;
    void mintInPage(selected, connection.gateway, this.#host, (text) => this.#place.say(text));
  }

  /** Pins the selected request, or lets go of it. */
  async pin(): Promise<void> {
    const { detail, row: selected, connection } = this.#session;
    const row = selected ?? detail?.row;
    if (row === undefined) return this.#place.say(SELECT_FIRST);
    await this.#try(async () => {
      const result = await connection.gateway.pin(row.id, !row.tags.includes("pinned"));
      if (result.kind === "refused") return this.#place.say(result.message);
      if (detail !== undefined) void this.#session.loadDetail(detail.revealed);
      const rest = `${result.count} of ${result.most} pinned`;
      this.#place.say(
        result.kind === "pinned" ? `Pinned: kept when the ring lets go of it; ${rest}` : `Unpinned; ${rest}`,
      );
    }, "Nothing was pinned: ");
  }

  async openPolicy(): Promise<void> {
    const place = await this.#ofDetail((detail) => detail.verdict.location);
    if (place !== undefined) this.#host.openLocation(place);
  }

  async copyCurl(): Promise<void> {
    const line = await this.#ofDetail((detail) => detail.curl);
    if (line === "") this.#place.say("A connection of layer 4 has no request that could be sent again.");
    else if (line !== undefined) this.#host.copyText(line);
  }

  /** A part of the selected request's detail, which is asked for if it is not there yet; undefined: it was said why. */
  async #ofDetail<Part>(part: (detail: Detail) => Part | undefined): Promise<Part | undefined> {
    const session = this.#session;
    if (session.selected === -1) {
      this.#place.say(SELECT_FIRST);
      return undefined;
    }
    const detail = session.detail ?? (await session.loadDetail(false));
    if (detail === undefined && session.detailProblem !== "") {
      this.#place.say(`The request could not be read: ${session.detailProblem}`);
      return undefined;
    }
    const found = detail === undefined ? undefined : part(detail);
    if (found === undefined) this.#place.say("No line of the policy decided this request.");
    return found;
  }

  async reveal(): Promise<void> {
    this.#mayReveal ||= await askReveal(this.#place.parent);
    if (!this.#mayReveal) return;
    await this.#session.loadDetail(true);
    if (this.#session.detailProblem !== "") this.#place.say(`Nothing was revealed: ${this.#session.detailProblem}`);
  }

  // ---- Of the recording ---------------------------------------------------------------------------------------

  async setRecording(on: boolean): Promise<void> {
    await this.#try(async () => {
      await this.#session.connection.gateway.setRecording(on);
      await this.#session.watch();
    });
  }

  async exportHar(): Promise<void> {
    await this.#try(async () => {
      const { connection, traffic } = this.#session;
      const { text, count, matched } = await connection.gateway.exportHar(traffic.filter);
      if (count === 0) return this.#place.say("There is no ended HTTP request to export.");
      this.#host.openText("switchyard.har", "json", text);
      const part = count < matched ? `the newest ${whole(count)} of ${whole(matched)}` : whole(count);
      this.#place.say(`Exported ${part} requests, secrets masked`);
    }, "Nothing was exported: ");
  }

  importHar(): void {
    if (this.#host.importHar()) return;
    const input = document.createElement("input");
    input.type = "file";
    input.accept = ".har,.json,application/json";
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file !== undefined) void this.#import(file);
    });
    input.click();
  }

  async #import(file: File): Promise<void> {
    await this.#try(async () => {
      if (file.size > MOST_ARCHIVE_BYTES) return this.#place.say(tooLarge(file.name, file.size));
      const entries = readArchive(await file.text());
      if (typeof entries === "string")
        return this.#place.say(`${file.name} was not imported. ${entries}`, { within: LONG });
      this.#place.say(`Importing ${whole(entries.length)} requests from ${file.name} …`);
      const { gateway } = this.#session.connection;
      const result = await importArchive(entries, (first, part) => gateway.importRequests(file.name, first, part));
      this.#place.filter("is:imported");
      this.#place.say(importWords(file.name, result), { within: LONG });
    }, "Nothing was imported: ");
  }

  /** Of what matches, pinned requests and those that have not ended stay. */
  async clearFiltered(): Promise<void> {
    await this.#try(async () => {
      const { connection, traffic } = this.#session;
      const { cleared, pinned, pending } = await connection.gateway.clearFiltered(traffic.filter);
      this.#session.select(-1, undefined);
      await traffic.snapshot();
      const stayed = [pinned > 0 ? `${whole(pinned)} pinned` : "", pending > 0 ? `${whole(pending)} on their way` : ""];
      const rest = stayed.filter((words) => words !== "").join(" and ");
      this.#place.say(`${whole(cleared)} requests cleared${rest === "" ? "" : `; ${rest} stay`}`);
    }, "Nothing was cleared: ");
  }

  async clear(): Promise<void> {
    await this.#try(async () => {
      await this.#session.connection.gateway.clearTraffic();
      this.#session.select(-1, undefined);
      await this.#session.traffic.snapshot();
    });
  }

  // ---- Of buckets and replicas --------------------------------------------------------------------------------

  async adjust({ identity, bucket, change: wanted }: BucketAct): Promise<void> {
    if (wanted !== "ask") return this.change(identity, bucket.key, wanted);
    const left = await askLeft(this.#place.parent, bucket.key, bucket.left, bucket.capacity);
    if (left !== undefined) await this.change(identity, bucket.key, { kind: "set", left });
  }

  async change(identity: string, key: string, change: BucketChange): Promise<void> {
    await this.#try(async () => {
      const { token, until, undoable } = await this.#session.changeBucket(identity, key, change);
      const act = (): void => void this.#undoChange(token, key);
      const words = { reset: "reset", freeze: "frozen", thaw: "thawed", set: "set" }[change.kind];
      const undo = undoable ? { act, within: Math.max(SHORTEST_UNDO, until - Date.now()) } : undefined;
      this.#place.say(`Bucket ${key} ${words}`, undo);
    }, "The bucket was left as it is: ");
  }

  async #undoChange(token: number, key: string): Promise<void> {
    await this.#try(async () => {
      await this.#session.undoBucket(token);
      this.#place.say(`Bucket ${key} is as it was before`);
    });
  }

  async thawAll(): Promise<void> {
    await this.#try(() => this.#session.thawAll());
  }

  async act(act: ReplicaAct): Promise<void> {
    await this.#try(async () => {
      const log = await this.#session.act(act);
      if (act.kind !== "log") return;
      if (log === undefined) this.#place.say("Its log is gone.");
      else this.#host.openText(`${act.service} ${act.label}.log`, "log", log);
    });
  }

  /** Fails as a rejection: who shows the numbers shows that too. */
  readonly analytics = async (window: AnalyticsWindow): Promise<AnalyticsView | undefined> => {
    const view = await this.#session.connection.gateway.analytics(window);
    return looksLike("analytics", view) ? view : undefined;
  };

  async #try(wish: () => Promise<void>, failed = ""): Promise<void> {
    try {
      await wish();
    } catch (error) {
      this.#place.say(`${failed}${(error as Error).message}`);
    }
  }
}
