import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { faultsOf, faultsWith } from './options-faults.support.js';

const resolve = (redis: string) => resolveStoreOptions({ application: 'portal', redis }).redis;
const faultsOfUrl = (redis: string) => faultsOf(() => resolve(redis));
const HOST_FAULT =
  'allowed are name, name:port, 1.2.3.4:port and [::1]:port, ports from 1 to 65535. If a user or password comes before it, write its special characters as %40 for @, %3A for :, %2F for /.';

describe('A Redis URL', () => {
  it.each([
    ['redis://', { host: '127.0.0.1', port: 6379, node: {} }],
    ['redis://cache', { host: 'cache', port: 6379, node: {} }],
    ['redis://cache:7000/', { host: 'cache', port: 7000, node: {} }],
    ['redis://cache:7000/2', { host: 'cache', port: 7000, node: { db: 2 } }],
    ['redis:///2', { host: '127.0.0.1', port: 6379, node: { db: 2 } }],
    ['REDIS://cache?db=2', { host: 'cache', port: 6379, node: { db: 2 } }],
    ['  redis://cache\n', { host: 'cache', port: 6379, node: {} }],
    ['redis://[::1]:7000', { host: '::1', port: 7000, node: {} }],
    ['redis://[fe80::1%eth0]', { host: 'fe80::1%eth0', port: 6379, node: {} }],
    ['redis://:p@cache', { host: 'cache', port: 6379, node: { password: 'p' } }],
    [
      'redis://app:p%40ss%3A%2F+%25@cache',
      { host: 'cache', port: 6379, node: { username: 'app', password: 'p@ss:/+%' } },
    ],
    ['redis://app:p@ss@cache', { host: 'cache', port: 6379, node: { username: 'app', password: 'p@ss' } }],
    ['rediss://cache?family=6&connectionName=a%20b', null],
    [
      'rediss://cache?family=6&connectionName=ab',
      { host: 'cache', port: 6379, node: { tls: {}, family: 6, connectionName: 'ab' } },
    ],
    [
      'redis+unix:///run/redis%20x.sock?db=1',
      { host: '127.0.0.1', port: 6379, path: '/run/redis x.sock', node: { db: 1 } },
    ],
    [
      'redis+unix://:p@/run/redis.sock',
      { host: '127.0.0.1', port: 6379, path: '/run/redis.sock', node: { password: 'p' } },
    ],
  ])('of one server: %j', (url, topology) => {
    if (topology) expect(resolve(url).topology).toEqual({ kind: 'standalone', ...topology });
    else expect(faultsOfUrl(url)).toHaveLength(1);
  });

  it('of Sentinels names them all, and what is for them', () => {
    const url =
      'redis+sentinel://app:p%2Bq@s1:26380,s2,[::1]:5000/portal?db=2&sentinelUsername=w&sentinelPassword=a%26b=+c';
    expect(resolve(url)).toMatchObject({
      topology: {
        kind: 'sentinel',
        sentinels: [
          { host: 's1', port: 26_380 },
          { host: 's2', port: 26_379 },
          { host: '::1', port: 5000 },
        ],
        name: 'portal',
        sentinelUsername: 'w',
        sentinelPassword: 'a&b=+c',
        node: { username: 'app', password: 'p+q', db: 2 },
      },
      durability: 'replicated',
    });
    expect(resolve(url).topology).not.toHaveProperty('sentinelTLS');
  });

  it('of Sentinels by TLS is by TLS to both sides', () => {
    expect(resolve('rediss+sentinel://s1/portal').topology).toMatchObject({ sentinelTLS: {}, node: { tls: {} } });
  });

  it('of a Cluster names its seeds', () => {
    expect(resolve('redis+cluster://h1:7000,h2').topology).toEqual({
      kind: 'cluster',
      seeds: [
        { host: 'h1', port: 7000 },
        { host: 'h2', port: 6379 },
      ],
      options: {},
      buckets: 64,
    });
    expect(resolve('rediss+cluster://u:p@h1/0').topology).toMatchObject({
      options: { redisOptions: { username: 'u', password: 'p', tls: {} } },
    });
  });

  it('can say how long the link waits', () => {
    expect(resolve('redis://cache?operationTimeoutMs=5000&attemptTimeoutMs=700')).toMatchObject({
      operationTimeoutMs: 5000,
      attemptTimeoutMs: 700,
    });
    expect(faultsOfUrl('redis://cache?operationTimeoutMs=5')).toEqual([
      'redis.operationTimeoutMs: must be a whole number of milliseconds from 10 to 600000, not 5. Is that seconds? Then write 5000.',
    ]);
  });

  it.each([
    ['cache:6379', /^redis: the URL is not a URL with a known scheme; allowed: redis:\/\/, rediss:\/\/, .*\.$/],
    ['redis:cache', /is not a URL with a known scheme/],
    ['redis+sentinels://a/b', /known scheme.* Did you mean redis\+sentinel:\/\/\?$/],
    ['', /known scheme/],
    ['redis://a,b', /^redis: the URL names several hosts; with Sentinel write redis\+sentinel:/],
    ['redis://a:0', /^redis: the URL has a wrong host \(number 1 of 1\)/],
    ['redis://a/x', /^redis: the URL has a path that is not the number of a database/],
    ['redis://a/1/2', /^redis: the URL has a path that is not the number of a database/],
    ['redis://a/1?db=1', /^redis: the URL gives db twice, in its path and in its query\.$/],
    ['redis://a?db=1&db=2', /^redis: the URL gives db twice\.$/],
    ['redis://a?db=x', /^redis: the URL has a parameter db that is not a whole number\.$/],
    ['redis://a?db', /^redis: the URL has an unknown parameter \(number 1 of the query\)/],
    ['redis://a?sentinelPassword=x', /^redis: the URL has an unknown parameter \(number 1 of the query\)/],
    ['redis://a?timeout=1&opperationTimeoutMs=5', /number 1 of the query/],
    [
      'redis://app@a',
      /^redis: the URL has a user without a password; for a password alone write it after a colon, :\/\/:password@host\.$/,
    ],
    [
      'redis://app:%zz@a',
      /^redis: the URL has a "%" that no two hexadecimal digits follow: write a percent sign as %25\.$/,
    ],
    [
      'redis://app:a/b@c',
      /^redis: the URL has a user or password with "\/", "\?" or "#" in it: write %2F, %3F, %23\.$/,
    ],
    ['redis://app:a#b@c', /with "\/", "\?" or "#" in it/],
    ['redis+sentinel://a', /^redis: the URL does not end in the name of the group/],
    ['redis+sentinel://a/b/2', /^redis: the URL does not end in the name of the group/],
    ['redis+sentinel:///b', /^redis: the URL names no Sentinel/],
    ['redis+sentinel://a,,b/c', /^redis: the URL has a wrong host \(number 2 of 3\)/],
    ['redis+cluster://', /^redis: the URL names no node/],
    ['redis+cluster://a/1', /^redis: the URL names a database; a Cluster has only 0/],
    ['redis+cluster://a?db=1', /^redis: the URL has an unknown parameter/],
    [
      'redis+unix://run/redis.sock',
      /^redis: the URL names a host; a Unix socket is redis\+unix:\/\/\/path, with three slashes\.$/,
    ],
    ['redis+unix://', /^redis: the URL names no socket/],
  ])('cannot be %j', (url, fault) => {
    expect(faultsOfUrl(url)[0]).toMatch(fault);
  });

  it('is told all of its faults, among those of the other options', () => {
    expect(faultsWith({ redis: 'redis+sentinel://a:99999,b/?dbb=1', proxy: 'no' })).toEqual([
      `redis: the URL has a wrong host (number 1 of 2): ${HOST_FAULT}`,
      'redis: the URL does not end in the name of the group: redis+sentinel://host:26379/name, as in `sentinel monitor <name>`.',
      expect.stringMatching(
        /^redis: the URL has an unknown parameter \(number 1 of the query\)\. Did you mean db\? Allowed: db, /,
      ),
      'proxy: must be true or false, not "no".',
    ]);
  });

  it('brings any user and password through unchanged when they are encoded', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(text, (password) => {
        const encoded = encodeURIComponent(password);
        const { topology } = resolve(`redis+sentinel://app:${encoded}@s1,s2/portal?sentinelPassword=${encoded}`);
        expect(topology).toMatchObject({ sentinelPassword: password, node: { password } });
      }),
    );
  });

  it('never shows a password, however badly it is written', () => {
    const word = fc.string({ unit: fc.constantFrom(...Array.from('/?#@:,&=%[]+ 1$')), maxLength: 8 });
    const schemes = fc.constantFrom('redis', 'rediss+sentinel', 'redis+cluster', 'redis+unix', 'redjs');
    fc.assert(
      fc.property(schemes, word, word, fc.boolean(), (scheme, before, after, isInQuery) => {
        const password = `${before}Geheim${after}`;
        const url = isInQuery ? `${scheme}://a/b?sentinelPassword=${password}` : `${scheme}://app:${password}@a/b`;
        expect(faultsOfUrl(url).join('\n')).not.toContain('Geheim');
      }),
      { numRuns: 1000 },
    );
  });
});
