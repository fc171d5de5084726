/**
 * WebSockets over HTTP/2 (RFC 8441): an extended CONNECT stands for the GET with Upgrade of HTTP/1.1 (RFC 6455), whose
 * key and accept it leaves out; whoever joins the two has to make and check them.
 * Must not look into frames.
 */
import { createHash } from "node:crypto";

/** RFC 6455 section 1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What answers the key. */
export function acceptOf(key: string): string {
  return createHash("sha1")
    .update(key + GUID)
    .digest("base64");
}

/** @param random 16 characters. @returns a Sec-WebSocket-Key: 16 bytes in base64. */
export function keyFrom(random: string): string {
  return Buffer.from(random, "latin1").toString("base64");
}

export function isWebSocket(protocol: string): boolean {
  return protocol.toLowerCase() === "websocket";
}
