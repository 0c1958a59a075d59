import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SessionModule } from '../session.module.js';
import { SESSION_WORK } from '../session.worker.js';
import { UsageError } from './exit-code.js';
import type { CommandTerminal } from './terminal.js';

/** Options that every command takes. @internal */
export interface InstallationOptions {
  /** URL of Redis, as the module's option `redis`. */
  readonly redis?: string | undefined;
  /** The module's option `application`. */
  readonly application?: string | undefined;
}

/** Redis and the application that a command is about. @internal */
export interface Installation {
  readonly redis: string;
  readonly application: string;
}

/** Variables that stand for the options: a URL with a password does not belong on a command line that others can list. */
export const VARIABLES = { redis: 'SESSION_REDIS_URL', application: 'SESSION_APPLICATION', secret: 'SESSION_SECRET' };

/** A command waits no longer than this for Redis. @unit milliseconds */
const OPERATION_TIMEOUT_MS = 5000;

/**
 * Reads the options, or the variables that stand for them.
 *
 * @throws UsageError when one is missing.
 * @internal
 */
export function readInstallation(options: InstallationOptions, { env }: CommandTerminal): Installation {
  const redis = options.redis ?? env[VARIABLES.redis];
  const application = options.application ?? env[VARIABLES.application];
  if (!redis) throw new UsageError(`Give the URL of Redis: --redis URL, or ${VARIABLES.redis} in the environment.`);
  if (!application) {
    throw new UsageError(`Give the module's option \`application\`: --application NAME, or ${VARIABLES.application}.`);
  }
  return { redis, application };
}

/** Runs something with the module over an installation, and closes it afterwards. @internal */
export async function withSessions<T>(
  { redis, application }: Installation,
  run: (app: INestApplicationContext) => Promise<T>,
): Promise<T> {
  const limit = redis.includes('operationTimeoutMs=')
    ? ''
    : `${redis.includes('?') ? '&' : '?'}operationTimeoutMs=${OPERATION_TIMEOUT_MS}`;
  // Nothing is signed here; the secret only has to be one.
  const secret = randomBytes(32).toString('hex');
  const module = SessionModule.forRoot({ application, secret, redis: redis + limit });
  const { providers = [] } = module;
  // The work of the installation is for its application: a command knows neither its idle timeout nor its handlers.
  const idle = { ...module, providers: [...providers, { provide: SESSION_WORK, useValue: null }] };
  const app = await NestFactory.createApplicationContext(idle, { logger: false, abortOnError: false });
  try {
    return await run(app);
  } finally {
    await app.close();
  }
}
