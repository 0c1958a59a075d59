import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import type { HttpAnswer } from '../support/http-client.js';
import { SECRET } from '../support/http-app.js';
import { describeSites, newInstallation } from '../support/session-site.js';
import type { SiteHandler, SiteOptions } from '../support/session-site.js';

/** express-session's README about the cookie, sentence by sentence. */

const HOUR_MS = 3_600_000;

/** Counts, and says which session it is. */
const counting: SiteHandler = (request, response) => {
  request.session.count = (request.session.count ?? 0) + 1;
  response.end(JSON.stringify({ id: request.sessionID, count: request.session.count }));
};

const reading: SiteHandler = (request, response) => {
  response.end(JSON.stringify({ id: request.sessionID, count: request.session.count ?? null }));
};

/** Counts on `POST`, reads otherwise. */
const countingOnPost: SiteHandler = (request, response) =>
  (request.method === 'POST' ? counting : reading)(request, response);

function sign(id: string, secret = SECRET): string {
  const signature = createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '');
  return encodeURIComponent(`s:${id}.${signature}`);
}

interface SentCookie {
  readonly name: string;
  readonly value: string;
  readonly attributes: Readonly<Record<string, string | true>>;
}

function cookiesOf({ setCookie }: HttpAnswer): SentCookie[] {
  return setCookie.map((line) => {
    const [pair = '', ...rest] = line.split('; ');
    const [name = '', value = ''] = pair.split('=');
    const attributes = rest.map((part) => {
      const [key = '', text] = part.split('=');
      return [key, text ?? true] as const;
    });
    return { name, value, attributes: Object.fromEntries(attributes) };
  });
}

/** Whoever mounts a middleware may take the path off `url`; `originalUrl` has it then. */
function pathOf(request: unknown): string {
  const { originalUrl, url = '' } = request as { originalUrl?: string; url?: string };
  return originalUrl ?? url;
}

function lifeOf({ attributes: { Expires } }: SentCookie): number {
  return Date.parse(String(Expires)) - Date.now();
}

/** So that a missing attribute can be asked for. */
const NONE = {
  Domain: null,
  Expires: null,
  HttpOnly: null,
  Secure: null,
  Partitioned: null,
  Priority: null,
  SameSite: null,
};

describeSites('the cookie', (kind) => {
  const attributesFor = async (options: SiteOptions, headers: Record<string, string> = {}, path = '/') => {
    const { client } = await kind.start(options, counting);
    const [cookie] = cookiesOf(await client().get(path, { headers }));
    return cookie && Object.assign({ ...NONE }, cookie.attributes);
  };

  it('is `s:`, the id and its HMAC-SHA256 without padding, encoded as a URI component', async () => {
    const { client } = await kind.start({}, counting);
    const answer = await client().get('/');
    const { id } = answer.json as { id: string };
    expect(cookiesOf(answer)).toEqual([
      { name: 'connect.sid', value: sign(id), attributes: { Path: '/', HttpOnly: true } },
    ]);
  });

  it.each([
    ['domain', { domain: 'example.com' }, { Domain: 'example.com' }],
    ['path', { path: '/admin' }, { Path: '/admin' }],
    ['httpOnly: false', { httpOnly: false }, { HttpOnly: null }],
    ['secure: false', { secure: false }, { Secure: null }],
    ['secure: true', { secure: true }, { Secure: true }],
    ['partitioned', { partitioned: true, secure: true }, { Partitioned: true, Secure: true }],
    ['priority low', { priority: 'low' }, { Priority: 'Low' }],
    ['priority medium', { priority: 'medium' }, { Priority: 'Medium' }],
    ['priority high', { priority: 'high' }, { Priority: 'High' }],
    ['sameSite: false', { sameSite: false }, { SameSite: null }],
    ['sameSite: true', { sameSite: true }, { SameSite: 'Strict' }],
    ['sameSite lax', { sameSite: 'lax' }, { SameSite: 'Lax' }],
    ['sameSite strict', { sameSite: 'strict' }, { SameSite: 'Strict' }],
    ['sameSite none', { sameSite: 'none', secure: true }, { SameSite: 'None' }],
  ] as const)('has the attribute of the option: %s', async (_name, cookie, expected) => {
    const attributes = await attributesFor({ cookie, proxy: true }, { 'x-forwarded-proto': 'https' }, '/admin/x');
    expect(attributes).toMatchObject({ Path: '/', HttpOnly: true, ...expected });
  });

  it.each([
    ['https', { Secure: true, SameSite: 'None' }],
    ['http', { Secure: null, SameSite: 'Lax' }],
  ])('takes `auto` from the connection: %s', async (protocol, expected) => {
    const cookie = { secure: 'auto', sameSite: 'auto' } as const;
    expect(await attributesFor({ cookie, proxy: true }, { 'x-forwarded-proto': protocol })).toMatchObject(expected);
  });

  it.each([
    [true, 'https', true],
    [true, 'HTTPS, http', true],
    [true, 'http, https', false],
    [true, '', false],
    [false, 'https', false],
    [undefined, 'https', false],
  ])('with proxy %o and X-Forwarded-Proto %o goes over a secure connection only', async (proxy, protocol, isSent) => {
    const { client } = await kind.start({ cookie: { secure: true }, ...(proxy !== undefined && { proxy }) }, counting);
    const { status, setCookie } = await client().get('/', { headers: { 'x-forwarded-proto': protocol } });
    expect({ status, isSent: setCookie.length === 1 }).toEqual({ status: 200, isSent });
  });

  it('has no Expires without maxAge, and one at maxAge with it', async () => {
    const { client } = await kind.start({ cookie: { maxAge: HOUR_MS } }, counting);
    const [cookie] = cookiesOf(await client().get('/'));
    expect(lifeOf(cookie!)).toBeGreaterThan(HOUR_MS - 5_000);
    expect(lifeOf(cookie!)).toBeLessThanOrEqual(HOUR_MS);
    expect(await attributesFor({})).toMatchObject({ Expires: null });
  });

  it('takes its options from a function of the request', async () => {
    const { client } = await kind.start(
      { cookieOf: (request) => (pathOf(request).startsWith('/long') ? { maxAge: HOUR_MS, sameSite: 'strict' } : {}) },
      counting,
    );
    const [long] = cookiesOf(await client().get('/long'));
    const [short] = cookiesOf(await client().get('/short'));
    expect(long?.attributes).toMatchObject({ SameSite: 'Strict' });
    expect(lifeOf(long!)).toBeGreaterThan(HOUR_MS - 5_000);
    expect(short?.attributes).toEqual({ Path: '/', HttpOnly: true });
  });

  it('has the name of the option, and is read by it only', async () => {
    const { client } = await kind.start({ name: 'own.sid' }, counting);
    const browser = client();
    expect(cookiesOf(await browser.get('/'))[0]?.name).toBe('own.sid');
    expect((await browser.get('/')).json).toMatchObject({ count: 2 });
    const other = client();
    other.cookies.set('connect.sid', browser.cookies.get('own.sid')!);
    expect((await other.get('/')).json).toMatchObject({ count: 1 });
  });

  it('belongs to the requests below its path', async () => {
    const { client } = await kind.start({ cookie: { path: '/admin' } }, (request, response) => {
      response.end(typeof (request as Partial<typeof request>).session);
    });
    const seen = [];
    for (const path of ['/', '/other', '/admin', '/admin/', '/admin/x?y', '/admin?y'])
      seen.push((await client().get(path)).text);
    expect(seen).toEqual(['undefined', 'undefined', 'object', 'object', 'object', 'object']);
  });

  it.each([
    ['as it was sent', (id: string) => sign(id)],
    ['not encoded', (id: string) => decodeURIComponent(sign(id))],
    ['in quotes', (id: string) => `"${sign(id)}"`],
    ['among others', (id: string) => `${sign(id)}; other=1; broken; =x; a=%E0%A4%A`],
    ['with space around', (id: string) => `  ${sign(id)}  `],
  ])('is read %s', async (_name, cookieOf) => {
    const { client } = await kind.start({}, counting);
    const browser = client();
    const { id } = (await browser.get('/')).json as { id: string };
    const { json } = await client().get('/', { headers: { cookie: `connect.sid=${cookieOf(id)}` } });
    expect(json).toEqual({ id, count: 2 });
  });

  it.each([
    ['of another secret', (id: string) => sign(id, 'another-secret-0123456789')],
    ['not signed', (id: string) => id],
    ['signed, without `s:`', (id: string) => decodeURIComponent(sign(id)).slice(2)],
    ['of another id', (id: string) => `s%3Ax${sign(id).slice(4)}`],
    ['cut off', (id: string) => sign(id).slice(0, -1)],
    ['with a letter more', (id: string) => `${sign(id)}x`],
    ['without a signature', (id: string) => `s%3A${id}`],
    ['with an empty signature', (id: string) => `s%3A${id}.`],
    ['with a signature in another case', (id: string) => `s%3A${id}.${sign(id).split('.')[1]!.toLowerCase()}`],
    ['empty', () => ''],
    ['of an empty id', () => sign('')],
    ['broken in its encoding', (id: string) => `${sign(id)}%E0%A4%A`],
    ['of an id that nobody has', () => sign('nobody')],
  ])('that is %s means a new session with an id of its own', async (_name, cookieOf) => {
    const { client } = await kind.start({}, counting);
    const first = (await client().get('/')).json as { id: string };
    const answer = await client().get('/', { headers: { cookie: `connect.sid=${cookieOf(first.id)}` } });
    const { id, count } = answer.json as { id: string; count: number };
    expect({ status: answer.status, count }).toEqual({ status: 200, count: 1 });
    expect(id).not.toBe(first.id);
    expect(id).not.toBe('nobody');
    expect(answer.setCookie).toHaveLength(1);
  });

  it('is signed with the first secret and verified with each; without its secret it is nobody’s', async () => {
    const installation = newInstallation();
    const [old, young] = ['old-secret-0123456789', 'new-secret-0123456789'];
    const before = await kind.start({ installation, secret: old }, counting);
    const rotated = await kind.start({ installation, secret: [young, old] }, counting);
    const after = await kind.start({ installation, secret: young }, counting);
    const browser = before.client();
    const { id } = (await browser.get('/')).json as { id: string };
    expect(browser.cookies.get('connect.sid')).toBe(sign(id, old));
    const headers = { cookie: `connect.sid=${sign(id, old)}` };
    expect((await rotated.client().get('/', { headers })).json).toEqual({ id, count: 2 });
    const fresh = (await rotated.client().get('/')).json as { id: string };
    const next = { cookie: `connect.sid=${sign(fresh.id, young)}` };
    expect((await after.client().get('/', { headers: next })).json).toEqual({ id: fresh.id, count: 2 });
    expect((await after.client().get('/', { headers })).json).toMatchObject({ count: 1 });
  });

  it('is not sent again to whoever has it: neither by a read nor by a change', async () => {
    const { client } = await kind.start({}, countingOnPost);
    const browser = client();
    expect((await browser.post('/')).setCookie).toHaveLength(1);
    expect((await browser.get('/')).setCookie).toEqual([]);
    expect((await browser.post('/')).setCookie).toEqual([]);
  });

  it('with a maxAge is sent again by a change, which renews it, and not by a read', async () => {
    const { client } = await kind.start({ cookie: { maxAge: HOUR_MS } }, countingOnPost);
    const browser = client();
    const [first] = cookiesOf(await browser.post('/'));
    expect((await browser.get('/')).setCookie).toEqual([]);
    const [second] = cookiesOf(await browser.post('/'));
    expect(second?.value).toBe(first?.value);
    expect(lifeOf(second!)).toBeGreaterThan(HOUR_MS - 5_000);
    expect((await browser.get('/')).setCookie).toEqual([]);
  });

  it('of a rolling session is sent with every response, unless the session is empty', async () => {
    const { client } = await kind.start({ cookie: { maxAge: HOUR_MS }, rolling: true }, countingOnPost);
    const browser = client();
    expect((await browser.get('/')).setCookie).toEqual([]);
    const [first] = cookiesOf(await browser.post('/'));
    for (const method of ['GET', 'GET', 'POST']) {
      const [again, ...more] = cookiesOf(await browser.send('/', { method }));
      expect(more).toEqual([]);
      expect(again?.value).toBe(first?.value);
      expect(lifeOf(again!)).toBeGreaterThan(HOUR_MS - 5_000);
    }
  });

  it('carries an id of the application’s own, whatever is in it', async () => {
    const ids = ['apple', '%', '/foo', 'a.b.c', 's:x', 'with space', 'ö', '=;,"'];
    let next = '';
    const urls: unknown[] = [];
    const { client } = await kind.start(
      {
        genid: (request) => {
          urls.push(pathOf(request));
          return next;
        },
      },
      counting,
    );
    for (const id of ids) {
      next = id;
      const browser = client();
      const answer = await browser.get('/path?query');
      expect(answer.json).toEqual({ id, count: 1 });
      expect(cookiesOf(answer)[0]?.value).toBe(sign(id));
      expect((await browser.get('/')).json, id).toEqual({ id, count: 2 });
    }
    expect(urls[0]).toBe('/path?query');
  });

  it('stands beside the application’s own cookies, however these are set', async () => {
    const { client } = await kind.start({}, (request, response) => {
      request.session.count = 1;
      if (request.url === '/text') response.setHeader('Set-Cookie', 'a=1');
      if (request.url === '/list') response.setHeader('Set-Cookie', ['a=1', 'b=2']);
      if (request.url === '/append') response.appendHeader('Set-Cookie', 'a=1').appendHeader('set-cookie', 'b=2');
      if (request.url === '/head') response.writeHead(200, { 'Set-Cookie': 'a=1' });
      if (request.url === '/head-list') response.writeHead(200, 'Fine', { 'set-cookie': ['a=1', 'b=2'] });
      if (request.url === '/head-raw') response.writeHead(200, ['Set-Cookie', 'a=1', 'X-Own', 'x']);
      response.end();
    });
    const names = [];
    for (const path of ['/text', '/list', '/append', '/head', '/head-list', '/head-raw'])
      names.push(cookiesOf(await client().get(path)).map(({ name }) => name));
    expect(names.map((list) => list.sort().join())).toEqual([
      'a,connect.sid',
      'a,b,connect.sid',
      'a,b,connect.sid',
      'a,connect.sid',
      'a,b,connect.sid',
      'a,connect.sid',
    ]);
  });
});
