/**
 * What an unsaved edit would change, in at most forty characters beside the line that was edited; and in the status bar.
 * Neutral words: more rejections may be the intention. Must not know VS Code.
 */
import type { WhatIfResult, WhatIfView } from "../../contract/what-if.ts";

/** undefined = nothing to show. */
export function ghostText(result: WhatIfResult): string | undefined {
  if (result.kind === "nothing") return "? none recorded";
  if (result.kind !== "compared") return undefined;
  const { total, rejected, admitted, elsewhere, unknown } = result.view;
  if (total === 0) return "? none recorded";
  if (rejected > 0 && admitted > 0) return `▲ ${rejected} more, ▼ ${admitted} fewer of ${total}`;
  if (rejected > 0) return `▲ ${rejected} more rejected of ${total}`;
  if (admitted > 0) return `▼ ${admitted} fewer rejected of ${total}`;
  if (elsewhere > 0) return `≈ ${elsewhere} of ${total} otherwise`;
  if (unknown > 0) return `≈ ${unknown} of ${total} not known`;
  return `= same (${total})`;
}

/** "+14/−3"; undefined = nothing would be judged otherwise. */
export function statusOfPreview({ rejected, admitted, elsewhere }: WhatIfView): string | undefined {
  if (rejected > 0 || admitted > 0) return `+${rejected}/−${admitted}`;
  return elsewhere > 0 ? `≈${elsewhere}` : undefined;
}

/** The whole answer, for a hover. Markdown. */
export function previewMarkdown({
  total,
  same,
  rejected,
  admitted,
  elsewhere,
  unknown,
  assumptions,
}: WhatIfView): string {
  const parts = [
    `**Δ ${total - same} of ${total}** recorded requests would be decided otherwise`,
    `+${rejected} rejected`,
    `−${admitted}`,
    ...(elsewhere > 0 ? [`${elsewhere} otherwise`] : []),
    ...(unknown > 0 ? [`${unknown} not known`] : []),
    `${same} same`,
  ];
  return `${parts.join(" · ")}\n\nAssumed: ${assumptions.join("; ")}.`;
}
