import { describe, expect, it } from 'vitest';
import type { LinkCommand } from '../../lib/core/session-link.js';
import type { ScriptLink } from '../../lib/scripts/script-arguments.js';
import { commitSession, lockSession, pageSessions, touchSession } from '../../lib/scripts/scripts.generated.js';
import { parseHeader } from '../../tools/script-header.js';

const COMMIT = {
  token: 't',
  id: 'i',
  idleMs: 1_000,
  tombstoneMs: 60_000,
  cookie: '',
  user: 'u',
  owner: '',
  about: '',
  auth: '',
  small: true,
  keepsUser: false,
  maxFields: 0,
  atMost: '',
  set: new Map([
    ['a', '1'],
    ['b', '2'],
  ]),
  remove: ['c'],
  expected: [],
};
const KEYS = { session: 's', live: 'l', tombstone: 't' };

/** A link that replies with a constant and keeps the commands. */
function linkTo(reply: unknown): ScriptLink & { readonly sent: LinkCommand[] } {
  const sent: LinkCommand[] = [];
  return {
    sent,
    execute: (command) => {
      sent.push(command);
      return Promise.resolve(reply);
    },
  };
}

describe('the function of a script', () => {
  it('puts keys and arguments in the order of the header, each list with its count', async () => {
    const link = linkTo([1, 5, 2, 1_005, 'u']);
    expect(await commitSession(link, { ...KEYS, user: 'k' }, COMMIT)).toEqual({
      outcome: 'done',
      nowMs: 5,
      version: 2,
      deadline: 1_005,
      user: 'u',
      former: undefined,
    });
    expect(link.sent[0]).toMatchObject({
      keys: ['s', 'l', 't', 'k'],
      args: [
        ...['t', 'i', '1000', '60000', '', 'u', '', '', '', '1', '0', '0', '', '2', '1'],
        'd:a',
        '1',
        'd:b',
        '2',
        'd:c',
      ],
    });
  });

  it('gives a refusal its name, with the values that the header lists', async () => {
    const conflict = linkTo([0, 5, 'conflict', 'd:a', 'd:b']);
    expect(await commitSession(conflict, KEYS, COMMIT)).toEqual({
      outcome: 'conflict',
      nowMs: 5,
      names: ['d:a', 'd:b'],
    });
    expect(await commitSession(linkTo([0, 5, 'gone']), KEYS, COMMIT)).toEqual({ outcome: 'gone', nowMs: 5 });
  });

  it.each([
    ['no list', 'OK'],
    ['nothing', null],
    ['another code', [2, 5, 1, 1, '']],
    ['a reason that the header does not list', [0, 5, 'tired']],
    ['a time that is a text', [1, '5', 2, 1_005, 'u']],
    ['a number that is a text', [1, 5, '2', 1_005, 'u']],
    ['a text that is a number', [1, 5, 2, 1_005, 7]],
    ['a reply that ends too early', [1, 5, 2]],
    ['a list within the list', [0, 5, 'conflict', ['d:a']]],
  ])('refuses %s', async (_what, reply) => {
    await expect(commitSession(linkTo(reply), KEYS, COMMIT)).rejects.toMatchObject({ code: 'SESSION_SCRIPT_REPLY' });
  });

  it.each([
    ['a number', () => lockSession(linkTo('0'), { lock: 'l' }, { owner: 'o', ttlMs: 1 })],
    ['texts', () => pageSessions(linkTo(['a', 1]), { live: 'l' }, { start: 0, size: 1 })],
  ])('refuses a bare reply that is not %s', async (_what, run) => {
    await expect(run()).rejects.toMatchObject({ code: 'SESSION_SCRIPT_REPLY' });
  });

  it('does not compile with a wrong call', async () => {
    const link = linkTo([0, 5, 'gone']);
    const keys = { session: 's', live: 'l' };
    const args = { id: 'i', idleMs: 1, user: '' };
    // @ts-expect-error a key is missing
    await touchSession(link, { session: 's' }, args);
    // @ts-expect-error a key that the script does not take
    await touchSession(link, { ...keys, lock: 'x' }, args);
    // @ts-expect-error an argument is missing
    await touchSession(link, keys, { id: 'i', idleMs: 1 });
    // @ts-expect-error a text where the script takes a number
    await touchSession(link, keys, { ...args, idleMs: '1' });
    // @ts-expect-error a number where the script takes a flag
    await commitSession(link, KEYS, { ...COMMIT, small: 1 });
    // @ts-expect-error the link puts it before the others
    await touchSession(link, keys, { ...args, notAfterMs: 1 });
    const reply = await touchSession(link, keys, args);
    // @ts-expect-error no such outcome
    expect(reply.outcome === 'lock').toBe(false);
    // @ts-expect-error known only once the outcome is
    expect(reply.version).toBeUndefined();
  });
});

describe('the header of a script', () => {
  const HEADER = [
    '--- try-it: tries it.',
    '-- @write',
    '-- @key   session  hash  {app:b}:s:<id>',
    '-- @arg   notAfterMs  ms    when',
    '-- @arg   id          text  whose',
    '-- @reply [1, now, version:count]  done',
    '-- @reply [0, now, gone]           there is none',
    "return redis.call('HGET', KEYS[1], ARGV[2])",
  ];
  const without = (line: number) => HEADER.filter((_, index) => index !== line);
  const instead = (line: number, text: string) => HEADER.map((old, index) => (index === line ? text : old));

  it('names keys, arguments and outcomes', () => {
    const { name, isWrite, keys, args, reply } = parseHeader('try-it.lua', HEADER.join('\n'));
    expect({ name, isWrite }).toEqual({ name: 'try-it', isWrite: true });
    expect(keys).toMatchObject([{ name: 'session', isOptional: false }]);
    expect(args).toMatchObject([{ name: 'id', type: 'text', isList: false }]);
    expect(reply).toMatchObject({ kind: 'outcomes', outcomes: [{ name: 'done' }, { name: 'gone', values: [] }] });
  });

  it.each([
    ['no title', without(0), 'first line'],
    ['another name than its file', instead(0, '--- other: tries it.'), 'names it other'],
    ['neither write nor read', without(1), '@write or @read'],
    ['no key', without(2), '@key'],
    ['no deadline', without(3), 'notAfterMs first'],
    ['an unknown tag', instead(4, '-- @argument id text'), 'unknown tag'],
    ['an argument of an unknown type', instead(4, '-- @arg id word whose'), 'unknown type word'],
    ['fewer arguments than the text uses', without(4), 'names 1 arguments'],
    ['fewer keys than the text uses', [...HEADER, 'return KEYS[2]'], 'names 1 keys'],
    ['a value without a type', instead(5, '-- @reply [1, now, version]  done'), 'not name:type'],
    ['a value of an unknown type', instead(5, '-- @reply [1, now, version:word]  done'), 'unknown type word'],
    ['two replies with one outcome', [...HEADER, '-- @reply [0, now, gone]  again'], 'one outcome'],
    ['a list that is not last', instead(5, '-- @reply [1, now, ids…:text, version:count]  done'), 'only the last'],
  ])('with %s is refused', (_what, lines, fault) => {
    expect(() => parseHeader('try-it.lua', lines.join('\n'))).toThrow(fault);
  });
});
