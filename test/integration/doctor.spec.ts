import { mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Redis } from 'ioredis';
import type { SessionModuleOptions } from '../../lib/index.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { examined, idsOf, server, WELL } from './doctor.support.js';

const ACCESS = { access: { password: 'secret' } };

function standalone(
  { host, port }: RedisProcess,
  more: object = { password: 'secret' },
): SessionModuleOptions['redis'] {
  return { host, port, ...more };
}

/** A server without a fault, and what is changed of it. */
async function withConfig(...config: string[]): Promise<string[]> {
  return idsOf(await examined(standalone(await server({ ...ACCESS, config: [...WELL, ...config] }))));
}

const ADMIN = 'warning acl-too-wide';
const ALONE = 'info no-replica';

describe('the doctor on one server', () => {
  it('finds nothing but the missing replica and the wide rights of an administrator', async () => {
    expect(await withConfig()).toEqual([ALONE, ADMIN]);
  });

  it('finds nothing at all with the rights of an application', async () => {
    const redis = await server({
      access: { username: 'admin', password: 'secret' },
      config: [
        ...WELL.slice(0, 3),
        'user default off',
        'user admin on >secret ~* &* +@all',
        'user portal on >secret ~{doctor:* -@all +ping +role +info +time +wait +eval',
      ],
    });
    const findings = await examined(standalone(redis, { username: 'portal', password: 'secret' }), {
      isThorough: false,
    });
    expect(idsOf(findings)).toEqual([ALONE, 'info settings-not-visible']);
    expect(await redis.cli('ACL', 'LOG')).toEqual([]);
  });

  it.each([
    ['eviction-policy', 'error', ['maxmemory-policy allkeys-lru']],
    ['memory-unlimited', 'warning', ['maxmemory 0']],
    ['memory-short', 'error', ['maxmemory 700kb']],
    ['no-append-only-file', 'warning', ['appendonly no']],
    ['min-replicas', 'warning', ['min-replicas-to-write 1']],
    ['client-timeout', 'info', ['timeout 60']],
  ])('finds %s', async (id, severity, config) => {
    expect(await withConfig(...config)).toContain(`${severity} ${id}`);
  });

  it('finds eviction that waits only for a limit', async () => {
    expect(await withConfig('maxmemory 0', 'maxmemory-policy allkeys-lru')).toEqual(
      expect.arrayContaining(['warning eviction-policy', 'warning memory-unlimited']),
    );
  });

  it('finds a disk that cannot be written to', async () => {
    const redis = await server({ ...ACCESS, config: [...WELL, 'dbfilename taken'] });
    // A snapshot cannot replace a folder that has its name.
    const [, dir] = (await redis.cli('CONFIG', 'GET', 'dir')) as [string, string];
    mkdirSync(`${dir}/taken/inner`, { recursive: true });
    await redis.cli('SET', 'k', 'v');
    await redis.cli('BGSAVE');
    await pollUntil('a snapshot that failed', async () =>
      String(await redis.cli('INFO', 'persistence')).includes('rdb_last_bgsave_status:err'),
    );
    expect(idsOf(await examined(standalone(redis)))).toContain('error disk-failing');
  });

  it('finds a server that does not answer, and says why', async () => {
    const redis = await server();
    await redis.kill();
    const finding = (await examined(standalone(redis))).find(({ id }) => id === 'node-unreachable');
    expect(finding).toMatchObject({ id: 'node-unreachable', severity: 'error' });
    expect(finding?.what).toContain('ECONNREFUSED');
  });

  it('finds a wrong password', async () => {
    const redis = await server({ ...ACCESS, config: WELL });
    const [finding] = await examined(standalone(redis, { password: 'wrong' }));
    expect(finding?.what).toContain('WRONGPASS');
  });

  it('finds that no password is wanted', async () => {
    expect(idsOf(await examined(standalone(await server(), {})))).toContain('warning no-password');
  });

  it('finds a missing right', async () => {
    const redis = await server({
      access: { username: 'admin', password: 'secret' },
      config: [
        'user default off',
        'user admin on >secret ~* &* +@all',
        'user portal on >secret ~* -@all +ping +hgetall +eval',
      ],
    });
    const client = standalone(redis, { username: 'portal', password: 'secret' });
    const found = idsOf(await examined(client, { durability: 'replicated', isThorough: false }));
    expect(found.filter((id) => id.endsWith('acl-missing'))).toHaveLength(4);
    expect(found).toContain('error acl-missing');
    expect(found).toContain('info not-visible');
  });

  it('finds Node out of support and sessions that live for ever', async () => {
    const redis = standalone(await server({ ...ACCESS, config: WELL }));
    const found = idsOf(await examined(redis, { nodeVersion: '20.20.2', absoluteTimeoutMs: null }));
    expect(found).toEqual(['info no-absolute-timeout', ALONE, ADMIN, 'warning node-unsupported']);
  });

  it('asks a client of the application over its own connection', async () => {
    const redis = await server({ ...ACCESS, config: [...WELL, 'maxmemory-policy volatile-ttl'] });
    const client = new Redis({ host: redis.host, port: redis.port, password: 'secret' });
    try {
      expect(idsOf(await examined(client))).toContain('error eviction-policy');
    } finally {
      client.disconnect();
    }
  });
});
