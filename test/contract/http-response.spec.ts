import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, it } from 'vitest';
import type { HttpAnswer } from '../support/http-client.js';
import { describeSites } from '../support/session-site.js';
import type { SiteHandler, SiteRequest } from '../support/session-site.js';

/** Whatever a handler does with its response, the client gets what Node would have sent, and the session is stored. */

const MEGABYTE = Buffer.alloc(1_000_000, 'x');

interface Way {
  readonly name: string;
  answer(response: ServerResponse, request: SiteRequest): unknown;
  readonly method?: string;
  readonly status?: number;
  /** What the client gets; by default `body`. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

const WAYS: readonly Way[] = [
  { name: 'end()', answer: (response) => response.end(), text: '' },
  { name: 'end(null)', answer: (response) => response.end(null), text: '' },
  { name: 'end(undefined)', answer: (response) => response.end(undefined), text: '' },
  { name: "end('')", answer: (response) => response.end(''), text: '' },
  { name: 'end(text)', answer: (response) => response.end('body'), headers: { 'content-length': '4' } },
  { name: 'end(text, encoding)', answer: (response) => response.end('Ym9keQ==', 'base64') },
  { name: 'end(buffer)', answer: (response) => response.end(Buffer.from('body')) },
  { name: 'end(bytes)', answer: (response) => response.end(new Uint8Array([98, 111, 100, 121])) },
  { name: 'end(text) in letters of several bytes', answer: (response) => response.end('ü€😀'), text: 'ü€😀' },
  { name: 'end() twice', answer: (response) => response.end('body').end() },
  {
    name: 'end(callback)',
    answer: (response) => new Promise<void>((resolve) => response.end(resolve)),
    text: '',
  },
  {
    name: 'end(text, callback)',
    answer: (response) => new Promise<void>((resolve) => response.end('body', resolve)),
  },
  {
    name: 'end(text, encoding, callback)',
    answer: (response) => new Promise<void>((resolve) => response.end('Ym9keQ==', 'base64', resolve)),
  },
  {
    name: 'write and end',
    answer: (response) => {
      response.write('bo');
      response.end('dy');
    },
  },
  {
    name: 'write with encoding and callback',
    answer: async (response) => {
      await new Promise((resolve) => response.write('Ym8=', 'base64', resolve));
      await new Promise((resolve) => response.write('d', resolve));
      response.end('y');
    },
  },
  {
    name: 'write of an empty text first',
    answer: (response) => {
      response.write('');
      response.end('body');
    },
  },
  {
    name: 'a Content-Length of its own',
    answer: (response) => {
      response.setHeader('Content-Length', 4);
      response.write('bo');
      response.end('dy');
    },
    headers: { 'content-length': '4' },
  },
  {
    name: 'a Content-Length of 0',
    answer: (response) => response.setHeader('Content-Length', '0').end(),
    text: '',
    headers: { 'content-length': '0' },
  },
  {
    name: 'writeHead with headers',
    answer: (response) => response.writeHead(202, { 'X-Own': 'x' }).end('body'),
    status: 202,
    headers: { 'x-own': 'x' },
  },
  {
    name: 'writeHead with a reason and headers',
    answer: (response) => response.writeHead(202, 'Fine', { 'X-Own': 'x' }).end('body'),
    status: 202,
    headers: { 'x-own': 'x' },
  },
  {
    name: 'writeHead with raw headers',
    answer: (response) => response.writeHead(202, ['X-Own', 'x', 'X-Other', 'y']).end('body'),
    status: 202,
    headers: { 'x-own': 'x', 'x-other': 'y' },
  },
  {
    name: 'writeHead over setHeader',
    answer: (response) => response.setHeader('X-Own', 'a').writeHead(200, { 'x-own': 'b' }).end('body'),
    headers: { 'x-own': 'b' },
  },
  { name: 'statusCode', answer: (response) => Object.assign(response, { statusCode: 418 }).end('body'), status: 418 },
  {
    name: 'flushHeaders first',
    answer: (response) => {
      response.setHeader('X-Own', 'x');
      response.flushHeaders();
      response.end('body');
    },
    headers: { 'x-own': 'x' },
  },
  { name: '204', answer: (response) => response.writeHead(204).end(), status: 204, text: '' },
  {
    name: '304',
    answer: (response) => response.writeHead(304, { ETag: '"x"' }).end(),
    status: 304,
    text: '',
    headers: { etag: '"x"' },
  },
  {
    name: 'a redirect',
    answer: (response) => response.writeHead(302, { Location: '/get' }).end(),
    status: 302,
    text: '',
    headers: { location: '/get' },
  },
  { name: 'HEAD', method: 'HEAD', answer: (response) => response.end('body'), text: '' },
  {
    name: 'HEAD with a length',
    method: 'HEAD',
    answer: (response) => response.writeHead(200, { 'Content-Length': 4 }).end('body'),
    text: '',
    headers: { 'content-length': '4' },
  },
  { name: 'POST', method: 'POST', answer: (response) => response.end('body') },
  { name: 'OPTIONS', method: 'OPTIONS', answer: (response) => response.end('body') },
  {
    name: 'a stream that is piped',
    answer: (response) => Readable.from([MEGABYTE, MEGABYTE]).pipe(response),
    text: 'x'.repeat(2 * MEGABYTE.length),
  },
  {
    name: 'a pipeline',
    answer: (response) => pipeline(Readable.from([MEGABYTE, MEGABYTE]), response),
    text: 'x'.repeat(2 * MEGABYTE.length),
  },
  {
    name: 'a writer that waits for drain',
    answer: async (response) => {
      for (let i = 0; i < 5; i++) if (!response.write(MEGABYTE)) await once(response, 'drain');
      response.end();
    },
    text: 'x'.repeat(5 * MEGABYTE.length),
  },
  {
    name: 'cork and uncork',
    answer: (response) => {
      response.cork();
      response.write('bo');
      response.write('dy');
      response.uncork();
      response.end();
    },
  },
  {
    name: 'trailers',
    answer: (response) => {
      response.writeHead(200, { Trailer: 'X-Sum' });
      response.write('body');
      response.addTrailers({ 'X-Sum': '4' });
      response.end();
    },
  },
  {
    name: 'an answer in a later turn',
    answer: async (response) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      response.end('body');
    },
  },
  {
    name: 'methods that somebody wrapped after the session',
    answer: (response) => {
      wrap(response);
      response.write('BO');
      response.end('DY');
    },
  },
];

/** A path for each way to answer; below `/change` the session is changed before. */
const everyWay: SiteHandler = (request, response) => {
  const [, kind, index = ''] = (request.url ?? '').split('/');
  if (kind === 'get') return response.end(request.session.text ?? 'nothing');
  if (kind === 'change') request.session.text = index;
  return WAYS[Number(index)]?.answer(response, request);
};

describeSites('a response', (kind) => {
  it('is what Node would have sent, with the cookie, when its session is stored: every way to answer', async () => {
    const { client } = await kind.start({}, everyWay);
    for (const [index, way] of WAYS.entries()) {
      const browser = client();
      const answer = await browser.send(`/change/${index}`, { method: way.method ?? 'GET' });
      expectAnswer(answer, way, kind.isPeer);
      expect(answer.setCookie, way.name).toHaveLength(1);
      expect((await browser.get('/get')).text, way.name).toBe(String(index));
    }
  });

  it.each(['without a session', 'of a session'])(
    'is what Node would have sent when nothing changed, %s',
    async (of) => {
      const { client } = await kind.start({}, everyWay);
      const browser = client();
      if (of === 'of a session') await browser.get('/change/0');
      for (const [index, way] of WAYS.entries()) {
        const answer = await browser.send(`/read/${index}`, { method: way.method ?? 'GET' });
        expectAnswer(answer, way, kind.isPeer);
        expect(answer.setCookie, way.name).toEqual([]);
      }
    },
  );

  it('tells its writer what Node tells: headers sent, ended, finished, closed', async () => {
    const seen: string[] = [];
    const { client } = await kind.start({}, async (request, response) => {
      request.session.user = 'ann';
      for (const event of ['finish', 'close', 'prefinish']) response.on(event, () => seen.push(event));
      seen.push(`before ${response.headersSent} ${response.writableEnded}`);
      response.end('body');
      seen.push(`after ${response.headersSent} ${response.writableEnded}`);
      await once(response, 'close');
      seen.push(`closed ${response.writableFinished} ${response.destroyed}`);
    });
    expect((await client().get('/')).text).toBe('body');
    await expect.poll(() => seen.at(-1)).toBe('closed true true');
    // express-session writes the last byte when the session is stored.
    expect(seen.slice(0, 2)).toEqual(['before false false', `after true ${!kind.isPeer}`]);
    expect(seen.slice(2, -1).sort()).toEqual(['close', 'finish', 'prefinish']);
  });

  it('refuses headers once it is sent, as Node does', async () => {
    const codes: unknown[] = [];
    const code = (action: () => unknown) => {
      try {
        action();
        codes.push('none');
      } catch (error) {
        codes.push((error as NodeJS.ErrnoException).code);
      }
    };
    const { client } = await kind.start({}, (request, response) => {
      request.session.user = 'ann';
      response.end('body');
      code(() => response.setHeader('X-Late', 'x'));
      code(() => response.writeHead(500));
    });
    expect(await client().get('/')).toMatchObject({ status: 200, text: 'body' });
    expect(codes).toEqual(['ERR_HTTP_HEADERS_SENT', 'ERR_HTTP_HEADERS_SENT']);
  });

  it('of methods that somebody wrapped before the session is sent by them', async () => {
    const { client } = await kind.start({ before: (_request, response) => wrap(response) }, (request, response) => {
      request.session.user = 'ann';
      response.write('BO');
      response.end('DY');
    });
    const answer = await client().get('/');
    expect(answer.text).toBe('body');
    expect(answer.setCookie).toHaveLength(1);
  });

  it('whose client leaves ends its handler’s stream, and the server goes on', async () => {
    const ended: string[] = [];
    const site = await kind.start({}, async (request, response) => {
      if (request.url === '/get') {
        response.end(request.session.user ?? 'nobody');
        return;
      }
      request.session.user = 'ann';
      response.on('close', () => ended.push('close'));
      response.write('first');
      await once(response, 'close');
    });
    const browser = site.client();
    const response = await browser.open('/');
    response.on('error', () => undefined);
    response.destroy();
    await expect.poll(() => ended).toEqual(['close']);
    expect((await browser.get('/get')).status).toBe(200);
  });

  it('sees the change of the request before it, after a redirect', async () => {
    const { client } = await kind.start({}, (request, response) => {
      if (request.url === '/login') {
        request.session.user = 'ann';
        response.writeHead(303, { Location: '/' }).end();
      } else response.end(request.session.user ?? 'nobody');
    });
    const browser = client();
    for (let i = 0; i < 5; i++) {
      const { headers } = await browser.post('/login');
      expect((await browser.get(headers.location ?? '')).text).toBe('ann');
    }
  });
});

/** express-session splits a body, so Node cannot know its length: theirs is no answer that Node would have sent. */
function expectAnswer(answer: HttpAnswer, way: Way, isPeer: boolean): void {
  const { status, isComplete, text, headers } = answer;
  expect({ status, isComplete }, way.name).toEqual({ status: way.status ?? 200, isComplete: true });
  expect(text === (way.text ?? 'body'), way.name).toBe(true);
  if (!isPeer || way.name !== 'end(text)') expect(headers, way.name).toMatchObject(way.headers ?? {});
}

/** As compression and others do: own methods over those that are there. */
function wrap(response: ServerResponse): void {
  for (const name of ['write', 'end'] as const) {
    const method = response[name] as (...args: unknown[]) => never;
    response[name] = (chunk?: unknown, ...rest: unknown[]): never => {
      const isText = typeof chunk === 'string' || Buffer.isBuffer(chunk);
      return method.call(response, isText ? String(chunk).toLowerCase() : chunk, ...rest);
    };
  }
}
