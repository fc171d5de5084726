/**
 * A Decision as plain data and back: what a journal keeps of a request that was decided before it begins.
 * Must not make anything up: every field that later steps read goes both ways.
 */
import { Decision } from "../model/decision.ts";
import type { DecisionFields } from "../model/journal.ts";

export function decisionFrom({ taken, trace, ...fields }: DecisionFields): Decision {
  const decision = Object.assign(new Decision(), structured(fields));
  decision.taken.push(...taken);
  decision.trace.restore(trace, 0, trace.length);
  return decision;
}

export function fieldsOf({ taken, takenCount, trace, ...rest }: Decision): DecisionFields {
  return {
    ...structured(rest),
    takenCount,
    taken: taken.slice(0, takenCount),
    trace: [...trace.numbers.subarray(0, trace.length * 3)],
  };
}

/** Lists are copied: the original is reused. */
function structured<Fields extends object>(fields: Fields): Fields {
  const copies = Object.entries(fields).map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]);
  return Object.fromEntries(copies) as Fields;
}
