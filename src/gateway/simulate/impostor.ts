/**
 * Answers with an error in a replica's place: a small HTTP server of the gateway's own, on loopback, one per status.
 * Being a real peer, it takes the ordinary road: retries, ejection, recording and explanation treat its answers as they
 * would the replica's. Must not be reachable from elsewhere, and must not keep the process alive.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

interface Place {
  readonly host: string;
  readonly port: number;
}

export class Impostor {
  private readonly servers = new Map<number, Promise<Server>>();

  async place(status: number): Promise<Place> {
    let opening = this.servers.get(status);
    if (opening === undefined) this.servers.set(status, (opening = open(status)));
    const { port } = (await opening).address() as AddressInfo;
    return { host: "127.0.0.1", port };
  }

  close(): void {
    for (const opening of this.servers.values()) {
      opening.then(
        (server) => {
          server.close();
          server.closeAllConnections();
        },
        () => {},
      );
    }
    this.servers.clear();
  }
}

function open(status: number): Promise<Server> {
  const body = JSON.stringify({ type: "about:blank", title: "Simulated by Switchyard", status });
  const server = createServer((request, response) => {
    request.on("error", () => {});
    response.on("error", () => {});
    request.resume();
    // The whole request first, as a replica that reads its body would.
    request.on("end", () => {
      response.writeHead(status, {
        "content-type": "application/problem+json",
        "content-length": Buffer.byteLength(body),
      });
      response.end(request.method === "HEAD" ? undefined : body);
    });
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      server.unref();
      resolve(server);
    });
  });
}
