/**
 * The application under faults: a small Nest app over HTTP, run as a process of its own.
 * It takes its options from the environment and talks to the lab over the IPC channel.
 */
import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import {
  Body,
  Controller,
  Get,
  Inject,
  Module,
  Optional,
  Post,
  Req,
  UnauthorizedException,
  type DynamicModule,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { RedisStore } from 'connect-redis';
import type { Request } from 'express';
import expressSession, { type Session } from 'express-session';
import { Redis, type RedisOptions } from 'ioredis';
import { SessionModule } from '../../lib/index.js';
import type { SessionLink } from '../../lib/core/session-link.js';
import { SESSION_LINK } from '../../lib/core/session.tokens.js';
import {
  FAULT_APPLICATION,
  FAULT_COOKIE,
  FAULT_SECRET,
  type FaultAppCommand,
  type FaultAppMessage,
  type FaultAppOptions,
} from './fault-app.protocol.js';

type FaultSession = Session & Partial<Record<string, unknown>>;

const options = JSON.parse(process.env['FAULT_APP'] ?? '{}') as FaultAppOptions;
const tell = (message: FaultAppMessage, told?: () => void): void =>
  void process.send?.(message, undefined, undefined, told);

process.on('unhandledRejection', (reason) =>
  tell({ type: 'unhandled', what: `unhandledRejection: ${String(reason)}` }),
);
process.on('uncaughtException', (error) =>
  tell({ type: 'unhandled', what: `uncaughtException: ${error.stack ?? error.message}` }),
);
process.on('warning', (warning) => {
  if (warning.name === 'MaxListenersExceededWarning') tell({ type: 'unhandled', what: warning.message });
});

/** express-session's own callbacks, so that the same handlers run over the peer. */
function settled(act: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => act((error) => (error ? reject(error) : resolve())));
}

@Controller()
class FaultController {
  @Post('login')
  async login(@Req() request: Request, @Body() body: { user: string }) {
    await settled((done) => request.session.regenerate(done));
    (request.session as FaultSession)['user'] = body.user;
    return { user: body.user };
  }

  @Post('change')
  change(@Req() request: Request, @Body() body: { field: string; value: number }) {
    this.#session(request)[body.field] = body.value;
    return { stored: body.value };
  }

  @Post('logout')
  async logout(@Req() request: Request) {
    this.#session(request);
    await settled((done) => request.session.destroy(done));
    return {};
  }

  @Get('session')
  read(@Req() request: Request) {
    const { cookie: _cookie, ...fields } = this.#session(request);
    return fields;
  }

  #session(request: Request): FaultSession {
    const session = request.session as FaultSession;
    if (session['user'] === undefined) throw new UnauthorizedException();
    return session;
  }
}

@Module({ controllers: [FaultController] })
class FaultAppModule {
  constructor(@Optional() @Inject(SESSION_LINK) link: SessionLink | null) {
    for (const event of ['ready', 'lost', 'failover', 'degraded', 'recovered'] as const) {
      link?.on(event, (payload) => tell({ type: 'link', event, payload, atMs: Date.now() }));
    }
  }
}

function sessions(): DynamicModule[] {
  if (options.store !== 'ours') return [];
  return [
    SessionModule.forRoot({
      application: FAULT_APPLICATION,
      secret: FAULT_SECRET,
      cookie: { name: FAULT_COOKIE },
      redis: options.redis,
      durability: options.durability,
    }),
  ];
}

@Module({ imports: [FaultAppModule, ...sessions()] })
class RootModule {}

const app = await NestFactory.create<NestExpressApplication>(RootModule, { logger: ['error'] });
if (options.store === 'connect-redis') {
  const client = new Redis({ ...(options.redis as unknown as Omit<RedisOptions, 'replyMapping'>) });
  client.on('error', () => undefined);
  app.use(
    expressSession({
      name: FAULT_COOKIE,
      secret: FAULT_SECRET,
      resave: false,
      saveUninitialized: false,
      store: new RedisStore({ client, prefix: `${FAULT_APPLICATION}:` }),
    }),
  );
}
// The workload keeps its connections longer than Node's five seconds.
app.getHttpServer().keepAliveTimeout = 60_000;

process.on('message', (command: FaultAppCommand) => {
  switch (command.type) {
    case 'block': {
      const until = performance.now() + command.ms;
      while (performance.now() < until);
      break;
    }
    case 'memory':
      globalThis.gc?.();
      tell({ type: 'memory', rssBytes: process.memoryUsage().rss, heapBytes: process.memoryUsage().heapUsed });
      break;
    case 'close':
      // Connections that the workload keeps open are not what is to be seen here.
      app.getHttpServer().keepAliveTimeout = 1;
      void app
        .close()
        // A destroyed socket, or a connection attempt that was given up, is listed for some turns of the event loop.
        .then(() => delay(100))
        .then(() => {
          setImmediate(() => {
            // Without this channel nothing may keep the process alive; what is not written yet would be lost with it.
            tell({ type: 'closed', resources: process.getActiveResourcesInfo() }, () => process.disconnect());
          });
        });
      break;
  }
});

await app.listen(0, options.host);
tell({ type: 'listening', port: (app.getHttpServer().address() as { port: number }).port });
