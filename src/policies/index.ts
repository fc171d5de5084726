/**
 * The list of policies: schema, reader, completion, docs and explanation iterate over it, in this order.
 * Adding a policy = its file, its test, one line here. Must not hold anything else.
 */
import type { AnyPolicy } from "../model/policy.ts";
import { aggregate } from "./aggregate.ts";
import { anyOf } from "./anyOf.ts";
import { apiKey } from "./apiKey.ts";
import { apiVersion } from "./apiVersion.ts";
import { authorization } from "./authorization.ts";
import { basicAuth } from "./basicAuth.ts";
import { cache } from "./cache.ts";
import { clientCertificate } from "./clientCertificate.ts";
import { compression } from "./compression.ts";
import { concurrency } from "./concurrency.ts";
import { cookies } from "./cookies.ts";
import { cors } from "./cors.ts";
import { csrf } from "./csrf.ts";
import { directResponse } from "./directResponse.ts";
import { externalAuth } from "./externalAuth.ts";
import { fault } from "./fault.ts";
import { graphqlLimit } from "./graphqlLimit.ts";
import { introspection } from "./introspection.ts";
import { ipFilter } from "./ipFilter.ts";
import { jwt } from "./jwt.ts";
import { maxBody } from "./maxBody.ts";
import { openapi } from "./openapi.ts";
import { quota } from "./quota.ts";
import { rateLimit } from "./rateLimit.ts";
import { redirect } from "./redirect.ts";
import { requestBody } from "./requestBody.ts";
import { requestHeaders } from "./requestHeaders.ts";
import { requestSchema } from "./requestSchema.ts";
import { requireGroups } from "./requireGroups.ts";
import { requireScopes } from "./requireScopes.ts";
import { responseBody } from "./responseBody.ts";
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
  maxBody,
  requestSchema,
  openapi,
  graphqlLimit,
  rateLimit,
  quota,
  concurrency,
  cache,
  aggregate,
  directResponse,
  redirect,
  fault,
  requestHeaders,
  urlRewrite,
  requestBody,
  apiVersion,
  transcode,
  responseHeaders,
  responseBody,
  cookies,
  compression,
];
