import { expect, it } from 'vitest';
import { MemorySessionRepository } from '../../lib/store/memory-session.repository.js';
import { flat } from '../support/flat-repository.js';
import { memoryPlaces } from './memory-places.js';
import { describeSessionLineage } from './session-lineage.contract.js';
import { change, describeSessionRepository } from './session-repository.contract.js';

describeSessionRepository('MemorySessionRepository', memoryPlaces);
describeSessionLineage('MemorySessionRepository', memoryPlaces);

it('MemorySessionRepository answers for one moment, as a script in Redis does, even when the clock moves on meanwhile', async () => {
  let nowMs = 0;
  const clock = { nowMs: () => (nowMs += 1) };
  const repository = flat(
    new MemorySessionRepository({ absoluteTimeoutMs: 500, tombstoneMs: 0, userLimit: null, clock }),
  );
  const short = change({ idleTimeoutMs: 250 });
  expect(await repository.create('a', short)).toMatchObject({ remainingMs: 250 });
  expect(await repository.commit('a', short)).toMatchObject({ remainingMs: 250 });
  expect(await repository.replace('b', change({ idleTimeoutMs: 900 }))).toMatchObject({ remainingMs: 500 });
  expect(await repository.touch('a', 300, null)).toMatchObject({ remainingMs: 300 });
});
