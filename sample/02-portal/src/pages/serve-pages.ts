import { fileURLToPath } from 'node:url';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Eta } from 'eta';
import helmet from 'helmet';

const views = fileURLToPath(new URL('../../views', import.meta.url));
const assets = fileURLToPath(new URL('../../public', import.meta.url));

const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' });

/** Templates, styles, scripts, and the headers that keep pages to themselves. */
export function servePages(app: NestExpressApplication): void {
  app.disable('x-powered-by');
  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          scriptSrc: ["'self'"],
          styleSrc: ["'self'"],
          imgSrc: ["'self'"],
          connectSrc: ["'self'"],
          formAction: ["'self'"],
          baseUri: ["'none'"],
          frameAncestors: ["'none'"],
        },
      },
      // A failed form goes back to the page it was on.
      referrerPolicy: { policy: 'same-origin' },
      // The demo speaks plain HTTP on loopback.
      strictTransportSecurity: false,
    }),
  );
  app.useStaticAssets(assets, { prefix: '/assets/', maxAge: '1h', etag: true });

  const eta = new Eta({ views, cache: process.env['NODE_ENV'] !== 'development' });
  const helpers = { money: (cents: number) => euros.format(cents / 100) };
  app.engine('eta', (path: string, content: object, done: (error: unknown, page?: string) => void) => {
    let page: string;
    try {
      page = eta.render(path.slice(views.length, -'.eta'.length), { ...helpers, ...content });
    } catch (error) {
      done(error);
      return;
    }
    done(null, page);
  });
  app.setViewEngine('eta');
  app.setBaseViewsDir(views);
}
