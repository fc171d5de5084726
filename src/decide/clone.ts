/**
 * A deep copy of State: what "clone + replay = live" starts from, and what "what if" may use up freely.
 * Copies plain data alone (objects, arrays, Maps, Sets, typed arrays); a shared object stays shared in the copy.
 * Must not meet a function: State that holds one could not be recorded.
 */
import type { State } from "../model/state.ts";

export function cloneState(state: State): State {
  return clone(state);
}

/** @throws TypeError for what is no plain data: a bug in whoever put it into State. */
export function clone<Value>(value: Value): Value {
  return copy(value, new Map()) as Value;
}

function copy(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value === "function" || typeof value === "symbol") throw new TypeError("State must be plain data.");
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  if (ArrayBuffer.isView(value)) return remember(value, (value as Uint8Array).slice(), seen);
  if (Array.isArray(value)) {
    const made: unknown[] = remember(value, [], seen);
    for (const item of value) made.push(copy(item, seen));
    return made;
  }
  if (value instanceof Map) {
    const made = remember(value, new Map<unknown, unknown>(), seen);
    for (const [key, item] of value) made.set(copy(key, seen), copy(item, seen));
    return made;
  }
  if (value instanceof Set) {
    const made = remember(value, new Set<unknown>(), seen);
    for (const item of value) made.add(copy(item, seen));
    return made;
  }
  // An instance keeps its class: its methods are code, its fields are the state.
  const made: Record<string, unknown> = remember(value, Object.create(Object.getPrototypeOf(value)), seen);
  for (const [key, item] of Object.entries(value)) made[key] = copy(item, seen);
  return made;
}

function remember<Made>(original: object, made: Made, seen: Map<object, unknown>): Made {
  seen.set(original, made);
  return made;
}
