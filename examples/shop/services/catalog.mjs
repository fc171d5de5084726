// The catalogue: anybody may look. /catalog/live is a stream of server-sent events.
import { json, pause, serve } from "./server.mjs";

const products = ["lamp", "chair", "table", "rug", "clock", "vase"].map((name, i) => ({
  id: i + 1,
  name,
  price: 19 + i * 7,
  // What the shop pays for it: nobody outside may see that.
  cost: 8 + i * 3,
}));

serve("catalog", async (request, response, url) => {
  const path = url.pathname.replace(/^\/catalog/, "") || "/";
  if (path === "/") return json(response, 200, { products });
  if (path === "/live") {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    for (let n = 0; n < 5 && !response.destroyed; n++) {
      response.write(`event: price\ndata: ${JSON.stringify(products[n])}\n\n`);
      await pause(300);
    }
    return response.end();
  }
  const asked = /^\/(prices|stock)\/(\d+)$/.exec(path);
  const known = products.find(({ id }) => String(id) === asked?.[2]);
  if (asked?.[1] === "prices" && known !== undefined)
    return json(response, 200, { amount: known.price, currency: "EUR" });
  if (asked?.[1] === "stock" && known !== undefined) return json(response, 200, { left: (known.id * 7) % 5 });
  const product = products.find(({ id }) => `/${id}` === path);
  if (product === undefined) return json(response, 404, { error: "no such product" });
  await pause(3 + Math.random() * 10);
  json(response, 200, product, { "x-internal-node": "catalog-1" });
});
