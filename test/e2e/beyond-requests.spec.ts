import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Get, Inject, Post } from '@nestjs/common';
import type { OnApplicationBootstrap } from '@nestjs/common';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import type { ClientProxy } from '@nestjs/microservices';
import type { AddressInfo } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { expect, it, onTestFinished } from 'vitest';
import { CurrentSession, SessionAccess, SessionModule, SessionService } from '../../lib/index.js';
import type { LiveSession } from '../../lib/index.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { SECRET, startHttpApp } from '../support/http-app.js';
import type { HttpApp } from '../support/http-app.js';

/** Code that runs for no request: microservices of a hybrid application, timers, queues. */

type Live = LiveSession<{ user: string; late: string }>;

@Controller()
class Work implements OnApplicationBootstrap {
  /** What `current()` was, by who asked. */
  readonly found: Record<string, unknown> = {};
  proxy: ClientProxy | undefined;

  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  onApplicationBootstrap(): void {
    setTimeout(() => {
      this.found['timer'] = this.sessions.current() ?? 'none';
    }, 10);
  }

  @MessagePattern('plain')
  plain(): unknown {
    return { hasSession: this.sessions.current() !== undefined };
  }

  @MessagePattern('decorated')
  decorated(@CurrentSession() session: Live): unknown {
    return session.user;
  }

  @MessagePattern('exclusive')
  @SessionAccess('exclusive')
  exclusive(): string {
    return 'called';
  }

  @Post('login')
  login(@CurrentSession() session: Live): void {
    session.user = 'ann';
  }

  @Get('show')
  show(@CurrentSession() { user, late }: Live): unknown {
    return { user, late };
  }

  @Post('ask')
  async ask(): Promise<unknown> {
    if (!this.proxy) throw new Error('there is no client');
    return firstValueFrom(this.proxy.send<unknown>('plain', {}));
  }

  @Post('later/:way')
  later(@CurrentSession() session: Live): void {
    setTimeout(() => {
      const current = this.sessions.current<{ user: string; late: string }>();
      this.found['later'] = current?.user;
      session.late = 'unsaved';
      this.found['changed'] = true;
    }, 50);
  }

  @Post('saved')
  saved(@CurrentSession() session: Live): void {
    void delay(50).then(async () => {
      session.late = 'saved';
      await session.save();
      this.found['saved'] = true;
    });
  }
}

async function start(): Promise<HttpApp & { proxy: ClientProxy; work: Work }> {
  let port = 0;
  const http = await startHttpApp({
    modules: [SessionModule.forRoot({ application: 'beyond', secret: SECRET })],
    controllers: [Work],
    prepare: async (app) => {
      const service = app.connectMicroservice({ transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } });
      await app.startAllMicroservices();
      port = service.unwrap<{ address(): AddressInfo }>().address().port;
    },
  });
  const proxy = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  onTestFinished(() => proxy.close());
  const work = http.app.get(Work);
  work.proxy = proxy;
  return { ...http, proxy, work };
}

it('a microservice’s handler has no session, also when a request has called it', async () => {
  const { client, proxy } = await start();
  expect(await firstValueFrom(proxy.send<unknown>('plain', {}))).toEqual({ hasSession: false });
  const browser = client();
  await browser.post('/login');
  expect((await browser.post('/ask')).json).toEqual({ hasSession: false });
});

it('a microservice’s handler that asks for one fails, and says so in the log', async () => {
  const { proxy, log } = await start();
  await expect(firstValueFrom(proxy.send('decorated', {}))).rejects.toMatchObject({ status: 'error' });
  expect(log.join()).toContain('@CurrentSession() of Work.decorated found no session');
  await expect(firstValueFrom(proxy.send('exclusive', {}))).rejects.toMatchObject({ status: 'error' });
  expect(log.join()).toContain("@SessionAccess('exclusive') of Work.exclusive cannot be kept");
});

it('a timer of the application has no session', async () => {
  const { work } = await start();
  await pollUntil('the timer', () => work.found['timer'] !== undefined);
  expect(work.found['timer']).toBe('none');
});

it('work that a request has left behind has its session, and a change is stored by `save()` alone', async () => {
  const { client, work } = await start();
  const browser = client();
  await browser.post('/login');
  await browser.post('/later/by');
  await pollUntil('the work', () => work.found['changed'] === true);
  expect(work.found['later']).toBe('ann');
  expect((await browser.get('/show')).json).toEqual({ user: 'ann' });
  await browser.post('/saved');
  await pollUntil('the work', () => work.found['saved'] === true);
  expect((await browser.get('/show')).json).toEqual({ user: 'ann', late: 'saved' });
});
