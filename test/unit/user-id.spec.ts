import { describe, expect, it } from 'vitest';
import { userIdText } from '../../lib/store/user-id.js';

describe("a user's id", () => {
  it.each([
    ['nobody', null, null],
    ['nobody', undefined, null],
    ['nobody', '', null],
    ['a text', 'ada', 'ada'],
    ['a text of 256 bytes', 'ü'.repeat(128), 'ü'.repeat(128)],
    ['a whole pair of surrogates', '😀', '😀'],
    ['a number', 42, '42'],
    ['zero', 0, '0'],
    ['the largest safe integer', Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ])('may be %s', (_what, value, text) => {
    expect(userIdText(value)).toBe(text);
  });

  it.each([
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['a fraction', 1.5],
    ['more than a safe integer: another user has the same', Number.MAX_SAFE_INTEGER + 1],
    ['an object', { id: 1 }],
    ['an array', ['ada']],
    ['true', true],
    ['a BigInt', 1n],
    ['a symbol', Symbol('ada')],
    ['a lone surrogate', 'ada\uD800'],
    ['the second half of a pair', '\uDC00ada'],
    ['a text of 257 bytes', 'ü'.repeat(128) + 'x'],
    ['a megabyte', 'x'.repeat(1_000_000)],
  ])('is an error when it is %s, and the error does not show it', (_what, value) => {
    expect(() => userIdText(value)).toThrow(expect.objectContaining({ code: 'SESSION_USER_ID_INVALID' }) as Error);
    expect(() => userIdText(value)).not.toThrow(/ada|xxx/);
  });
});
