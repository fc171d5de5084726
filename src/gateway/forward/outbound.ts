/**
 * The request as its backends get it: the head that policies have shaped, composed once and sent with every attempt.
 * One per connection, reused. It exists so that the relay moves bytes and need not know what a head is made of.
 * Must not write to a socket.
 */
import type { PlanEndpoint } from "../../model/endpoint.ts";
import { composeRequest, OutgoingRequest } from "../http1/compose.ts";
import type { RequestHeadEdit } from "../http1/edit.ts";
import { Framing, Known, type Head } from "../http1/head.ts";
import { isGrpc } from "../http2/grpc.ts";
import type { Recording } from "../record/recording.ts";
import type { Run } from "./run.ts";
import type { Shaping } from "./shapes.ts";
import type { Visit } from "./visit.ts";

export class Outbound {
  /** The head as sent to every backend tried, latin1. */
  text = "";
  /** The body goes chunked. */
  chunked = false;
  /** The client speaks JSON, the backend gRPC. */
  translates = false;
  private readonly run: Run;
  private readonly shaping: Shaping;
  private readonly request = new OutgoingRequest();

  constructor(run: Run, shaping: Shaping) {
    this.run = run;
    this.shaping = shaping;
  }

  /** Protocol that the request asks to change to; "" = none. */
  get upgrade(): string {
    return this.request.upgrade;
  }

  /** What policies make of the request's head, for the endpoint that the decision holds. */
  compose(): void {
    const { run, request } = this;
    const { exchange, hop, recording } = run;
    const { head } = exchange;
    const { plan } = run.active;
    const { decision } = run;
    const shaped = this.shaping.shapeRequest(head, run.arrival.path, run.passage, plan, decision);
    const edit = run.passage.visit === undefined ? shaped : this.conditioned(run.passage.visit, shaped);
    const { path, query, authority } = this.shaping.request;
    const endpoint = plan.services[decision.service].endpoints[decision.endpoint];
    request.method = head.method;
    request.target = query === undefined ? path : `${path}?${query}`;
    // An HTTP/1.0 client may name no host; a backend of HTTP/1.1 must get one.
    request.host = authority === "" ? authorityOf(endpoint) : authority;
    const rewritten = run.body?.rewrite() ?? -1;
    request.framing = rewritten < 0 ? head.framing : Framing.Length;
    request.contentLength = rewritten < 0 ? head.contentLength : rewritten;
    request.upgrade = offeredUpgrade(head);
    request.acceptsTrailers = head.acceptsTrailers;
    request.skip = run.body?.held === undefined ? hop.skip : hop.skip | (1 << Known.Expect);
    request.lines = hop.lines;
    this.chunked = request.framing === Framing.Chunked;
    const { translation } = run.passage;
    this.translates = translation !== undefined && isGrpc(edit?.get("content-type"));
    if (this.translates) translation?.compose(request, plan.routes[decision.route].timeouts);
    this.text = composeRequest(head, request, edit);
    (recording as Recording).upstreamHead = this.text;
  }

  /** Upgrades need HTTP/1.1, gRPC needs HTTP/2; else the service says it. @param said by the service. */
  wantsHttp2(said: boolean): boolean {
    const { head } = this.run.exchange;
    if (this.request.upgrade !== "") return false;
    return said || this.translates || (head.has(Known.ContentType) && isGrpc(head.get("content-type")));
  }

  /** Asks the backend whether what is held still holds. */
  private conditioned(visit: Visit, shaped: RequestHeadEdit | undefined): RequestHeadEdit | undefined {
    const { request } = this.shaping;
    if (shaped === undefined) request.begin(this.run.exchange.head);
    return visit.sent(this.run, request) ? request : shaped;
  }
}

function authorityOf(endpoint: PlanEndpoint): string {
  const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  return endpoint.port === (endpoint.secure === true ? 443 : 80) ? host : `${host}:${endpoint.port}`;
}

/** An upgrade is passed on for requests without a body, and never h2c: a backend would smuggle requests past us in it. */
function offeredUpgrade(head: Head): string {
  if (head.upgrade === "") return "";
  const bodiless = head.framing === Framing.None || head.contentLength === 0;
  return bodiless && !/(?:^|[\s,])h2c(?:$|[\s,/])/i.test(head.upgrade) ? head.upgrade : "";
}
