/**
 * Days and months of a time zone as stretches of epoch time. A function of the moment it is given: no clock is read, so
 * a recorded moment always falls into the same stretch.
 * Must not step by 24 hours: where clocks are put forward or back a day is shorter or longer.
 */

export type Calendar = "day" | "month";

/** Epoch milliseconds; `until` is exclusive. */
export interface Period {
  readonly from: number;
  readonly until: number;
}

const HOUR = 3_600_000;
/** Longer than any day or month that there is. */
const LONGEST: Readonly<Record<Calendar, number>> = { day: 50 * HOUR, month: 33 * 24 * HOUR };

export function isTimezone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** @returns a finder that remembers its last answer: nearly every request falls into the same one. */
export function periodFinder(per: Calendar, timezone: string): (at: number) => Period {
  const format = formatOf(timezone);
  /** Grows from one day or month to the next. */
  const numberOf = (at: number): number => {
    let [year, month, day] = [0, 0, 0];
    for (const { type, value } of format.formatToParts(at)) {
      if (type === "year") year = Number(value);
      else if (type === "month") month = Number(value);
      else if (type === "day") day = Number(value);
    }
    return year * 10_000 + month * 100 + (per === "day" ? day : 0);
  };
  /** The first millisecond in (low, high] whose number is at least `number`. */
  const firstOf = (number: number, low: number, high: number): number => {
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (numberOf(middle) >= number) high = middle;
      else low = middle;
    }
    return high;
  };
  let last: Period = { from: 0, until: 0 };
  return (moment) => {
    const at = Math.floor(moment);
    if (at >= last.from && at < last.until) return last;
    const number = numberOf(at);
    const from = firstOf(number, at - LONGEST[per], at);
    last = { from, until: firstOf(number + 1, at, at + LONGEST[per]) };
    return last;
  };
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", {
    timeZone,
    year: "numeric",
    month: "numeric",
    day: "numeric",
  });
}
