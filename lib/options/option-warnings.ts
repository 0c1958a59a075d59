import type { ResolvedSessionOptions } from './resolved-session.options.js';

/**
 * Sentences for the log at the start: options that are allowed and unwise in production.
 *
 * @internal
 */
export function warningsOf(
  { cookie, redis, store }: Pick<ResolvedSessionOptions, 'cookie' | 'redis' | 'store'>,
  isProduction: boolean,
): readonly string[] {
  if (!isProduction) return [];
  const warnings: string[] = [];
  if (!redis && !store) {
    warnings.push(
      'Sessions live in this process only: they die with it and no other instance sees them. Set `redis` in production.',
    );
  }
  if (cookie.secure === 'auto') {
    warnings.push(
      "`cookie.secure` is 'auto': a session that begins over a connection not known to be TLS gets a cookie without `Secure`. " +
        'Say `secure: true`, and `proxy: true` behind a proxy that ends TLS.',
    );
  }
  if (cookie.secure === false) {
    warnings.push('`cookie.secure` is false: the cookie goes over plain HTTP, for all to read. Say `secure: true`.');
  }
  if (!cookie.httpOnly) {
    warnings.push('`cookie.httpOnly` is false: any script in a page reads the cookie. Leave the option out.');
  }
  return warnings;
}
