import type { ServerResponse } from 'node:http';
import { tellWhenToRetry } from './session-http-error.js';

/** Headers of ours for the head of a response. @internal */
export interface SessionHeaders {
  /** Lines of `Set-Cookie`. */
  readonly cookies: readonly string[];
  /** Whether the client should try again soon. */
  readonly isOutage: boolean;
  /** Whether the response depends on the session. */
  readonly varies: boolean;
}

/** The names of all of them. @internal */
export const SESSION_HEADERS: readonly string[] = ['set-cookie', 'cache-control', 'vary', 'retry-after'];

/**
 * Adds our headers to a response, and what keeps its cookies with their user: no shared cache may store the response, unless the
 * application itself has said that only the user's own may, or that it has to ask before.
 *
 * @internal
 */
export function addSessionHeaders(response: ServerResponse, { cookies, isOutage, varies }: SessionHeaders): void {
  if (isOutage) tellWhenToRetry(response);
  if (varies) addVary(response);
  if (cookies.length === 0) return;
  response.setHeader('Set-Cookie', [...listOf(response, 'Set-Cookie'), ...cookies]);
  if (!KEEPS_TO_USER.test(listOf(response, 'Cache-Control').join(', ')))
    response.setHeader('Cache-Control', 'no-store');
}

function addVary(response: ServerResponse): void {
  if (!response.hasHeader('Vary')) {
    response.setHeader('Vary', 'Cookie');
    return;
  }
  const vary = listOf(response, 'Vary').join(', ');
  if (!NAMES_COOKIE.test(vary)) response.setHeader('Vary', `${vary}, Cookie`);
}

/** RFC 9111, section 5.2.2: with one of these a shared cache does not answer another user from it unasked. */
const KEEPS_TO_USER = /(^|,)\s*(no-store|private|no-cache)\s*(,|=|$)/i;
const NAMES_COOKIE = /(^|,)\s*(cookie|\*)\s*(,|$)/i;

function listOf(response: ServerResponse, name: string): readonly string[] {
  return [response.getHeader(name) ?? []].flat().map(String);
}
