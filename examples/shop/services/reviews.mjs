// Reviews, for partners with an API key. Now and then it is out of order, as real services are.
import { json, pause, serve } from "./server.mjs";

let count = 0;

serve("reviews", async (request, response, url) => {
  await pause(8 + Math.random() * 15);
  if (url.searchParams.has("slow")) await pause(1500);
  count += 1;
  if (count % 11 === 0) return json(response, 500, { error: "the database is out of order" });
  json(response, 200, {
    product: url.searchParams.get("product") ?? "all",
    stars: 1 + (count % 5),
    partner: request.headers["x-partner"] ?? null,
  });
});
