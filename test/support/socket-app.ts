import { setTimeout as delay } from 'node:timers/promises';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Catch, Controller, Inject, Injectable, Post, UseFilters, UseGuards } from '@nestjs/common';
import type { ArgumentsHost } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  Ack,
  BaseWsExceptionFilter,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { Observable, of } from 'rxjs';
import {
  CurrentSession,
  SessionAccess,
  SessionId,
  SessionModule,
  SessionService,
  SessionValue,
} from '../../lib/index.js';
import type { LiveSession, SessionModuleOptions } from '../../lib/index.js';
import { signInAs } from '../../lib/testing/index.js';
import { SessionSocketAdapter } from '../../lib/websockets/index.js';
import type { SessionSocketOptions } from '../../lib/websockets/index.js';
import { SECRET, startHttpApp } from './http-app.js';
import type { HttpApp, Platform } from './http-app.js';
import { connectSocket } from './socket-client.js';
import type { SocketKind, TestSocket } from './socket-client.js';

export interface SocketData {
  user: string;
  count: number;
}

type Live = LiveSession<SocketData>;

interface Question {
  readonly question: number;
  readonly name?: string;
}

const reply = (question: Question, value: unknown) => ({
  event: 'reply',
  data: { question: question.question, value },
});

@Injectable()
class UserGuard implements CanActivate {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  canActivate(_context: ExecutionContext): boolean {
    if (this.sessions.current<SocketData>()?.user === undefined) throw new WsException('sign in first');
    return true;
  }
}

@Catch()
class CodeFilter extends BaseWsExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): void {
    super.catch(new WsException(`filtered ${(exception as { code?: string }).code ?? String(exception)}`), host);
  }
}

@WebSocketGateway()
export class TestGateway {
  /** User of each connection, as `handleConnection` found them. */
  readonly connected: unknown[] = [];
  readonly disconnected: unknown[] = [];

  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  async handleConnection(): Promise<void> {
    await delay(1);
    this.connected.push(this.sessions.current<SocketData>()?.user);
  }

  handleDisconnect(): void {
    this.disconnected.push(this.sessions.current<SocketData>()?.user);
  }

  @SubscribeMessage('show')
  show(
    @MessageBody() question: Question,
    @CurrentSession() session: Live,
    @SessionValue('user') user: string | undefined,
    @SessionId() id: string,
  ) {
    const current = this.sessions.current();
    return reply(question, { user, count: session.count ?? 0, isCurrent: session === current && id === current.id });
  }

  @SubscribeMessage('names')
  names(@MessageBody() question: Question, @CurrentSession() session: Live) {
    return reply(question, Object.keys(session));
  }

  @SubscribeMessage('set')
  async set(@MessageBody() question: Question, @CurrentSession() session: Live) {
    await delay(Math.random() * 5);
    Object.assign(session, { [question.name ?? '']: 1 });
    return reply(question, true);
  }

  @SubscribeMessage('add')
  @SessionAccess('exclusive')
  async add(@MessageBody() question: Question, @CurrentSession() session: Live) {
    const count = session.count ?? 0;
    await delay(2);
    session.count = count + 1;
    return reply(question, session.count);
  }

  @SubscribeMessage('stream')
  stream(@MessageBody() question: Question, @CurrentSession() session: Live) {
    return new Observable((subscriber) => {
      session.count = 41;
      const isCurrent = this.sessions.current() === session;
      subscriber.next(reply(question, isCurrent));
      subscriber.complete();
    });
  }

  @SubscribeMessage('acknowledge')
  acknowledge(@MessageBody() question: Question, @CurrentSession() session: Live) {
    session.count = Number(question.name);
    return of({ done: true });
  }

  @SubscribeMessage('own-acknowledge')
  async ownAcknowledge(@Ack() ack: (value: unknown) => void, @CurrentSession() session: Live) {
    session.count = 7;
    ack('mine');
    await delay(20);
    session.count = 8;
  }

  @SubscribeMessage('peek')
  @UseFilters(CodeFilter)
  @SessionAccess('readonly')
  peek(@MessageBody() question: Question, @CurrentSession() session: Live) {
    session.count = 99;
    return reply(question, true);
  }

  @SubscribeMessage('guarded')
  @UseGuards(UserGuard)
  guarded(@MessageBody() question: Question) {
    return reply(question, 'let in');
  }

  @SubscribeMessage('throw')
  throws(@MessageBody() _question: Question, @CurrentSession() session: Live): never {
    session.count = 13;
    throw new WsException('thrown');
  }

  @SubscribeMessage('regenerate')
  @UseFilters(CodeFilter)
  async regenerate(@MessageBody() question: Question) {
    await this.sessions.regenerate();
    return reply(question, true);
  }

  @SubscribeMessage('destroy')
  async destroy(@MessageBody() question: Question) {
    await this.sessions.destroy();
    return reply(question, this.sessions.current() === undefined);
  }
}

@WebSocketGateway({ namespace: 'inner' })
class InnerGateway {
  @SubscribeMessage('who')
  who(@MessageBody() question: Question, @SessionValue('user') user: string | undefined) {
    return reply(question, user);
  }
}

@Controller()
export class AccountController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('logout')
  async logout(): Promise<void> {
    await this.sessions.destroy();
  }

  @Post('renew')
  async renew(): Promise<void> {
    await this.sessions.regenerate({ keep: 'all', graceMs: 2000 });
  }

  @Post('become/bob')
  become(@CurrentSession() session: Live): void {
    session.user = 'bob';
  }

  @Post('touch')
  touch(): void {
    // A request that changes nothing.
  }
}

export interface SocketAppOptions extends Pick<SessionModuleOptions, 'application' | 'redis'> {
  readonly kind: SocketKind;
  readonly platform?: Platform;
  readonly module?: Partial<SessionModuleOptions>;
  readonly sockets?: SessionSocketOptions;
}

export interface SocketApp extends HttpApp {
  readonly kind: SocketKind;
  readonly application: string;
  readonly gateway: TestGateway;
  readonly sessions: SessionService;
  /** Makes a session and its cookie. */
  signIn(data?: Partial<SocketData>): Promise<string>;
  connect(cookie?: string, options?: object): Promise<TestSocket>;
}

/** Starts an application with a gateway; it ends with the test. */
export async function startSocketApp(options: SocketAppOptions): Promise<SocketApp> {
  const { kind, platform = 'express', application, redis, module, sockets } = options;
  const http = await startHttpApp({
    platform,
    modules: [
      SessionModule.forRoot({
        application,
        secret: SECRET,
        ...(redis !== undefined && { redis }),
        userId: (session) => (session as Partial<SocketData>).user,
        ...module,
      }),
    ],
    controllers: [AccountController],
    providers: [TestGateway, UserGuard, ...(kind === 'io' ? [InnerGateway] : [])],
    prepare: (app) => {
      const inner = kind === 'io' ? new IoAdapter(app) : new WsAdapter(app);
      app.useWebSocketAdapter(new SessionSocketAdapter(app, inner, sockets));
    },
  });
  return {
    ...http,
    kind,
    application,
    gateway: http.app.get(TestGateway),
    sessions: http.app.get(SessionService),
    signIn: async (data = { user: 'ann' }) => (await signInAs(http.app, data)).cookie,
    connect: (cookie, more) => connectSocket(kind, http.url, cookie, more),
  };
}
