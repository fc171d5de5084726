/**
 * The Gateway API's conformance cases that are about sending: retries and mirrors, by a running gateway over sockets.
 * What a decision alone can show is in gateway-api.test.ts. Must not change the cases: they are the suite's own.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { Gateway } from "../src/gateway/gateway.ts";
import { freePort } from "./free-port.ts";

type NameValues = readonly { readonly name: string; readonly value: string }[];

interface Rule {
  readonly matches: readonly { readonly path: { readonly value: string } }[];
  readonly retry?: { readonly attempts: number; readonly codes: readonly number[] };
  readonly filters?: readonly {
    readonly requestHeaderModifier?: {
      readonly set: NameValues;
      readonly add: NameValues;
      readonly remove: readonly string[];
    };
    readonly requestMirror?: { readonly backendRef: { readonly name: string } };
  }[];
  readonly backendRefs: readonly { readonly name: string }[];
}

interface Case {
  readonly id: string;
  readonly name?: string;
  readonly request: { readonly Path: string; readonly Headers?: Readonly<Record<string, string>> };
  readonly expect: {
    readonly backend: string;
    readonly status: readonly number[];
    readonly upstreamRequest?: { readonly Path?: string; readonly Headers?: Readonly<Record<string, string>> };
    readonly upstreamAbsentHeaders?: readonly string[];
    readonly mirroredTo?: readonly { readonly BackendRef: { readonly Name: string } }[];
  };
}

interface Test {
  readonly name: string;
  readonly routes: readonly [{ readonly spec: { readonly rules: readonly Rule[] } }];
  readonly cases: readonly Case[];
}

const suite = JSON.parse(readFileSync(new URL("./cases/gateway-api.json", import.meta.url), "utf8")) as {
  readonly tests: readonly Test[];
};

/** A backend as the suite has it: `responseCode` until it was asked `succeedAfter` times for one `uuid`, then 200. */
class Echo {
  readonly seen: IncomingMessage[] = [];
  readonly server: Server;
  private readonly asked = new Map<string, number>();

  constructor() {
    this.server = createServer((request, response) => {
      this.seen.push(request);
      const query = new URL(request.url ?? "", "http://echo").searchParams;
      const uuid = query.get("uuid") ?? "";
      const times = this.asked.get(uuid) ?? 0;
      this.asked.set(uuid, times + 1);
      const failing = query.has("responseCode") && times < Number(query.get("succeedAfter"));
      response.writeHead(failing ? Number(query.get("responseCode")) : 200).end("{}");
    }).listen(0, "127.0.0.1");
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }
}

const fields = (list: NameValues) => Object.fromEntries(list.map(({ name, value }) => [name, value]));

function policyText({ routes }: Test, port: number, backends: ReadonlyMap<string, Echo>): string {
  const [{ spec }] = routes;
  return JSON.stringify({
    version: 1,
    listeners: [{ name: "http", port }],
    services: Object.fromEntries(
      [...backends].map(([name, echo]) => [name, { endpoints: [{ url: `http://127.0.0.1:${echo.port}` }] }]),
    ),
    routes: spec.rules.map(({ matches, retry, filters = [], backendRefs }, i) => {
      const mirror = filters.find(({ requestMirror }) => requestMirror)?.requestMirror;
      const edits = filters.find(({ requestHeaderModifier }) => requestHeaderModifier)?.requestHeaderModifier;
      return {
        name: `rule-${i}`,
        matches: matches.map(({ path }) => ({ path: { prefix: path.value } })),
        policies: edits
          ? [{ requestHeaders: { set: fields(edits.set), add: fields(edits.add), remove: edits.remove } }]
          : [],
        ...(retry && { retry: { ...retry, backoff: "1ms" } }),
        ...(mirror && { mirror: { service: mirror.backendRef.name } }),
        backendRefs: backendRefs.map(({ name }) => ({ service: name })),
      };
    }),
  });
}

function assertSent(request: IncomingMessage | undefined, { expect }: Case): void {
  assert.ok(request, "the backend got the request");
  const { Path, Headers = {} } = expect.upstreamRequest ?? {};
  if (Path !== undefined) assert.equal(request.url, Path);
  for (const [name, value] of Object.entries(Headers))
    assert.equal(String(request.headers[name.toLowerCase()]).replaceAll(" ", ""), value.replaceAll(" ", ""), name);
  for (const name of expect.upstreamAbsentHeaders ?? []) assert.equal(request.headers[name.toLowerCase()], undefined);
}

for (const name of ["HTTPRouteRetry", "HTTPRouteRequestMirror"]) {
  const test = suite.tests.find((one) => one.name === name) as Test;

  describe(`Gateway API conformance: ${name}`, () => {
    const backends = new Map<string, Echo>();
    let gateway: Gateway;
    let port = 0;

    before(async () => {
      for (const backend of ["infra-backend-v1", "infra-backend-v2", "infra-backend-v3"]) {
        const echo = new Echo();
        await once(echo.server, "listening");
        backends.set(backend, echo);
      }
      gateway = new Gateway({ file: "gateway-api.yaml" });
      port = await freePort();
      await gateway.start(policyText(test, port, backends));
    });

    after(async () => {
      await gateway.stop();
      for (const { server } of backends.values()) server.close();
    });

    for (const one of test.cases) {
      it(`${one.id}: ${one.name ?? one.request.Path}`, async () => {
        for (const { seen } of backends.values()) seen.length = 0;
        const path = one.request.Path.replace("{uuid}", encodeURIComponent(one.id));
        const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: one.request.Headers });
        assert.ok(one.expect.status.includes(response.status), `answered ${response.status}`);
        assertSent(backends.get(one.expect.backend)?.seen[0], one);
        for (const { BackendRef } of one.expect.mirroredTo ?? []) {
          const mirror = backends.get(BackendRef.Name) as Echo;
          for (let wait = 0; wait < 100 && mirror.seen.length === 0; wait++) await delay(20);
          assertSent(mirror.seen[0], one);
        }
      });
    }
  });
}
