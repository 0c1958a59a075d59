import type { MonitorRequest } from './monitor-answer.js';

/** Name of the header that the page's own requests have: no form has it, and no other site's script may send it unasked. */
const MARK = 'x-session-monitor';

/**
 * Whether a request to change something comes from the page itself: it has a header that a form cannot send, and the browser
 * does not say that another site's page sends it. Browsers tell the site (`Sec-Fetch-Site`) over HTTPS and on localhost, and the
 * origin in any case.
 *
 * @internal
 */
export function isFromOwnPage({ headers }: Pick<MonitorRequest, 'headers'>): boolean {
  if (headers[MARK] !== '1') return false;
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host } = headers;
  if (origin === undefined) return true;
  return typeof origin === 'string' && URL.canParse(origin) && new URL(origin).host === host;
}
