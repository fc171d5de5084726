/**
 * The list of policies: schema, reader, completion, docs and explanation iterate over it, in this order.
 * Adding a policy = its file, its test, one line here. Must not hold anything else.
 */
import type { AnyPolicy } from "../model/policy.ts";
import { anyOf } from "./anyOf.ts";
import { apiKey } from "./apiKey.ts";
import { authorization } from "./authorization.ts";
import { basicAuth } from "./basicAuth.ts";
import { cache } from "./cache.ts";
import { concurrency } from "./concurrency.ts";
import { cors } from "./cors.ts";
import { csrf } from "./csrf.ts";
import { directResponse } from "./directResponse.ts";
import { fault } from "./fault.ts";
import { ipFilter } from "./ipFilter.ts";
import { jwt } from "./jwt.ts";
import { rateLimit } from "./rateLimit.ts";
import { redirect } from "./redirect.ts";
import { requestHeaders } from "./requestHeaders.ts";
import { requireGroups } from "./requireGroups.ts";
import { requireScopes } from "./requireScopes.ts";
import { responseHeaders } from "./responseHeaders.ts";
import { urlRewrite } from "./urlRewrite.ts";

export const policies: readonly AnyPolicy[] = [
  ipFilter,
  cors,
  csrf,
  apiKey,
  jwt,
  basicAuth,
  anyOf,
  authorization,
  requireScopes,
  requireGroups,
  rateLimit,
  concurrency,
  cache,
  directResponse,
  redirect,
  fault,
  requestHeaders,
  urlRewrite,
  responseHeaders,
];
