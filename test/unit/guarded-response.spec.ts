import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { guardResponse } from '../../lib/http/guarded-response.js';
import type { ResponseKeeper } from '../../lib/http/guarded-response.js';

/** A response without a network: what it sends can be read as text. */
function exchange() {
  const sent: string[] = [];
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      sent.push(String(chunk));
      done();
    },
  });
  const request = new IncomingMessage(socket as unknown as Socket);
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  const response = new ServerResponse(request);
  response.assignSocket(socket as unknown as Socket);
  return { response, text: () => sent.join('') };
}

/** A keeper that a test tells what there is to store. */
class Keeper implements ResponseKeeper {
  readonly calls: string[] = [];
  readonly late: unknown[] = [];
  private readonly works: PromiseWithResolvers<void>[] = [];
  owed = 0;
  cookies: readonly string[] = [];

  settle(status: number): Promise<void> | undefined {
    this.calls.push(`settle ${status}`);
    if (this.owed === 0) return undefined;
    this.owed -= 1;
    const work = withResolvers();
    this.works.push(work);
    return work.promise;
  }

  headersFor(status: number) {
    this.calls.push(`head ${status}`);
    return this.cookies.length > 0 ? { cookies: this.cookies, isOutage: false, varies: true } : undefined;
  }

  failed(_error: unknown, what: 'store' | 'send') {
    this.calls.push(`failed ${what}`);
    return { status: 503, body: { statusCode: 503 } };
  }

  failedLate(error: unknown): void {
    this.late.push(error);
  }

  ended(): void {
    this.calls.push('ended');
  }

  async stored(): Promise<void> {
    this.works.shift()?.resolve();
    await turn();
  }

  async refused(): Promise<void> {
    this.works.shift()?.reject(new Error('not stored'));
    await turn();
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function withResolvers(): PromiseWithResolvers<void> {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((done, fail) => ([resolve, reject] = [done, fail]));
  return { promise, resolve, reject };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const codeOf = (action: () => unknown): unknown => {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

function guarded(owed = 0, cookies: readonly string[] = []) {
  const { response, text } = exchange();
  const keeper = new Keeper();
  keeper.owed = owed;
  keeper.cookies = cookies;
  guardResponse(response, keeper);
  return { response, keeper, text };
}

describe('a guarded response', () => {
  it('with nothing to store leaves at once, and stays as it was', async () => {
    const { response, keeper, text } = guarded();
    response.setHeader('X-Own', 'yes');
    expect(response.headersSent).toBe(false);
    response.end('body');
    await turn();
    expect(text()).toMatch(/^HTTP\/1\.1 200 OK\r\nX-Own: yes\r\n[\s\S]*body/);
    expect(text()).not.toContain('Set-Cookie');
    expect(keeper.calls).toEqual(['settle 200', 'head 200', 'ended']);
    expect(Object.getOwnPropertyNames(response)).not.toContain('headersSent');
  });

  it('is held until its session is stored, and looks sent meanwhile', async () => {
    const { response, keeper, text } = guarded(1, ['sid=1']);
    response.statusCode = 201;
    expect(response.write('one ')).toBe(false);
    expect(response.headersSent).toBe(true);
    expect(response.writableEnded).toBe(false);
    expect(codeOf(() => response.setHeader('X-Late', '1'))).toBe('ERR_HTTP_HEADERS_SENT');
    expect(codeOf(() => response.writeHead(500))).toBe('ERR_HTTP_HEADERS_SENT');
    response.statusCode = 500;
    response.end('two');
    expect(response.writableEnded).toBe(true);
    await turn();
    expect(text()).toBe('');
    await keeper.stored();
    expect(text()).toMatch(/^HTTP\/1\.1 201 Created[\s\S]*Set-Cookie: sid=1[\s\S]*one [\s\S]*two/);
    expect(keeper.calls.filter((call) => call === 'ended')).toHaveLength(1);
  });

  it('settles once more before the last byte, and before it lets go several calls that were held', async () => {
    const { response, keeper, text } = guarded(0);
    response.write('first ');
    keeper.owed = 1;
    response.end('last');
    await turn();
    expect(text()).not.toContain('last');
    await keeper.stored();
    expect(text()).toContain('last');

    const held = guarded(2);
    held.response.write('first ');
    held.response.end('last');
    await held.keeper.stored();
    expect(held.text()).toBe('');
    await held.keeper.stored();
    expect(held.text()).toContain('last');
  });

  it('is replaced when its session could not be stored, and keeps what lets a browser see it', async () => {
    const { response, text } = exchange();
    response.setHeader('X-Before', 'kept');
    const keeper = new Keeper();
    keeper.owed = 1;
    guardResponse(response, keeper);
    response.setHeader('X-Handler', 'dropped');
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.end('secret');
    await keeper.refused();
    expect(text()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\{"statusCode":503\}/);
    expect(text()).toMatch(/X-Before: kept/i);
    expect(text()).toMatch(/access-control-allow-origin: \*/i);
    expect(text()).not.toMatch(/X-Handler|secret|text\/plain/);
    expect(response.write('more')).toBe(false);
    expect(keeper.calls.at(-1)).toBe('ended');
  });

  it.each<[string, (response: ServerResponse) => unknown, string]>([
    ['a status', (response) => response.writeHead(99), 'ERR_HTTP_INVALID_STATUS_CODE'],
    [
      'a status that was assigned',
      (response) => Object.assign(response, { statusCode: 1000 }).end(),
      'ERR_HTTP_INVALID_STATUS_CODE',
    ],
    ['a header name', (response) => response.writeHead(200, { 'no name': 'x' }), 'ERR_INVALID_HTTP_TOKEN'],
    ['a header', (response) => response.writeHead(200, { 'X-A': 'a\nb' }), 'ERR_INVALID_CHAR'],
    ['a header in a list', (response) => response.writeHead(200, ['X-A', 'a\nb']), 'ERR_INVALID_CHAR'],
    [
      'a header that is undefined in a list',
      (response) => response.writeHead(200, ['X-A', undefined] as unknown as string[]),
      'ERR_HTTP_INVALID_HEADER_VALUE',
    ],
    ['a status message', (response) => response.writeHead(200, 'a\nb'), 'ERR_INVALID_CHAR'],
  ])('refuses at once %s that cannot be sent, and can still be answered in another way', async (_what, act, code) => {
    const { response, keeper, text } = guarded(1);
    expect(codeOf(() => act(response))).toBe(code);
    expect(response.headersSent).toBe(false);
    expect(keeper.calls).toEqual([]);
    response.statusCode = 500;
    response.end('the error');
    await keeper.stored();
    expect(text()).toMatch(/^HTTP\/1\.1 500 [\s\S]*the error/);
  });

  it.each<[string, readonly unknown[]]>([
    ['an object', [200, { 'Set-Cookie': 'own=1', 'X-A': 'a' }]],
    ['an object behind a message', [200, 'Fine', { 'Set-Cookie': ['own=1'], 'X-A': 'a' }]],
    ['a flat list', [200, ['Set-Cookie', 'own=1', 'X-A', 'a']]],
    [
      'a list of pairs',
      [
        200,
        [
          ['Set-Cookie', 'own=1'],
          ['X-A', 'a'],
        ],
      ],
    ],
  ])('adds its cookie to those that are given with the head as %s', async (_form, head) => {
    const { response, text } = guarded(0, ['sid=1']);
    (response.writeHead as (...args: readonly unknown[]) => ServerResponse).apply(response, head as unknown[]).end('x');
    await turn();
    expect(text().match(/Set-Cookie: [^\r]*/g)).toEqual(['Set-Cookie: own=1', 'Set-Cookie: sid=1']);
    expect(text()).toContain('X-A: a');
  });

  it('stores what changed after the first byte when the client leaves before the last one', async () => {
    const { response, keeper } = guarded(0);
    response.write('first');
    keeper.owed = 1;
    response.emit('close');
    expect(keeper.calls.filter((call) => call.startsWith('settle'))).toHaveLength(2);
    await keeper.refused();
    expect(keeper.late).toHaveLength(1);
  });

  it('stores what changes after the client has left, once the handler ends the response', async () => {
    const { response, keeper } = guarded(0);
    response.write('first');
    response.emit('close');
    keeper.owed = 1;
    response.end('last');
    expect(keeper.owed).toBe(0);
    await keeper.stored();
    expect(keeper.calls).toEqual(['settle 200', 'head 200', 'settle 200', 'settle 200', 'ended']);
  });

  it('stores what changed while the first byte was held when the client leaves then', async () => {
    const { response, keeper } = guarded(1);
    response.write('first');
    response.end('last');
    keeper.owed = 1;
    response.emit('close');
    await keeper.stored();
    expect(keeper.owed).toBe(0);
    await keeper.stored();
    expect(keeper.late).toHaveLength(0);
  });

  it('lets go what was held when the client leaves, and tells a failure that comes after', async () => {
    const { response, keeper } = guarded(1);
    response.end('body');
    response.emit('close');
    expect(keeper.calls).toContain('ended');
    await keeper.refused();
    expect(keeper.late).toHaveLength(1);
  });

  it('tells writers to go on once it is let go', async () => {
    const { response, keeper, text } = guarded(1);
    response.write('one ');
    response.once('drain', () => response.end('two'));
    await keeper.stored();
    await turn();
    expect(text()).toContain('two');
  });
});
