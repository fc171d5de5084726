/**
 * How a watcher tells that it has missed an event. Every view that arrives as an event carries one.
 * Must not import anything.
 */

/** One writer per event. A gap in `seq`, or another `generation`, means: ask for a snapshot. */
export interface Stamp {
  /** Changes whenever the gateway starts. */
  readonly generation: string;
  readonly seq: number;
}
