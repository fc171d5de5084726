/**
 * One line per request in the terminal: where it went, or which line of the policy refused it.
 * Under load it prints a sample and the number of the rest, so that a terminal never slows the gateway.
 */
import type { Row } from "../contract/traffic.ts";
import type { Gateway } from "../gateway/gateway.ts";
import { printable, type Paint } from "./paint.ts";

const FLUSH = 100;
/** Lines per flush. */
const MOST = 20;

export class RequestLog {
  private readonly gateway: Gateway;
  private readonly paint: Paint;
  private ended: number[] = [];
  private left = 0;
  private readonly unlisten: () => void;
  private readonly timer: NodeJS.Timeout;

  constructor(gateway: Gateway, paint: Paint) {
    this.gateway = gateway;
    this.paint = paint;
    this.unlisten = gateway.recorder.listen({
      began() {},
      evicted() {},
      cleared() {},
      ended: (id) => {
        if (this.ended.length < MOST) this.ended.push(id);
        else this.left++;
      },
    });
    this.timer = setInterval(() => this.flush(), FLUSH);
  }

  close(): void {
    clearInterval(this.timer);
    this.unlisten();
    this.flush();
  }

  private flush(): void {
    if (this.ended.length === 0) return;
    const lines = this.ended.map((id) => this.line(id));
    if (this.left > 0) lines.push(this.paint.faint(`  and ${this.left} more`));
    this.ended = [];
    this.left = 0;
    process.stdout.write(`${lines.filter((line) => line !== "").join("\n")}\n`);
  }

  private line(id: number): string {
    const row = this.gateway.row(id);
    if (row === undefined) return "";
    const time = new Date(row.at).toTimeString().slice(0, 8);
    const what = printable(`${row.method} ${row.path}`);
    return `${this.paint.faint(time)} ${this.verdict(row)} ${what} ${this.outcome(row)}`;
  }

  private verdict(row: Row): string {
    const status = row.status === 0 ? (row.termination ?? "---").padEnd(3) : String(row.status);
    switch (row.state) {
      case "ok":
        return this.paint.good(`✓ ${status}`);
      case "rejected":
        return this.paint.warn(`⛨ ${status}`);
      case "clientError":
        return this.paint.warn(`! ${status}`);
      default:
        return this.paint.bad(`✕ ${status}`);
    }
  }

  private outcome(row: Row): string {
    if (row.state === "rejected") {
      const named = row.policy === undefined || row.why.startsWith(row.policy);
      const by = named ? "" : ` by ${row.policy}`;
      const location = this.gateway.detail(row.id, false)?.verdict.location;
      const at = location === undefined ? "" : this.paint.faint(` (${location.file}:${location.line})`);
      return printable(`refused${by}: ${row.why}`) + at;
    }
    const took = this.paint.faint(`${row.duration.toFixed(row.duration < 10 ? 1 : 0)} ms`);
    const to = row.service === undefined ? "" : `→ ${row.service} ${row.endpoint ?? ""} `;
    const why = row.state === "ok" && row.attempts < 2 ? "" : ` ${printable(row.why)}`;
    return `${to}${took}${why}`;
  }
}
