import { createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyWatchRequest } from '../../lib/core/key-watch.js';
import type { SessionLink } from '../../lib/core/session-link.js';
import { SessionScriptError } from '../../lib/errors/session-script.error.js';
import { SESSION_DEFAULTS } from '../../lib/options/session.defaults.js';
import { parseInfo, parseRole } from '../../lib/redis/connection/node-report.js';
import { parseAddressView, parseReplicas, parseSentinels, parseView } from '../../lib/redis/sentinel/sentinel-view.js';
import { ScriptReply, numberReply, textsReply } from '../../lib/scripts/script-reply.js';
import { fieldKey, SessionCipher } from '../../lib/store/field-cipher.js';
import { NearCache } from '../../lib/store/near-cache.js';
import { parseStoredSession } from '../../lib/store/redis-session.reader.js';
import { decodeSession, UndecodableFieldError } from '../../lib/store/session-codec.js';
import { FUZZ_TIMEOUT_MS } from '../support/random.js';
import { flatList, forAll, wire } from './fuzz.support.js';

const SCRIPT = { name: 'fuzz', text: '', sha1: '', isWrite: true };

const number = fc.oneof(
  fc.integer().map(String),
  fc.double().map(String),
  fc.constantFrom('0', '', '-1', '1e308', '9'.repeat(25), '9'.repeat(400)),
);

describe('what a server answers', { timeout: FUZZ_TIMEOUT_MS }, () => {
  it('a script’s reply is read, or refused by its own error', () => {
    const reply = fc.oneof(
      wire,
      fc
        .tuple(fc.constantFrom(0, 1), fc.integer(), wire, wire)
        .map(([done, now, ...rest]) => [done, now, ...rest.flat()]),
    );
    forAll(reply, (value) => {
      const reads = [
        () => numberReply(SCRIPT, value),
        () => textsReply(SCRIPT, value),
        () => {
          const read = new ScriptReply(SCRIPT, value);
          return [read.isDone, read.nowMs];
        },
        () => new ScriptReply(SCRIPT, value).reason,
        () => new ScriptReply(SCRIPT, value).texts(2),
        () => new ScriptReply(SCRIPT, value).number(3),
        () => new ScriptReply(SCRIPT, value).optionalText(4),
      ];
      for (const read of reads) {
        try {
          read();
        } catch (error) {
          expect(error).toBeInstanceOf(SessionScriptError);
        }
      }
    });
  });

  it('a Sentinel’s answer names hosts and ports, or nothing', () => {
    const names = [
      'ip',
      'port',
      'runid',
      'flags',
      'config-epoch',
      'num-slaves',
      'num-other-sentinels',
      'quorum',
      'slave-priority',
      'last-ok-ping-reply',
      'down-after-milliseconds',
    ];
    const row = flatList(
      names,
      fc.oneof(number, fc.string(), fc.constantFrom('127.0.0.1', '6379', 'master', 's_down,master')),
    );
    const answer = fc.oneof(row, fc.array(row, { maxLength: 3 }), fc.tuple(fc.string(), number), wire);
    const isAddress = ({ host, port }: { host: unknown; port: unknown }) =>
      typeof host === 'string' && host !== '' && Number.isInteger(port) && Number(port) > 0 && Number(port) < 65_536;
    forAll(answer, (reply) => {
      const named = [parseView(reply, 1, 2)?.primary, parseAddressView(reply, 1, 2)?.primary];
      const listed = [...(parseReplicas(reply) ?? []), ...(parseSentinels(reply) ?? [])].map(({ address }) => address);
      for (const address of [...named, ...listed])
        if (address) expect(isAddress(address), JSON.stringify(address)).toBe(true);
      const view = parseView(reply, 1, 2);
      if (view) expect([view.epoch, view.sentinelCount, view.replicaCount].some(Number.isNaN)).toBe(false);
    });
  });

  it('INFO and ROLE are read, or say nothing', () => {
    forAll(fc.oneof(wire, fc.tuple(fc.constantFrom('master', 'slave', 'sentinel'), wire, wire)), (reply) => {
      parseInfo(reply);
      parseRole(reply);
    });
  });

  it('a stored session is read, or names the field that cannot be read', () => {
    const names = [
      'meta',
      '1meta',
      'cookie',
      'user',
      'about',
      'auth',
      'lineage',
      'next',
      'd:cart',
      '1d:cart',
      'd:',
      '9',
    ];
    const meta = fc.tuple(number, number, number, number, number).map((parts) => `1 ${parts.join(' ')} token`);
    const text = fc.oneof(
      fc.constantFrom(
        '1 1795212000000 0 1000 0 1 t',
        'rotated 1 1795212000000 0 1000 0 1 t',
        'm,h,p,l',
        '{"a":1}',
        'null',
        '-5 - x',
      ),
      meta,
      fc.string(),
      fc.json(),
    );
    // A server's hash has names and texts, whatever they say.
    const hash = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...names), fc.string()), text), { maxLength: 8 });
    forAll(
      hash.map((pairs) => pairs.flat()),
      (reply) => {
        const session = parseStoredSession('id', reply, 1_795_212_000_500);
        if (typeof session === 'string') expect(['meta', 'about', 'auth']).toContain(session);
        if (session === null || typeof session === 'string') return;
        expect(
          [session.createdAtMs, session.remainingMs, session.seenAtMs, session.version].every(Number.isFinite),
        ).toBe(true);
        try {
          decodeSession(session, 0);
        } catch (error) {
          expect(error).toBeInstanceOf(UndecodableFieldError);
        }
      },
    );
  });

  it('a sealed text opens nowhere but where it was sealed', () => {
    const cipher = new SessionCipher([fieldKey(createSecretKey(randomBytes(32)))], 'app\0id');
    const sealed = cipher.seal('a', '"text"');
    const tampered = fc
      .tuple(fc.nat(sealed.length - 1), fc.nat(3), fc.string({ maxLength: 3 }))
      .map(([at, cut, text]) => sealed.slice(0, at) + text + sealed.slice(at + cut))
      .filter((text) => text !== sealed);
    forAll(
      fc.oneof(
        tampered,
        fc.string(),
        fc.base64String().map((text) => sealed.slice(0, 10) + text),
      ),
      (text) => {
        const opened = cipher.open('a', text);
        // The last letter of base64url has bits that say nothing.
        if (opened.outcome === 'opened')
          expect(Buffer.from(text.slice(10), 'base64url')).toEqual(Buffer.from(sealed.slice(10), 'base64url'));
        expect(cipher.open('b', text).outcome).not.toBe('opened');
      },
    );
  });

  it('an invalidation of whatever kind makes the cache forget, and no more', () => {
    let request: KeyWatchRequest | undefined;
    const link = {
      nowMs: () => 0,
      watch: (given: KeyWatchRequest) => ((request = given), { provenAt: performance.now() }),
      status: () => ({ state: 'ready' }),
    } as unknown as SessionLink;
    const cache = new NearCache(link, '{app:0}:s:', SESSION_DEFAULTS.nearCache);
    request?.listener.onStart();
    forAll(fc.option(fc.array(fc.string())), (keys) => {
      request?.listener.onChange(keys);
      expect(cache.find('id')).toBeUndefined();
    });
  });
});
