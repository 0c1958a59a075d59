import { createHmac } from 'node:crypto';
import { Agent, request as startRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS } from '../support/http-app.js';
import { FUZZ_TIMEOUT_MS, Random, fuzzPlan, inParallel } from '../support/random.js';
import { moduleSite } from '../support/session-site.js';

/** Random cookie headers against a model: whose session a request has, and whether it is given a cookie. */

const NAME = 'connect.sid';
const [YOUNG, OLD, FOREIGN] = ['young-secret-0123456789', 'old-secret-0123456789', 'foreign-secret-0123456789'];
const USERS = 5;

function signature(id: string, secret: string): string {
  return createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '');
}

function sign(id: string, secret: string): string {
  return `s:${id}.${signature(id, secret)}`;
}

/** The values of our cookie in a header, by RFC 6265 and what every parser of express makes of it. */
function valuesIn(header: string): string[] {
  return header.split(';').flatMap((pair) => {
    const at = pair.indexOf('=');
    if (at < 0 || trim(pair.slice(0, at)) !== NAME) return [];
    const value = trim(pair.slice(at + 1));
    const bare = value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    try {
      return [decodeURIComponent(bare)];
    } catch {
      return [bare];
    }
  });
}

/** Only space and tab are white space in a header. */
function trim(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

/** The first value that is signed by one of our secrets and names a live session. */
function sessionOf(header: string, ids: readonly string[]): { user: number; isOld: boolean; value: number } | null {
  const values = valuesIn(header);
  for (const [index, value] of values.entries()) {
    const user = ids.findIndex((id) => value === sign(id, YOUNG) || value === sign(id, OLD));
    const id = ids[user];
    if (id !== undefined) return { user, isOld: value === sign(id, OLD), value: index };
  }
  return null;
}

/** A header of up to eight cookies: good ones, broken ones, strangers, noise. */
function randomHeader(random: Random, ids: readonly string[]): string {
  const noise = (): string =>
    Array.from({ length: random.below(12) }, () =>
      String.fromCharCode(random.oneIn(8) ? 128 + random.below(128) : 32 + random.below(95)),
    )
      .join('')
      .trim();
  const good = (): string => sign(random.pick(ids), random.oneIn(3) ? OLD : YOUNG);
  const broken = (text: string): string => {
    const at = random.below(text.length + 1);
    return random.pick([
      () => text.slice(0, at),
      () => text.slice(at),
      () => text.slice(0, at) + random.pick(['x', '.', '%', '=', '"', ',', ' ', ':']) + text.slice(at),
      () => text.slice(0, at) + text.slice(at + 1),
      () => text.toUpperCase(),
      () => text + text,
    ])();
  };
  const value = (): string =>
    random.pick([
      good,
      good,
      good,
      () => broken(good()),
      () => sign(random.pick(ids), FOREIGN),
      () => sign('nobody', YOUNG),
      () => sign('', YOUNG),
      () => random.pick(ids),
      () => `j:${JSON.stringify({ id: random.pick(ids) })}`,
      noise,
      () => '',
    ])();
  const encoded = (text: string): string =>
    random.pick([
      encodeURIComponent,
      encodeURIComponent,
      encodeURIComponent,
      (plain: string) => plain,
      (plain: string) => `"${encodeURIComponent(plain)}"`,
      (plain: string) => `"${plain}"`,
      (plain: string) => encodeURIComponent(encodeURIComponent(plain)),
      (plain: string) => `\t ${encodeURIComponent(plain)} `,
      (plain: string) => `${encodeURIComponent(plain)}%`,
      (plain: string) => encodeURIComponent(plain).toLowerCase(),
    ])(text.replace(/[\ud800-\udfff]/g, ''));
  const name = (): string =>
    random.oneIn(3)
      ? random.pick([
          'connect.sid2',
          'xconnect.sid',
          'Connect.Sid',
          'connect',
          'other',
          '',
          ' ',
          '__proto__',
          noise().replaceAll('=', ''),
        ])
      : NAME;
  const pairs = Array.from({ length: 1 + random.below(8) }, () =>
    random.oneIn(10) ? noise() : `${name()}${random.oneIn(10) ? ' = ' : '='}${encoded(value())}`,
  );
  const text = pairs.join(random.pick(['; ', '; ', ';', ';;', ' ; ', '; ;']));
  // Node refuses to send what no header may hold.
  return text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?').trim();
}

describe.each(PLATFORMS)('on %s', (platform) => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  it(
    'random cookie headers lead to the session that the model finds, and to no other',
    async () => {
      const { runs, seed } = fuzzPlan(100_000, 500);
      const site = await moduleSite(platform, () => redis).start({ secret: [YOUNG, OLD] }, (request, response) => {
        const user = /^\/login\/(\d)$/.exec(request.url ?? '')?.[1];
        if (user !== undefined) request.session.count = Number(user);
        response.end(JSON.stringify({ id: request.sessionID, user: request.session.count ?? null }));
      });
      const ids: string[] = [];
      for (let user = 0; user < USERS; user++)
        ids.push(((await site.client().get(`/login/${user}`)).json as { id: string }).id);
      const agent = new Agent({ keepAlive: true, maxSockets: 16 });
      try {
        await inParallel(runs, 16, async (index) => {
          const header = randomHeader(new Random(seed + index), ids);
          const { status, text, setCookie } = await get(site.url, agent, header);
          const hint = `seed ${seed + index}, header ${JSON.stringify(header)}`;
          expect(status, hint).toBe(200);
          const { id, user } = JSON.parse(text) as { id: string; user: number | null };
          const expected = sessionOf(header, ids);
          expect(user, hint).toBe(expected?.user ?? null);
          if (expected) expect(id, hint).toBe(ids[expected.user]);
          else expect(ids, hint).not.toContain(id);
          const fresh = setCookie.filter((line) => line.startsWith(`${NAME}=s%3A`));
          const isRenewed = expected?.isOld === true;
          if (valuesIn(header).length <= 1) expect(setCookie.length, hint).toBe(isRenewed ? 1 : 0);
          for (const line of fresh)
            expect(line.startsWith(`${NAME}=${encodeURIComponent(sign(id, YOUNG))};`), hint).toBe(true);
          if (isRenewed) expect(fresh, hint).toHaveLength(1);
          if (!expected) expect(fresh, hint).toEqual([]);
        });
      } finally {
        agent.destroy();
      }
    },
    FUZZ_TIMEOUT_MS,
  );
});

function get(
  url: string,
  agent: Agent,
  cookie: string,
): Promise<{ status: number; text: string; setCookie: string[] }> {
  return new Promise((resolve, reject) => {
    const request = startRequest(url, { agent, headers: { cookie: Buffer.from(cookie, 'latin1').toString('latin1') } });
    request.on('error', reject);
    request.on('response', (response: IncomingMessage) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += String(chunk)));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text, setCookie: response.headers['set-cookie'] ?? [] });
      });
      response.on('error', reject);
    });
    request.end();
  });
}
