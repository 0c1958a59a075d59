import type { MonitorAnswer } from './monitor-answer.js';
import { MONITOR_ASSETS, MONITOR_PAGE } from './page.generated.js';

/** Nothing from elsewhere, nothing inline, nothing framed; no text becomes markup. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Of the page and its parts. A page of an instance that was replaced asks the new one for its scripts. */
const HEADERS = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * The page. Its scripts are named from the page's own address, whatever prefix the application, or a proxy before it, has.
 *
 * @internal
 */
export function pageAnswer(url: string, route: string): MonitorAnswer {
  const isFolder = url.split('?', 1)[0]?.endsWith('/') ?? false;
  const base = isFolder ? './' : `./${route.split('/').at(-1) ?? ''}/`;
  return {
    status: 200,
    headers: { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8' },
    body: MONITOR_PAGE.replaceAll('{{base}}', base),
  };
}

/** One of the page's parts. @internal */
export function assetAnswer(name: string, known: string | string[] | undefined): MonitorAnswer {
  const asset = MONITOR_ASSETS.find((one) => one.name === name);
  if (!asset) return { status: 404, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: 'Not found\n' };
  const headers = { ...HEADERS, 'Content-Type': asset.type, ETag: asset.tag };
  return known === asset.tag ? { status: 304, headers, body: '' } : { status: 200, headers, body: asset.text };
}
