import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Profiler } from '../profiler.js';
import { applicationModule, served } from './application.js';
import type { ServerMessage, ServerRequest, ServerSettings } from './server-protocol.js';
import { variantNamed } from './variants.js';

/** The server process: one variant, one fresh process. */
async function main(): Promise<void> {
  const { variant, redis } = JSON.parse(process.argv[2] ?? '{}') as ServerSettings;
  const installation = await variantNamed(variant).install(redis);
  const app = await NestFactory.create<NestExpressApplication>(applicationModule(installation.modules ?? []), {
    logger: ['error', 'warn'],
  });
  installation.mount?.(app);
  const profiler = new Profiler();
  process.on('message', (request: ServerRequest) => {
    switch (request.type) {
      case 'usage':
        send(usage());
        return;
      case 'startProfile':
        void profiler.start().then(() => send({ type: 'profiled' }));
        return;
      case 'stopProfile':
        void profiler.stop(request.file).then(() => send({ type: 'profiled' }));
        return;
      case 'stop':
        void stop();
    }
  });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  send({ type: 'ready', port });

  async function stop(): Promise<void> {
    app.getHttpServer().closeAllConnections();
    await app.close();
    await installation.close?.();
    process.exit(0);
  }
}

function usage(): ServerMessage {
  const { user, system } = process.cpuUsage();
  return { type: 'usage', cpuMicros: user + system, requests: served.count, rssBytes: process.memoryUsage.rss() };
}

function send(message: ServerMessage): void {
  process.send?.(message);
}

main().catch((error: unknown) => {
  send({ type: 'failed', reason: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
  process.disconnect?.();
});
