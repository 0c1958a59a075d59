import { setTimeout as delay } from 'node:timers/promises';
import { Readable } from 'node:stream';
import {
  BadRequestException,
  Controller,
  Get,
  Head,
  Header,
  HttpCode,
  Post,
  Redirect,
  Res,
  Sse,
  StreamableFile,
  UseGuards,
} from '@nestjs/common';
import type { CanActivate, ExecutionContext, MessageEvent } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { of } from 'rxjs';
import type { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { SessionUnavailableError } from '../../lib/errors/session-unavailable.error.js';
import { CurrentSession } from '../../lib/http/session.decorators.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { PLATFORMS, startHttpApp } from '../support/http-app.js';
import { ScriptedStore } from '../support/scripted-store.js';

declare module 'express-session' {
  interface SessionData {
    mark?: string;
  }
}

const BIG = 'x'.repeat(1_000_000);

function mark(session: LiveSession): void {
  session.mark = 'changed';
}

/** The raw response of either platform. */
function raw(response: { raw?: ServerResponse } & ServerResponse): ServerResponse {
  return response.raw ?? response;
}

class MarkingGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ raw?: { session: LiveSession }; session: LiveSession }>();
    mark((request.raw ?? request).session);
    return true;
  }
}

@Controller()
class WaysToAnswer {
  @Post('json')
  json(@CurrentSession() session: LiveSession) {
    mark(session);
    return { ok: true };
  }

  @Post('nothing')
  @HttpCode(204)
  nothing(@CurrentSession() session: LiveSession): void {
    mark(session);
  }

  @Post('redirect')
  @Redirect('/seen', 302)
  redirect(@CurrentSession() session: LiveSession): void {
    mark(session);
  }

  @Post('header')
  @Header('X-Own', 'yes')
  header(@CurrentSession() session: LiveSession): string {
    mark(session);
    return 'text';
  }

  @Post('exception')
  exception(@CurrentSession() session: LiveSession): never {
    mark(session);
    throw new BadRequestException('wrong');
  }

  @Post('guard')
  @UseGuards(MarkingGuard)
  guard(): string {
    return 'guarded';
  }

  @Post('raw-end')
  rawEnd(@CurrentSession() session: LiveSession, @Res() response: ServerResponse): void {
    mark(session);
    raw(response).end('raw');
  }

  @Post('raw-head')
  rawHead(@CurrentSession() session: LiveSession, @Res() response: ServerResponse): void {
    mark(session);
    raw(response).writeHead(201, { 'X-Head': 'a' }).end('head');
  }

  @Post('flush')
  flush(@CurrentSession() session: LiveSession, @Res() response: ServerResponse): void {
    mark(session);
    const target = raw(response);
    target.flushHeaders();
    target.write('flu');
    target.end('shed');
  }

  @Post('stream')
  stream(@CurrentSession() session: LiveSession): StreamableFile {
    mark(session);
    return new StreamableFile(Readable.from([BIG, BIG, BIG].map((text) => Buffer.from(text))));
  }

  @Post('pipe')
  pipe(@CurrentSession() session: LiveSession, @Res() response: ServerResponse): void {
    mark(session);
    Readable.from([BIG, BIG, BIG].map((text) => Buffer.from(text))).pipe(raw(response));
  }

  @Sse('sse')
  sse(@CurrentSession() session: LiveSession): Observable<MessageEvent> {
    mark(session);
    return of({ data: 'one' }, { data: 'two' });
  }

  @Head('head')
  head(@CurrentSession() session: LiveSession): string {
    mark(session);
    return 'not sent';
  }

  @Post('own-save')
  async ownSave(@CurrentSession() session: LiveSession): Promise<string> {
    mark(session);
    await session.save();
    return 'saved';
  }

  @Post('unawaited-save')
  unawaitedSave(@CurrentSession() session: LiveSession): string {
    mark(session);
    void session.save();
    return 'saving';
  }

  @Get('seen')
  seen(@CurrentSession() session: LiveSession) {
    return { mark: session.mark ?? null };
  }

  @Get('untouched')
  untouched(): string {
    return 'plain';
  }
}

interface Way {
  readonly path: string;
  readonly method?: string;
  readonly status: number;
  readonly text?: string;
  readonly length?: number;
}

const WAYS: readonly Way[] = [
  { path: '/json', status: 201, text: '{"ok":true}' },
  { path: '/nothing', status: 204, text: '' },
  { path: '/redirect', status: 302 },
  { path: '/header', status: 201, text: 'text' },
  { path: '/exception', status: 400 },
  { path: '/guard', status: 201, text: 'guarded' },
  { path: '/raw-end', status: 201, text: 'raw' },
  { path: '/raw-head', status: 201, text: 'head' },
  { path: '/flush', status: 201, text: 'flushed' },
  { path: '/stream', status: 201, length: 3 * BIG.length },
  { path: '/pipe', status: 201, length: 3 * BIG.length },
  { path: '/sse', method: 'GET', status: 200, text: '\nid: 1\ndata: one\n\nid: 2\ndata: two\n\n' },
  { path: '/head', method: 'HEAD', status: 200, text: '' },
  { path: '/own-save', status: 201, text: 'saved' },
  { path: '/unawaited-save', status: 201, text: 'saving' },
];

describe.each(PLATFORMS)('a response on %s', (platform) => {
  it.each(WAYS)(
    'leaves only when its session is stored: $path',
    async ({ path, method = 'POST', status, text, length }) => {
      const store = new ScriptedStore();
      const { client } = await startHttpApp({ platform, store, controllers: [WaysToAnswer] });
      const browser = client();
      const release = store.hold('set');
      let hasArrived = false;
      const answer = browser.send(path, { method }).then((result) => {
        hasArrived = true;
        return result;
      });
      await expect.poll(() => store.count('set')).toBe(1);
      await delay(50);
      expect(hasArrived).toBe(false);
      expect(store.sessions.size).toBe(0);
      release();

      const { status: seen, text: body, setCookie, isComplete } = await answer;
      expect(seen).toBe(status);
      expect(isComplete).toBe(true);
      if (text !== undefined) expect(body).toBe(text);
      if (length !== undefined) expect(body).toHaveLength(length);
      expect(setCookie).toHaveLength(1);
      expect((await browser.get('/seen')).json).toEqual({ mark: 'changed' });
      expect(store.count('set')).toBe(1);
    },
  );

  it.each(WAYS)(
    'is an error without a cookie when its session could not be stored: $path',
    async ({ path, method = 'POST' }) => {
      const store = new ScriptedStore();
      const { client } = await startHttpApp({ platform, store, controllers: [WaysToAnswer] });
      store.fail('set', new SessionUnavailableError('deadline', 'redis://secret-host is down'));
      const { status, text, setCookie, headers } = await client().send(path, { method });
      expect(status).toBe(503);
      expect(setCookie).toEqual([]);
      expect(headers['retry-after']).toBe('1');
      // Nobody waits for a second failure, except after a save that nobody waited for.
      expect(store.count('set')).toBe(path === '/unawaited-save' ? 2 : 1);
      if (method !== 'HEAD') expect(JSON.parse(text)).toEqual({ statusCode: 503, message: 'Service Unavailable' });
    },
  );
});
