/**
 * A recorded request as one line that sends it again, for a POSIX shell or for PowerShell.
 * Must not let anything of the request be read by the shell: every word is quoted, and a body that is not text is left out.
 */
import type { Field } from "./heads.ts";

export interface CurlInput {
  readonly method: string;
  readonly url: string;
  /** Shown as given: masked before, unless revealed. */
  readonly fields: readonly Field[];
  readonly body: Buffer;
  /** All of the body was captured. */
  readonly complete: boolean;
}

/** curl makes these itself. */
const LEFT_OUT = new Set(["host", "content-length", "transfer-encoding", "connection", "expect", "te", "trailer"]);

/** How a shell wants its words. */
interface Shell {
  readonly command: string;
  quote(word: string): string;
  /** The line around words of which some hold a double quote. */
  wrap(line: string): string;
}

const POSIX: Shell = { command: "curl", quote, wrap: (line) => line };

/**
 * Up to PowerShell 7.2 a double quote inside a word is lost on its way to a program unless it is escaped as C programs
 * read it; later ones escape by themselves, unless told to do as before. So the line says which way it is written.
 */
const POWERSHELL: Shell = {
  command: "curl.exe",
  quote: quoteForPowerShell,
  wrap: (line) => `& { $PSNativeCommandArgumentPassing = 'Legacy'; ${line} }`,
};

export function curlOf(input: CurlInput): string {
  return lineFor(POSIX, input);
}

export function curlForPowerShell(input: CurlInput): string {
  return lineFor(POWERSHELL, input);
}

function lineFor(shell: Shell, { method, url, fields, body, complete }: CurlInput): string {
  const { quote: quoted } = shell;
  const words = [shell.command, "--globoff", "--path-as-is"];
  if (method === "HEAD") words.push("--head");
  else if (method !== "GET" || body.length > 0) words.push("-X", quoted(method));
  words.push(quoted(url));
  for (const { name, value } of fields)
    if (!LEFT_OUT.has(name.toLowerCase())) words.push("-H", quoted(value === "" ? `${name};` : `${name}: ${value}`));
  const line = (...more: readonly string[]) => {
    const whole = [...words, ...more].join(" ");
    return whole.includes('"') ? shell.wrap(whole) : whole;
  };
  if (body.length === 0) return line();
  const text = body.toString("utf8");
  const readable = complete && !text.includes("\0") && Buffer.from(text, "utf8").equals(body);
  if (readable) return line("--data-raw", quoted(text));
  const why = complete ? "it is not text" : "only its beginning was captured";
  return `${line("--data-binary", quoted("@body"))}  # the body is not here: ${why}`;
}

/** Nothing has a meaning between single quotes but the quote itself. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Between single quotes only the single quote means something to PowerShell, and it takes four typographic ones for it
 * too. Before a double quote, and before the one that a blank makes it add at the end, backslashes are doubled.
 */
export function quoteForPowerShell(word: string): string {
  if (/^[\w%+=:./-]+$/.test(word) && !word.startsWith("-")) return word;
  const escaped = word
    .replace(/(\\*)"/g, '$1$1\\"')
    .replace(/\\+$/, (slashes) => (/\s/.test(word) ? slashes + slashes : slashes));
  return `'${escaped.replace(/['\u2018\u2019\u201a\u201b]/g, "$&$&")}'`;
}
