/**
 * The corpus of hostile and odd byte strings at codec level: what must be refused is, and what passes leaves the gateway as the same
 * number of well-formed messages. (test/integration/engine sends the same bytes through real sockets.)
 */
import assert from "node:assert/strict";
import { composeRequest, OutgoingRequest } from "../../src/gateway/http1/compose.ts";
import { Framing } from "../../src/gateway/http1/head.ts";
import { chunkHead, lastChunk } from "../../src/gateway/http1/chunk.ts";
import { Event, MessageReader } from "../../src/gateway/http1/reader.ts";
import { drive } from "./drive.ts";
import { rawCases } from "./raw.ts";

/** What a gateway would send on for each complete message. */
function forwarded(input: Buffer): Buffer[] {
  const reader = new MessageReader("request");
  const out = new OutgoingRequest();
  const messages: Buffer[] = [];
  let current = "";
  for (let at = 0; ; at = reader.position) {
    const event = reader.next(input, at, input.length);
    const chunked = reader.head.framing === Framing.Chunked;
    if (event === Event.Head) {
      const { method, path, query, hostHeader, framing, contentLength } = reader.head;
      const target = query === undefined ? path : `${path}?${query}`;
      Object.assign(out, { method, target, host: hostHeader || "origin", framing, contentLength });
      current = composeRequest(reader.head, out);
    } else if (event === Event.Body) {
      const data = input.toString("latin1", reader.bodyStart, reader.bodyEnd);
      current += chunked ? `${chunkHead(data.length)}${data}\r\n` : data;
    } else if (event === Event.End) {
      messages.push(Buffer.from(chunked ? current + lastChunk(reader.trailers) : current, "latin1"));
    } else {
      return messages;
    }
  }
}

describe("The corpus of raw HTTP/1.1", () => {
  for (const each of rawCases) {
    it(`${each.expect}: ${each.id}`, () => {
      const said = drive("request", each.bytes, [], { finish: true });
      const complete = said.messages.filter((message) => message.ended);
      if (each.expect === "reject") assert.notEqual(said.error, "", `accepted, though ${each.why}`);
      if (each.expect === "forward") assert.equal(complete.length, 1, said.error);
      // Bytes behind a message that closes refuse it too: the engine looks whether any follow before it sends it on.
      if (each.expect === "reject" && said.error !== "data-after-close") assert.equal(complete.length, 0);
      if (said.error === "") assert.equal(complete.length, said.messages.length);

      const sent = forwarded(each.bytes);
      assert.equal(sent.length, complete.length);
      for (const [index, bytes] of sent.entries()) {
        const again = drive("request", bytes, [], { finish: true });
        assert.equal(again.error, "", bytes.toString("latin1"));
        assert.equal(again.messages.length, 1);
        assert.equal(again.messages[0].body, complete[index].body);
        assert.equal(again.messages[0].trailers, complete[index].trailers);
        assert.equal(again.messages[0].minor, 1);
        assert.equal(again.messages[0].path, complete[index].path);
      }
    });
  }
});
