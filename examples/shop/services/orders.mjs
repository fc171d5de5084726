// Orders: three replicas of this run. It trusts what the gateway says about the caller (x-user).
import { bodyOf, json, pause, serve } from "./server.mjs";

const port = Number(process.env.PORT);
// The third replica is a slow machine: watch how LeastRequest sends it less.
const slowness = Number(process.env.SLOWNESS ?? 5);
let next = 100;

serve("orders", async (request, response, url) => {
  const user = request.headers["x-user"] ?? "nobody";
  await pause(slowness * (0.5 + Math.random()));
  if (request.method === "POST") {
    const text = await bodyOf(request);
    return json(response, 201, { id: next++, user, replica: port, received: text.length });
  }
  const id = /^\/(\d+)$/.exec(url.pathname)?.[1];
  if (id === "13") return json(response, 503, { error: "order 13 always fails", replica: port });
  json(
    response,
    200,
    id === undefined ? { user, replica: port, orders: [12, 77] } : { id: Number(id), user, replica: port },
  );
});
