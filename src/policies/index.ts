/**
 * The list of policies: schema, reader, completion, docs and explanation iterate over it, in this order.
 * Adding a policy = its file, its test, one line here. Must not hold anything else.
 */
import type { AnyPolicy } from "../model/policy.ts";
import { aggregate } from "./aggregate.ts";
import { anyOf } from "./anyOf.ts";
import { apiKey } from "./apiKey.ts";
import { authorization } from "./authorization.ts";
import { basicAuth } from "./basicAuth.ts";
import { cache } from "./cache.ts";
import { clientCertificate } from "./clientCertificate.ts";
import { concurrency } from "./concurrency.ts";
import { cors } from "./cors.ts";
import { csrf } from "./csrf.ts";
import { directResponse } from "./directResponse.ts";
import { externalAuth } from "./externalAuth.ts";
import { fault } from "./fault.ts";
import { introspection } from "./introspection.ts";
import { ipFilter } from "./ipFilter.ts";
import { jwt } from "./jwt.ts";
import { rateLimit } from "./rateLimit.ts";
import { redirect } from "./redirect.ts";
import { requestHeaders } from "./requestHeaders.ts";
import { requireGroups } from "./requireGroups.ts";
import { requireScopes } from "./requireScopes.ts";
import { responseHeaders } from "./responseHeaders.ts";
import { transcode } from "./transcode.ts";
import { urlRewrite } from "./urlRewrite.ts";

export const policies: readonly AnyPolicy[] = [
  ipFilter,
  cors,
  csrf,
  apiKey,
  jwt,
  basicAuth,
  introspection,
  clientCertificate,
  externalAuth,
  anyOf,
  authorization,
  requireScopes,
  requireGroups,
  rateLimit,
  concurrency,
  cache,
  aggregate,
  directResponse,
  redirect,
  fault,
  requestHeaders,
  urlRewrite,
  transcode,
  responseHeaders,
];
