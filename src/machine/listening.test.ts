/** What each system's own tool prints, and this machine's real ports. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { listening, mergePorts, nameOf, parseLsof, parseNetstat, parseProcTable } from "./listening.ts";

describe("listening ports", () => {
  it("reads /proc/net/tcp: listening sockets only, with their inode", () => {
    const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31337 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0BB9 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 31338 1 0000000000000000 20 4 30 10 -1
`;
    assert.deepEqual(parseProcTable(table), [{ port: 3001, ipv4: true, inode: "31337" }]);
  });

  it("tells in /proc/net/tcp6 the wildcard, which takes IPv4 too, from ::1, which does not", () => {
    const line = (address: string): string =>
      `   0: ${address}:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 7 1 0 100 0 0 10 0`;
    const of = (address: string): boolean | undefined => parseProcTable(`head\n${line(address)}`)[0]?.ipv4;
    assert.equal(of("00000000000000000000000000000000"), true);
    assert.equal(of("00000000000000000000000001000000"), false);
    assert.equal(of("0000000000000000FFFF00000100007F"), true);
  });

  it("names the program where Node has named its thread", () => {
    assert.equal(nameOf("MainThread", "/opt/node/bin/node\0server.mjs\0"), "node");
    assert.equal(nameOf("node-MainThread", "node\0server.mjs\0"), "node");
    assert.equal(nameOf("MainThread", ""), "MainThread");
    assert.equal(nameOf("python3", "/usr/bin/python3.13\0app.py\0"), "python3");
  });

  it("reads lsof's fields", () => {
    const text = "p4121\ncnode\nf21\nn127.0.0.1:3001\nf22\nn[::1]:3002\np77\ncpython3\nf3\nn*:8000\n";
    assert.deepEqual(parseLsof(text), [
      { port: 3001, ipv4: true, processId: 4121, name: "node" },
      { port: 3002, ipv4: false, processId: 4121, name: "node" },
      { port: 8000, ipv4: true, processId: 77, name: "python3" },
    ]);
  });

  it("reads netstat in any language of Windows", () => {
    const text = `
Aktive Verbindungen

  Proto  Lokale Adresse         Remoteadresse          Status           PID
  TCP    0.0.0.0:3000           0.0.0.0:0              ABHÖREN          4242
  TCP    127.0.0.1:3001         127.0.0.1:50000        HERGESTELLT      4243
  TCP    [::1]:3002             [::]:0                 ABHÖREN          4244
`.replaceAll("\n", "\r\n");
    assert.deepEqual(parseNetstat(text), [
      { port: 3000, ipv4: true, processId: 4242 },
      { port: 3002, ipv4: false, processId: 4244 },
    ]);
  });

  it("makes one of a port with two addresses, and keeps the process that is known", () => {
    const process = { processId: 1, name: "node", commandLine: "node a.js" };
    assert.deepEqual(
      mergePorts([
        { port: 3001, ipv4: false },
        { port: 80, ipv4: true },
        { port: 3001, ipv4: true, process },
      ]),
      [
        { port: 80, ipv4: true, process: undefined },
        { port: 3001, ipv4: true, process },
      ],
    );
  });

  it("finds a port of this very process, with its folder", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    try {
      const own = (await listening()).find((one) => one.port === port);
      assert.equal(own?.process?.processId, process.pid);
      assert.equal(own.ipv4, true);
      if (process.platform !== "win32") assert.equal(own.process.folder, process.cwd());
    } finally {
      server.close();
    }
  });
});
