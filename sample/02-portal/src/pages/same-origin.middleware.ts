import type { NextFunction, Request, Response } from 'express';

/** Refuses changes that another site's page sends; browsers always say where a request comes from. */
export function sameOriginOnly(request: Request, response: Response, next: NextFunction): void {
  const site = request.get('sec-fetch-site');
  const origin = request.get('origin');
  const isForeign =
    site === undefined
      ? origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== request.get('host'))
      : site !== 'same-origin' && site !== 'none';
  if (['GET', 'HEAD', 'OPTIONS'].includes(request.method) || !isForeign) next();
  else response.status(403).json({ statusCode: 403, message: 'Sent by the page of another site' });
}
