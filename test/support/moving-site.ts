import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import session from 'express-session';
import type { Session, SessionOptions, Store } from 'express-session';
import { onTestFinished } from 'vitest';
import type { SessionMiddlewareOptions } from '../../lib/index.js';
import { createSessionMiddleware } from '../../lib/index.js';
import { promised } from '../../lib/store/callback.js';
import { HttpClient } from './http-client.js';
import { SECRET } from './http-app.js';

/** A session's id and fields, without the cookie, as an instance of either kind shows them. */
export interface Shown {
  readonly sid: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly maxAge: number | null;
}

type Middleware = (request: never, response: never, next: (error?: unknown) => void) => void;
type SiteRequest = IncomingMessage & { session: Session & Record<string, unknown>; sessionID: string };

/** One instance of an application, of before or of now. */
export interface MovingSite {
  readonly url: string;
  close(): Promise<void>;
}

/** A plain express-session in front of a store. */
export async function startOldSite(store: Store, options: Partial<SessionOptions> = {}): Promise<MovingSite> {
  const cookie = { maxAge: 1_200_000 };
  return listen(session({ store, secret: SECRET, resave: false, saveUninitialized: false, cookie, ...options }));
}

/** Our middleware. */
export async function startNewSite(
  options: Omit<SessionMiddlewareOptions, 'secret'> & { secret?: string },
): Promise<MovingSite> {
  const middleware = createSessionMiddleware({
    secret: SECRET,
    userId: (data) => (data as { user?: string }).user,
    ...options,
    cookie: { maxAge: 1_200_000, ...options.cookie },
  });
  return listen(middleware, () => middleware.close());
}

/** A browser at one site, which may go on at another. */
export class Visitor {
  private readonly clients = new Map<MovingSite, HttpClient>();
  private cookies = new Map<string, string>();

  constructor() {
    onTestFinished(() => {
      for (const client of this.clients.values()) client.close();
    });
  }

  async show(site: MovingSite): Promise<Shown> {
    return this.send(site, '/');
  }

  async set(site: MovingSite, name: string, value: unknown): Promise<Shown> {
    return this.send(site, `/set?name=${name}&value=${encodeURIComponent(JSON.stringify(value))}`);
  }

  async drop(site: MovingSite, name: string): Promise<Shown> {
    return this.send(site, `/drop?name=${name}`);
  }

  async login(site: MovingSite, user: string): Promise<Shown> {
    return this.send(site, `/login?user=${user}`);
  }

  async logout(site: MovingSite): Promise<Shown> {
    return this.send(site, '/logout');
  }

  /** The status of a request, whatever it is. */
  async status(site: MovingSite): Promise<number> {
    return (await this.clientAt(site).get('/')).status;
  }

  get cookieNames(): string[] {
    return [...this.cookies.keys()].sort();
  }

  /** Another tab: the cookies of now. */
  copy(): Visitor {
    const other = new Visitor();
    other.cookies = new Map(this.cookies);
    return other;
  }

  private async send(site: MovingSite, path: string): Promise<Shown> {
    const client = this.clientAt(site);
    const answer = await client.get(path);
    this.cookies = new Map(client.cookies);
    if (answer.status !== 200) throw new Error(`${path} at ${site.url}: ${answer.status} ${answer.text}`);
    return answer.json as Shown;
  }

  private clientAt(site: MovingSite): HttpClient {
    let client = this.clients.get(site);
    if (!client) this.clients.set(site, (client = new HttpClient(site.url)));
    client.cookies.clear();
    for (const [name, value] of this.cookies) client.cookies.set(name, value);
    return client;
  }
}

async function listen(middleware: Middleware, close?: () => Promise<void>): Promise<MovingSite> {
  const server = createServer((request, response) => {
    middleware(request as never, response as never, (error) => {
      if (error) {
        response.statusCode = (error as { status?: number }).status ?? 500;
        response.end(error instanceof Error ? error.message : '');
        return;
      }
      answer(request as SiteRequest).then(
        (shown) => response.end(JSON.stringify(shown)),
        (failure: unknown) => {
          response.statusCode = 500;
          response.end(String(failure));
        },
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let closing: Promise<void> | undefined;
  const site: MovingSite = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      (closing ??= (async () => {
        await new Promise((resolve) => server.close(resolve));
        await close?.();
      })()),
  };
  onTestFinished(async () => {
    server.closeAllConnections();
    await site.close();
  });
  return site;
}

async function answer(request: SiteRequest): Promise<Shown> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site');
  const name = searchParams.get('name') ?? '';
  if (pathname === '/set') request.session[name] = JSON.parse(searchParams.get('value') ?? 'null');
  if (pathname === '/drop') Reflect.deleteProperty(request.session, name);
  if (pathname === '/login') {
    await promised<void>((done) => request.session.regenerate(done));
    request.session['user'] = searchParams.get('user');
  }
  if (pathname === '/logout') {
    await promised<void>((done) => request.session.destroy(done));
    return { sid: '', data: {}, maxAge: null };
  }
  const { cookie, haSession: _base, ...data } = request.session;
  return { sid: request.sessionID, data, maxAge: cookie.originalMaxAge };
}
