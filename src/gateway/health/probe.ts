/**
 * One probe of one endpoint, in the form that its check asks for: an HTTP request, a bare connection, or gRPC's health call.
 * Must not judge or repeat: checks.ts does.
 */
import { get, type ClientRequest, type RequestOptions } from "node:http";
import { get as getSecurely } from "node:https";
import { connect } from "node:net";
import { connect as connectSecurely, type ConnectionOptions } from "node:tls";
import type { PlanEndpoint } from "../../model/endpoint.ts";
import type { ActiveCheck } from "../../model/plan.ts";
import { knock } from "../forward/dial.ts";
import { encodeProxyHeader } from "../layer4/proxy-header.ts";
import { askGrpc } from "./ask-grpc.ts";
import { askHttp2 } from "./ask-http2.ts";

type Place = Pick<PlanEndpoint, "host" | "port">;
type Asked = Pick<ActiveCheck, "type" | "path" | "service" | "timeout" | "proxyProtocol">;

/** What is spoken with an endpoint. */
export interface Spoken {
  readonly tls: ConnectionOptions | undefined;
  readonly http2: boolean;
}

/** Asks once. @param done is called once, unless called off. @returns how to call it off. */
export function probe(place: Place, check: Asked, done: (up: boolean) => void, spoken?: Spoken): () => void {
  let told = false;
  const tell = (up: boolean): void => {
    if (told) return;
    told = true;
    clearTimeout(limit);
    done(up);
  };
  const limit = setTimeout(() => {
    callOff();
    tell(false);
  }, check.timeout);
  limit.unref();
  const callOff = ask(place, check, tell, spoken);
  return () => {
    told = true;
    clearTimeout(limit);
    callOff();
  };
}

function ask(place: Place, check: Asked, tell: (up: boolean) => void, spoken: Spoken | undefined): () => void {
  const { host, port } = place;
  const { type, path, service = "", timeout } = check;
  const authority = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const header = check.proxyProtocol && encodeProxyHeader(check.proxyProtocol, undefined);
  if (type === "TCP") return knock(host, port, timeout, tell, header);
  if (type === "GRPC") return askGrpc(authority, service, spoken?.tls, tell);
  if (spoken?.http2 === true) return askHttp2(authority, path, spoken.tls, tell);
  const request = askHttp1(place, { path, authority, header }, spoken?.tls);
  request.on("error", () => tell(false));
  request.on("response", (response) => {
    response.on("error", () => {});
    const { statusCode = 0 } = response;
    tell(statusCode >= 200 && statusCode < 400);
    // The verdict needs no body, however long it is.
    response.destroy();
  });
  request.on("close", () => tell(false));
  return () => void request.destroy();
}

interface Question {
  readonly path: string;
  readonly authority: string;
  /** Of the PROXY protocol; undefined: none. */
  readonly header: Uint8Array | undefined;
}

function askHttp1({ host, port }: Place, question: Question, tls: ConnectionOptions | undefined): ClientRequest {
  const { path, authority, header } = question;
  const greeted = (): ReturnType<typeof connect> => {
    const socket = connect({ host, port });
    socket.on("error", () => {});
    socket.write(header as Uint8Array);
    return socket;
  };
  const options: RequestOptions = {
    host,
    port,
    path,
    // No agent: a probe that reuses a connection would not notice that nobody accepts any more.
    agent: false,
    headers: { host: authority, "user-agent": "switchyard-health", connection: "close" },
  };
  if (header === undefined) return tls === undefined ? get(options) : getSecurely({ ...options, ...tls });
  // An agent, even one that keeps nothing, would make the connection itself.
  const own = { ...options, agent: undefined };
  if (tls === undefined) return get({ ...own, createConnection: greeted });
  return getSecurely({ ...own, createConnection: () => connectSecurely({ ...tls, socket: greeted() }) });
}
