/**
 * Codicons as inline pictures: only the few that the page shows are bundled, they take the text's colour,
 * and no font has to be allowed or fetched.
 * An icon is decoration: the word stands beside it or in the label of what holds it.
 */
import { html, type TemplateResult } from "lit";
import archive from "@vscode/codicons/src/icons/archive.svg";
import arrowDown from "@vscode/codicons/src/icons/arrow-down.svg";
import arrowLeft from "@vscode/codicons/src/icons/arrow-left.svg";
import arrowUp from "@vscode/codicons/src/icons/arrow-up.svg";
import beaker from "@vscode/codicons/src/icons/beaker.svg";
import check from "@vscode/codicons/src/icons/check.svg";
import chevronRight from "@vscode/codicons/src/icons/chevron-right.svg";
import circleSlash from "@vscode/codicons/src/icons/circle-slash.svg";
import close from "@vscode/codicons/src/icons/close.svg";
import copy from "@vscode/codicons/src/icons/copy.svg";
import debugDisconnect from "@vscode/codicons/src/icons/debug-disconnect.svg";
import debugRerun from "@vscode/codicons/src/icons/debug-rerun.svg";
import diamond from "@vscode/codicons/src/icons/debug-breakpoint-log-unverified.svg";
import ellipsis from "@vscode/codicons/src/icons/ellipsis.svg";
import error from "@vscode/codicons/src/icons/error.svg";
import eye from "@vscode/codicons/src/icons/eye.svg";
import filter from "@vscode/codicons/src/icons/filter.svg";
import goToFile from "@vscode/codicons/src/icons/go-to-file.svg";
import history from "@vscode/codicons/src/icons/history.svg";
import kebab from "@vscode/codicons/src/icons/kebab-vertical.svg";
import key from "@vscode/codicons/src/icons/key.svg";
import lightbulb from "@vscode/codicons/src/icons/lightbulb.svg";
import lock from "@vscode/codicons/src/icons/lock.svg";
import pause from "@vscode/codicons/src/icons/debug-pause.svg";
import pinned from "@vscode/codicons/src/icons/pinned.svg";
import play from "@vscode/codicons/src/icons/play.svg";
import question from "@vscode/codicons/src/icons/question.svg";
import record from "@vscode/codicons/src/icons/record.svg";
import refresh from "@vscode/codicons/src/icons/refresh.svg";
import shield from "@vscode/codicons/src/icons/shield.svg";
import sync from "@vscode/codicons/src/icons/sync.svg";
import trash from "@vscode/codicons/src/icons/trash.svg";
import warning from "@vscode/codicons/src/icons/warning.svg";

const PICTURES = {
  archive,
  "arrow-down": arrowDown,
  "arrow-left": arrowLeft,
  "arrow-up": arrowUp,
  beaker,
  check,
  "chevron-right": chevronRight,
  "circle-slash": circleSlash,
  close,
  copy,
  "debug-disconnect": debugDisconnect,
  "debug-rerun": debugRerun,
  diamond,
  ellipsis,
  error,
  eye,
  filter,
  "go-to-file": goToFile,
  history,
  kebab,
  key,
  lightbulb,
  lock,
  pause,
  pinned,
  play,
  question,
  record,
  refresh,
  shield,
  sync,
  trash,
  warning,
};

interface Drawn {
  readonly d: string;
  readonly rule: "evenodd" | "nonzero";
}

/** All of them are paths on 16 by 16: drawn as one, another picture is another attribute and no new element. */
function drawn(picture: string): Drawn {
  const paths = [...picture.matchAll(/<path[^>]*? d="([^"]+)"/gu)].map(([, d]) => d);
  return { d: paths.join(" "), rule: picture.includes('fill-rule="evenodd"') ? "evenodd" : "nonzero" };
}

const ICONS: ReadonlyMap<string, Drawn> = new Map(
  Object.entries(PICTURES).map(([name, picture]) => [name, drawn(picture)]),
);

/** `name` that is not in the list draws nothing rather than failing: a state word may be newer than the page. */
export function icon(name: string, extraClass = ""): TemplateResult {
  const { d, rule } = ICONS.get(name) ?? { d: "", rule: "nonzero" };
  return html`<span class="icon ${extraClass}" aria-hidden="true"
    ><svg viewBox="0 0 16 16" fill="currentColor" fill-rule=${rule}><path d=${d}></path></svg
  ></span>`;
}
