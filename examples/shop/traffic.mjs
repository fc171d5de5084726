// Gentle example traffic through the gateway: allowed, refused, limited, slow and failing requests, a few a second.
// Usage: node traffic.mjs [http://localhost:8080]. Ends on Ctrl-C, and when the script that started it goes.
import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:http";

const gateway = new URL(process.argv[2] ?? "http://localhost:8080");
// A demonstration key: it opens nothing but this example.
const jwk = JSON.parse(readFileSync(new URL("dev-key.json", import.meta.url), "utf8"));
const key = createPrivateKey({ key: jwk, format: "jwk" });

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token as the shop's sign-in would give it out; `age` shifts its times, in seconds. */
export function mint(sub, scope, age = 0) {
  const now = Math.floor(Date.now() / 1000) - age;
  const claims = { iss: "https://dev.shop.local/", aud: "shop", sub, scope, iat: now, exp: now + 600 };
  const text = `${encode({ alg: "ES256", typ: "JWT", kid: jwk.kid })}.${encode(claims)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

const as = (sub, scope) => ({ authorization: `Bearer ${mint(sub, scope)}` });
const alice = () => as("alice", "orders:read orders:write");
const order = JSON.stringify({ product: 3, amount: 1 });
const one = (low, high) => low + Math.floor(Math.random() * (high - low + 1));

/** How often (out of the sum), and what. */
const mix = [
  [22, () => ["GET", `/catalog/${one(1, 6)}`]],
  [5, () => ["GET", "/catalog"]],
  [4, () => ["GET", `/pages/product/${one(1, 6)}`]],
  [4, () => ["GET", `/prices/${one(1, 6)}`]],
  [3, () => ["GET", `/suggestions/${one(1, 6)}`]],
  [3, () => ["GET", "/catalog", { "x-client": "mobile", "accept-encoding": "br, gzip" }]],
  [3, () => ["GET", `/catalog/${one(1, 6)}`, { "x-client": "iot" }]],
  [2, () => ["GET", "/catalog/99"]],
  [1, () => ["GET", "/catalog/live"]],
  [22, () => ["GET", `/orders/${one(14, 90)}`, alice()]],
  [7, () => ["GET", "/orders", as("bob", "orders:read")]],
  [3, () => ["GET", "/orders/13", as("carol", "orders:read")]],
  [9, () => ["POST", "/orders", { ...alice(), "content-type": "application/json" }, order]],
  [4, () => ["POST", "/orders", { ...as("bob", "orders:read"), "content-type": "application/json" }, order]],
  [1, () => ["POST", "/orders", { ...alice(), "content-type": "application/json" }, '{"product":"lamp"}']],
  [3, () => ["GET", "/orders", { authorization: `Bearer ${mint("dave", "orders:read", 4000)}` }]],
  [3, () => ["GET", "/orders"]],
  [12, () => ["GET", `/reviews?product=${one(1, 6)}`, { "x-api-key": "demo-mobile-key" }]],
  [2, () => ["GET", "/reviews?slow=1", { "x-api-key": "demo-mobile-key" }]],
  [2, () => ["GET", "/reviews", { "x-api-key": "demo-web-key" }]],
  [2, () => ["GET", "/reviews", { "x-api-key": "a-wrong-key" }]],
  [1, () => ["GET", "/admin/users"]],
  [1, () => ["GET", "/nowhere"]],
];
const total = mix.reduce((sum, [weight]) => sum + weight, 0);

function pick() {
  let at = Math.random() * total;
  return (mix.find(([weight]) => (at -= weight) < 0) ?? mix[0])[1]();
}

let open = 0;

function send([method, path, headers = {}, body]) {
  // Never more than a few at once, whatever the services do.
  if (open >= 8) return;
  open += 1;
  const sent = request({
    host: gateway.hostname,
    port: gateway.port,
    method,
    path,
    headers: { ...headers, "user-agent": "shop-traffic" },
  });
  sent.setTimeout(8000, () => sent.destroy());
  sent.on("response", (response) => response.on("error", () => {}).resume());
  sent.on("error", () => {});
  sent.on("close", () => (open -= 1));
  sent.end(body);
}

/** Four a second; now and then alice is in a hurry and meets her limit. */
function run() {
  let tick = 0;
  const timer = setInterval(() => {
    tick += 1;
    send(pick());
    if (tick % 80 === 0)
      for (let n = 0; n < 6; n++)
        setTimeout(() => send(["POST", "/orders", { ...alice(), "content-type": "application/json" }, order]), n * 60);
  }, 250);
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
  if (process.env.UNTIL_STDIN_ENDS) process.stdin.on("end", () => clearInterval(timer) ?? process.exit(0)).resume();
}

if (process.argv[1] === new URL(import.meta.url).pathname) run();
