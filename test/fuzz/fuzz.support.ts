import fc from 'fast-check';
import { fuzzPlan } from '../support/random.js';

/** Whatever can come over a wire that somebody else holds, as ioredis hands it out. */
export const wire: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string(),
    fc.constantFrom(
      '',
      '0',
      '-1',
      '1e308',
      'NaN',
      'Infinity',
      '__proto__',
      'constructor',
      '\0',
      '\ud800',
      '9'.repeat(400),
    ),
    fc.integer(),
    fc.double(),
    fc.constantFrom(null, undefined, true, false, 0n),
    fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    fc.constant(new Error('ERR a server’s error')),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

/** A flat list of names and values, as hashes and Sentinel's answers come: right, nearly right and wrong ones. */
export function flatList(names: readonly string[], texts: fc.Arbitrary<string>): fc.Arbitrary<unknown[]> {
  const name = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: wire });
  const text = fc.oneof({ weight: 5, arbitrary: texts }, { weight: 1, arbitrary: wire });
  return fc
    .array(fc.tuple(name, text), { maxLength: 8 })
    .chain((pairs) => fc.constantFrom(pairs.flat(), pairs.flat().slice(0, -1)));
}

/** Checks 100,000 inputs with `npm run test:fuzz`, a slice of them with `npm test`. */
export function forAll<T>(input: fc.Arbitrary<T>, check: (value: T) => void): void {
  const { runs, seed } = fuzzPlan(100_000, 500);
  fc.assert(fc.property(input, check), { numRuns: runs, seed });
}
