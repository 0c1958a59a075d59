import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS } from '../support/http-app.js';
import { moduleSite } from '../support/session-site.js';

/** What Node refuses to send is an error also when the session's change held the response back: never an empty success. */

const WRONG: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  'a status too small': (response) => Object.assign(response, { statusCode: 99 }).end('body'),
  'a status too large': (response) => Object.assign(response, { statusCode: 1000 }).end('body'),
  'a status that is no number': (response) => Object.assign(response, { statusCode: 'fine' }).end('body'),
  'a status that is undefined': (response) =>
    Object.assign(response, { statusCode: undefined as unknown as number }).end('body'),
  'a reason with a line break': (response) => Object.assign(response, { statusMessage: 'a\nb' }).end('body'),
  'a body that is an object': (response) => response.end({ not: 'a body' } as never),
  'a body that is a number': (response) => response.end(5 as never),
  'a chunk that is an object': (response) => response.write({ not: 'a chunk' }) && response.end(),
  'writeHead with a status too small': (response) => response.writeHead(99).end('body'),
  'writeHead with a wrong name': (response) => response.writeHead(200, { 'no name': 'x' }).end('body'),
  'writeHead with a wrong value': (response) => response.writeHead(200, { 'X-Value': 'a\nb' }).end('body'),
  'writeHead with an undefined value': (response) =>
    response.writeHead(200, { 'X-Value': undefined as never }).end('body'),
  'writeHead with wrong raw headers': (response) => response.writeHead(200, ['X-Value', 'a\nb']).end('body'),
  'writeHead with a raw header without a value': (response) => response.writeHead(200, ['X-Value']).end('body'),
  'writeHead with a wrong reason': (response) => response.writeHead(200, 'a\nb').end('body'),
  'setHeader with a wrong value': (response) => response.setHeader('X-Value', 'a\nb').end('body'),
};

describe.each(PLATFORMS)('on %s', (platform) => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  it.each(['changed', 'read'])('a handler’s invalid answer is an error response, with its session %s', async (how) => {
    const { client } = await moduleSite(platform, () => redis).start({}, (request, response) => {
      if (how === 'changed') request.session.count = (request.session.count ?? 0) + 1;
      return WRONG[decodeURIComponent((request.url ?? '').slice(1))]?.(response);
    });
    const browser = client();
    for (const name of Object.keys(WRONG)) {
      // Fastify keeps the wrong reason for its own error response, and fails for good.
      if (platform === 'fastify' && name === 'a reason with a line break') continue;
      const { status, text, isComplete } = await browser.get(`/${encodeURIComponent(name)}`);
      expect({ status, isComplete }, name).toEqual({ status: 500, isComplete: true });
      expect(text, name).not.toBe('');
    }
  });
});
