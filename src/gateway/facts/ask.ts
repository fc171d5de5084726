/**
 * Asking another server for a fact, with the same care everywhere: no redirects, a time limit, bounded answers,
 * https unless it is this machine, and words for people when it fails.
 * Must not remember anything: whoever asks knows how long an answer holds.
 */

/** @throws Error when an address over plain http is not of this machine. */
export function demandSafe(url: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || (protocol === "http:" && isLoopback(hostname))) return;
  throw new Error(`${url} must be https (http is for this machine only)`);
}

function isLoopback(hostname: string): boolean {
  return /^(?:localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/i.test(hostname);
}

/** @throws Error when the body is longer than `most` bytes, or breaks off. */
export async function readBounded(response: Response, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > most) throw new Error(`the answer is larger than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Why an attempt failed, in few words. @param timeout in milliseconds, as it was given to `fetch`. */
export function failureOf(problem: unknown, timeout: number): string {
  if (!(problem instanceof Error)) return String(problem);
  if (problem.name === "TimeoutError") return `no answer within ${timeout} ms`;
  const { cause } = problem;
  // `fetch` says only that it failed; why is in its cause.
  return problem instanceof TypeError && cause instanceof Error
    ? ((cause as NodeJS.ErrnoException).code ?? cause.message)
    : problem.message;
}
