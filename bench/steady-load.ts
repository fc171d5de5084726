/**
 * An open loop over 16 kept connections: requests leave at a steady rate, and a late answer does not delay the next one.
 * The process sleeps between them: one that polled would take the processor from whoever is to be measured.
 * Must not judge the times: whoever asked for them does.
 */
import { connect, type Socket } from "node:net";

const CONNECTIONS = 16;

/** One keep-alive connection that sends one prepared request at a time. */
class Client {
  #socket: Socket;
  #begun = 0n;
  #done: ((microseconds: number) => void) | undefined;
  #text = "";
  busy = false;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.on("error", () => {});
    this.#socket.on("data", (bytes) => this.#read(bytes));
  }

  #read(bytes: Buffer) {
    this.#text += bytes.toString("latin1");
    const headEnd = this.#text.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#text)?.[1] ?? Number.NaN);
    if (this.#text.length < headEnd + 4 + length) return;
    if (!this.#text.startsWith("HTTP/1.1 200")) throw new Error(`unexpected answer: ${this.#text.slice(0, 300)}`);
    this.#text = "";
    this.busy = false;
    this.#done?.(Number(process.hrtime.bigint() - this.#begun) / 1000);
  }

  send(request: string, done: (microseconds: number) => void) {
    this.busy = true;
    this.#done = done;
    this.#begun = process.hrtime.bigint();
    this.#socket.write(request, "latin1");
  }

  end() {
    this.#socket.destroy();
  }
}

/**
 * @param request as it is sent, "{n}" in it the number of the request; it must be answered with 200.
 * @returns microseconds of each answered request, but for each connection's first two.
 */
export async function steadyLoad(port: number, request: string, perSecond: number, seconds: number): Promise<number[]> {
  const clients = Array.from({ length: CONNECTIONS }, () => new Client(port));
  const times: number[] = [];
  const keep = (microseconds: number) => void times.push(microseconds);
  const begun = process.hrtime.bigint();
  let sent = 0;
  await new Promise<void>((resolve) => {
    const tick = () => {
      const due = Math.min(seconds * perSecond, (Number(process.hrtime.bigint() - begun) / 1e9) * perSecond);
      while (sent < due) {
        const client = clients.find(({ busy }) => !busy);
        if (!client) break;
        client.send(request.replace("{n}", String(sent)), keep);
        sent++;
      }
      if (sent >= seconds * perSecond) setTimeout(resolve, 100);
      else setTimeout(tick, 1);
    };
    tick();
  });
  for (const client of clients) client.end();
  return times.slice(CONNECTIONS * 2);
}
