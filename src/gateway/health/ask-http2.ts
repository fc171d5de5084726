/**
 * A health probe over HTTP/2, for services that speak nothing else.
 * Must not keep its connection: one that is reused would not notice that nobody accepts any more.
 */
import { connect } from "node:http2";
import type { ConnectionOptions } from "node:tls";

/** @param tls set for https. @param done is called once at least; later calls say nothing new. @returns how to call it off. */
export function askHttp2(
  authority: string,
  path: string,
  tls: ConnectionOptions | undefined,
  done: (up: boolean) => void,
): () => void {
  const session = connect(`${tls === undefined ? "http" : "https"}://${authority}`, tls ?? {});
  session.on("error", () => done(false));
  session.on("close", () => done(false));
  const stream = session.request({ ":path": path, "user-agent": "switchyard-health" }, { endStream: true });
  stream.on("error", () => done(false));
  stream.on("response", ({ ":status": status = 0 }) => {
    done(status >= 200 && status < 400);
    session.destroy();
  });
  return () => session.destroy();
}
