import fc from 'fast-check';
import { INSTANCES, SENTINELS, type Schedule, type Step } from './model.js';

const NODE = fc.constantFrom('n1', 'n2', 'n3', 'z', 'j' as const);
const MACHINE = fc.constantFrom('n1', 'n2', 'n3', 'z', 'j', ...SENTINELS, ...INSTANCES);
const MACHINES = fc.uniqueArray(MACHINE, { minLength: 1, maxLength: 6 });
const AFTER = fc.oneof(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 4000 }));

/** Any fault, so long after the one before. */
const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    afterMs: AFTER,
    fault: fc.constantFrom('kill', 'restart', 'freeze', 'thaw' as const),
    machine: fc.oneof(NODE, fc.constantFrom(...SENTINELS)),
  }),
  fc.record({
    afterMs: AFTER,
    fault: fc.constantFrom('cut', 'cut', 'cutOneWay' as const),
    from: MACHINE,
    to: MACHINES,
  }),
  fc.record({ afterMs: AFTER, fault: fc.constantFrom('heal', 'join' as const) }),
  fc.record({ afterMs: AFTER, fault: fc.constant('failover' as const), machine: fc.constantFrom(...SENTINELS) }),
  fc.record({
    afterMs: AFTER,
    fault: fc.constant('block' as const),
    machine: fc.constantFrom(...INSTANCES),
    ms: fc.integer({ min: 50, max: 2500 }),
  }),
);

/** Every schedule that the model can run. */
export const SCHEDULE: fc.Arbitrary<Schedule> = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  replicas: fc.constantFrom(1, 2 as const),
  hasObserver: fc.boolean(),
  isStrict: fc.boolean(),
  steps: fc.array(STEP, { minLength: 1, maxLength: 6 }),
});
