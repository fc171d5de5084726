/** Ports as people write them into their own files, also into broken ones. */
import assert from "node:assert/strict";
import { portHints, startScripts } from "./hints.ts";

const ports = (path: string, text: string): [number, string][] =>
  portHints(path, text).map(({ port, name }) => [port, name]);

describe("hints of the folder's files", () => {
  it("reads every form of a compose file's published ports", () => {
    const text = `
services:
  web: { image: nginx, ports: ["3000:80", "127.0.0.1:3001:81/tcp", "8443"] }
  api:
    ports:
      - 4000-4002:80-82
      - target: 80
        published: "5000"
  quiet: { image: busybox }
`;
    assert.deepEqual(ports("deploy/compose.yaml", text), [
      [3000, "web"],
      [3001, "web"],
      [4000, "api"],
      [4001, "api"],
      [4002, "api"],
      [5000, "api"],
    ]);
    assert.deepEqual(ports("docker-compose.dev.yml", text).length, 6);
    assert.equal(portHints("compose.yaml", text)[0].origin, "compose.yaml publishes it for web");
  });

  it("reads ports of package scripts and names them by the package", () => {
    const text = JSON.stringify({
      name: "@shop/orders",
      scripts: { dev: "PORT=3001 node .", alt: "vite --port 3002", test: "mocha" },
    });
    assert.deepEqual(ports("orders/package.json", text), [
      [3001, "@shop/orders"],
      [3002, "@shop/orders"],
    ]);
  });

  it("reads a launch.json with comments and trailing commas", () => {
    const text = `{
  // by hand
  "configurations": [
    { "name": "Cart // not a comment", "program": "cart.js", "env": { "PORT": "4100" }, /* two */ },
    { "name": "Web", "args": ["--port", "4200"], },
  ],
}`;
    assert.deepEqual(ports(".vscode/launch.json", text), [
      [4100, "Cart // not a comment"],
      [4200, "Web"],
    ]);
  });

  it("finds nothing in broken files, in other files and in impossible ports", () => {
    assert.deepEqual(ports("compose.yaml", "services: [unclosed"), []);
    assert.deepEqual(ports("compose.yaml", "services: { a: { ports: ['99999:80', '0:80', 'x:80'] } }"), []);
    assert.deepEqual(ports("package.json", "[]"), []);
    assert.deepEqual(ports("package.json", '{"scripts":null}'), []);
    assert.deepEqual(ports("values.yaml", "services: { a: { ports: ['3000:80'] } }"), []);
  });

  it("offers the scripts that start something, the usual ones first", () => {
    const text = JSON.stringify({
      scripts: { test: "x", serve: "x", start: "x", "dev:api": "x", dev: "x", predev: "x" },
    });
    assert.deepEqual(
      startScripts(text).map(({ command }) => command),
      ["npm run dev", "npm run dev:api", "npm start", "npm run serve"],
    );
    assert.deepEqual(startScripts("{"), []);
  });
});
