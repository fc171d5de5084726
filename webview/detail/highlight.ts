/**
 * Colours for the few languages that bodies come in. Only these grammars are bundled.
 * Must be given text; it returns HTML in which that text is escaped.
 */
import hljs from "highlight.js/lib/core";
import css from "highlight.js/lib/languages/css";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import xml from "highlight.js/lib/languages/xml";
import type { BodyLanguage } from "./body-text.ts";

hljs.registerLanguage("css", css);
hljs.registerLanguage("javascript", javascript);
hljs.registerLanguage("json", json);
hljs.registerLanguage("xml", xml);

export function highlight(text: string, language: Exclude<BodyLanguage, "plain">): string {
  return hljs.highlight(text, { language, ignoreIllegals: true }).value;
}
