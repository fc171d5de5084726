/**
 * Commands about single buckets of limits: reset, freeze, thaw, set. Each says what it did and offers to take it back
 * for as long as the gateway can. Must not keep anything about buckets: what there is, the gateway says.
 */
import * as vscode from "vscode";
import type { BucketChange, LimitKeyView, LimitView } from "../../contract/limits.ts";
import { milliseconds } from "../trees/leaf.ts";
import { say, type Window } from "../window.ts";

interface Bucket {
  readonly limit: LimitView;
  readonly key: LimitKeyView;
}

type Wanted = (bucket: Bucket) => boolean;

export async function resetBucket(window: Window, id: unknown): Promise<void> {
  const bucket = await bucketOf(window, id, "Reset which bucket?", () => true);
  if (bucket !== undefined) await change(window, bucket, { kind: "reset" }, "is full again");
}

export async function freezeBucket(window: Window, id: unknown): Promise<void> {
  const free: Wanted = ({ limit, key }) => limit.adjustable === true && key.frozen !== true;
  const bucket = await bucketOf(window, id, "Freeze which bucket?", free);
  if (bucket === undefined) return;
  const left = `${Math.floor(bucket.key.left)}/${bucket.key.capacity}`;
  await change(window, bucket, { kind: "freeze" }, `is frozen at ${left}; it ends with the gateway`);
}

export async function thawBucket(window: Window, id: unknown): Promise<void> {
  const bucket = await bucketOf(window, id, "Thaw which bucket?", ({ key }) => key.frozen === true);
  if (bucket !== undefined) await change(window, bucket, { kind: "thaw" }, "refills and empties again");
}

export async function setBucket(window: Window, id: unknown): Promise<void> {
  const bucket = await bucketOf(window, id, "Set which bucket?", ({ limit }) => limit.adjustable === true);
  if (bucket === undefined) return;
  const { key, left, capacity } = bucket.key;
  const typed = await vscode.window.showInputBox({
    title: `What is left for ${key}?`,
    value: String(Math.floor(left)),
    prompt: `A whole number from 0 to ${capacity}`,
    validateInput: (text) =>
      /^\d+$/.test(text.trim()) && Number(text) <= capacity ? undefined : `A whole number from 0 to ${capacity}`,
  });
  if (typed !== undefined)
    await change(window, bucket, { kind: "set", left: Number(typed) }, `has ${Number(typed)} left`);
}

async function change(window: Window, { limit, key }: Bucket, what: BucketChange, words: string): Promise<void> {
  const { gateway } = window.controller;
  const { token, until, undoable } = await gateway.changeBucket(limit.identity, key.key, what);
  say(`$(dashboard) The bucket of ${key.key} ${words}.`);
  if (undoable) void offerUndo(window, token, until, key.key, words);
}

/** Not waited for: the message stays until somebody closes it; what it offers does not. */
async function offerUndo(window: Window, token: number, until: number, key: string, words: string): Promise<void> {
  const choice = await vscode.window.showInformationMessage(`The bucket of ${key} ${words}.`, "Undo");
  if (choice === undefined) return;
  if (Date.now() > until) return say("It is too late to undo that: ten seconds are over.");
  try {
    await window.controller.gateway.undoBucket(token);
    say(`$(discard) The bucket of ${key} is as it was before.`);
  } catch (error) {
    say(`$(warning) ${(error as Error).message}`);
  }
}

/** Of the row, or chosen. undefined = given up, or there is none. */
async function bucketOf(window: Window, id: unknown, title: string, wanted: Wanted): Promise<Bucket | undefined> {
  const own = window.leaf(id)?.bucket;
  const { limits } = await window.controller.gateway.limits(own?.key ?? "", 200);
  const all = limits
    .filter((limit) => own === undefined || limit.identity === own.identity)
    .flatMap((limit) => limit.keys.map((key): Bucket => ({ limit, key })));
  if (own?.key !== undefined) return all.find(({ key }) => key.key === own.key);
  const items = all.filter(wanted).map((bucket) => ({ ...words(bucket), bucket }));
  if (items.length === 0) {
    say(limits.length === 0 ? "The policy has no limits." : "There is no such bucket yet.");
    return undefined;
  }
  return (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.bucket;
}

function words({ limit, key }: Bucket): vscode.QuickPickItem {
  const next = key.nextIn > 0 ? ` · next in ${milliseconds(key.nextIn)}` : "";
  const frozen = key.frozen === true ? " · frozen" : "";
  return { label: key.key, description: `${Math.floor(key.left)}/${key.capacity} of ${limit.name}${frozen}${next}` };
}
