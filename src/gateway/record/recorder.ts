/**
 * The ring of recorded requests: packed rows, and behind them heads, bodies and decisions within byte budgets.
 * Must not format for people: rows.ts and detail.ts do that when somebody looks.
 */
import type { RecordKeeper, Recording } from "./recording.ts";

export interface RecorderOptions {
  now(): number;
  wallClock(): number;
}

export class Recorder implements RecordKeeper {
  readonly options: RecorderOptions;
  constructor(options: RecorderOptions) {
    this.options = options;
  }
  open(): Recording {
    throw new Error("not written yet");
  }
  began(_recording: Recording): void {}
  captureRequest(_recording: Recording, _bytes: Buffer, _start: number, _end: number): void {}
  captureResponse(_recording: Recording, _bytes: Buffer, _start: number, _end: number): void {}
  ended(_recording: Recording): void {}
}
