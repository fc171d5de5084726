/**
 * A person's regular expression -> a test whose time is linear in the text, whatever the pattern.
 * V8's own engine runs only patterns that cannot backtrack far (five times faster); RE2 runs all others.
 * Must not give a pattern with two ways to match the same text to a backtracking engine.
 */
import { RE2JS, RE2JSSyntaxException } from "re2js";

export type Pattern = (text: string) => boolean;

/** @returns the test (case-insensitive, anywhere in the text), or in words why there is none. */
export function compilePattern(pattern: string): Pattern | string {
  let linear: RE2JS;
  try {
    linear = RE2JS.compile(pattern, RE2JS.CASE_INSENSITIVE);
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return String(error.getDescription());
    return "it cannot be read";
  }
  if (cannotBacktrack(pattern)) {
    // What RE2 takes of this small part of the language, V8 takes too.
    const fast = new RegExp(pattern, "i");
    return (text) => fast.test(text);
  }
  return (text) => linear.test(text);
}

/** Literals, classes and anchors; and one repetition at most, only behind "^". */
function cannotBacktrack(pattern: string): boolean {
  if (!/^\^?(?:[\w/ :=@#%&~,;<>"'!-]|\\[dswDSW./?*+^$|-]|\.|\[[\w./-]+\]|[*+])*\$?$/.test(pattern)) return false;
  const repetitions =
    pattern
      .replaceAll(/\\./g, "")
      .replaceAll(/\[[^\]]*\]/g, "")
      .match(/[*+]/g)?.length ?? 0;
  if (repetitions > (pattern.startsWith("^") ? 1 : 0)) return false;
  return true;
}
