import assert from "node:assert/strict";
import { developmentIssuer } from "./development-issuer.ts";
import { applyEdits } from "./edit.ts";
import { read } from "./read.ts";

const policy = (jwt: string): string => `version: 1
listeners: [{ name: edge, port: 8080 }]
services: { orders: { endpoints: [{ url: http://localhost:4001 }] } }
policies:
  user-jwt: ${jwt}
routes:
  - name: orders
    policies: [user-jwt]
    backendRefs: [{ service: orders }] # the only one
`;

function edited(text: string, kind: string): string {
  const edits = developmentIssuer(text, text.indexOf(kind), "./dev-jwks.json");
  assert.ok(edits);
  const result = applyEdits(text, edits);
  const { plan, diagnostics } = read(result, "switchyard.yaml", { env: () => "x".repeat(32), file: () => undefined });
  assert.ok(plan, `${result}\n${JSON.stringify(diagnostics.map(({ message }) => message))}`);
  assert.equal(plan.steps[0].kind, "anyOf");
  return result;
}

const REMOTE =
  '{ issuer: "https://id.test/", audiences: [shop], jwks: "https://id.test/keys", forward: { x-user: sub } }';
const OWN =
  "{ issuer: urn:switchyard:development, jwks: ./dev-jwks.json, audiences: [shop], forward: { x-user: sub } }";

describe("a development issuer", () => {
  it("stands beside the one that is believed, in braces", () => {
    const text = policy(`{ jwt: ${REMOTE} }`);
    const own = OWN.replace("urn:switchyard:development", '"urn:switchyard:development"');
    assert.equal(
      edited(text, "jwt: { issuer"),
      text.replace(`{ jwt: ${REMOTE} }`, `{ anyOf: [{ jwt: ${REMOTE} }, { jwt: ${own} }] }`),
    );
  });

  it("stands beside it on lines of its own, with every comment kept", () => {
    const text = policy(`
    jwt: # who is calling
      issuer: "https://id.test/"
      # two of them
      audiences: [shop]

      jwks: "https://id.test/keys" # asked now and then
  # nobody else`).replace("routes:", "  other: { maxBody: 1KiB }\nroutes:");
    assert.equal(
      edited(text, "jwt: #"),
      text.replace(
        /    jwt: #[^]*now and then/,
        `    anyOf:
      - jwt: # who is calling
          issuer: "https://id.test/"
          # two of them
          audiences: [shop]

          jwks: "https://id.test/keys" # asked now and then
      - jwt: { issuer: "urn:switchyard:development", jwks: ./dev-jwks.json, audiences: [shop] } # for development only`,
      ),
    );
  });

  it("is one way more where there are several", () => {
    const text = policy(`{ anyOf: [{ apiKey: { header: x-api-key } }, { jwt: { secret: { env: KEY } } }] }`);
    assert.match(
      edited(text.replace("services:", "consumers: [{ name: web, apiKey: { env: KEY } }]\nservices:"), "anyOf"),
      /\{ jwt: \{ secret: \{ env: KEY \} \} \}, \{ jwt: \{ issuer: "urn:switchyard:development", jwks: \.\/dev-jwks\.json \} \}\]/,
    );
  });

  it("is not put where no token is verified", () => {
    const text = policy("{ basicAuth: { users: [{ name: ann, password: { env: KEY } }] } }");
    assert.equal(developmentIssuer(text, text.indexOf("basicAuth"), "./x.json"), undefined);
  });
});
