import { describe, expect, it } from 'vitest';
import {
  decideLeaving,
  decidePrimary,
  type NodeState,
  type PrimaryChoiceView,
  type PrimaryInUseView,
} from '../../lib/redis/decisions/primary-choice.js';

const A = 'a:6379';
const B = 'b:6379';
const primary: NodeState = { role: 'master', isLoading: false, primary: null, formerReplicationId: 'older' };
const promoted: NodeState = { ...primary, formerReplicationId: 'history of a' };
const replicaOf = (key: string): NodeState => ({ ...primary, role: 'slave', primary: key });

function view(nodes: Record<string, NodeState>, overrides: Partial<PrimaryChoiceView> = {}): PrimaryChoiceView {
  return {
    named: A,
    claimed: new Set([A]),
    isFailoverInProgress: false,
    nodes: new Map(Object.entries(nodes)),
    replicationId: 'history of a',
    ...overrides,
  };
}

function inUse(nodes: Record<string, NodeState>, overrides: Partial<PrimaryInUseView> = {}): PrimaryInUseView {
  const known = { current: A, isCurrentFresh: true, isNamedSince: false, isNamedFresh: true };
  return { ...view(nodes, overrides), ...known, ...overrides };
}

describe('the primary to use', () => {
  it.each<[string, PrimaryChoiceView, string | null]>([
    ['the one that is named, once it calls itself one', view({ [A]: primary }), A],
    ['the one that is named and may not be asked', view({ [A]: { ...primary, role: null } }), A],
    ['none while the one that is named loads', view({ [A]: { ...primary, isLoading: true } }), null],
    ['none while the one that is named does not answer', view({ [B]: replicaOf(A) }), null],
    ['none while the Sentinels name none', view({ [A]: primary }, { named: null }), null],
    ['the one that the named one follows (by hand)', view({ [A]: replicaOf(B), [B]: primary }), B],
    ['a promoted one when the named one is dead', view({ [B]: promoted }), B],
    ['no other that merely calls itself a primary', view({ [B]: primary }), null],
    ['no promoted one while the named one is well: by mistake', view({ [A]: primary, [B]: promoted }), A],
    ['a promoted one of a failover', view({ [A]: primary, [B]: promoted }, { isFailoverInProgress: true }), B],
    [
      'a promoted one that a Sentinel names already',
      view({ [A]: primary, [B]: promoted }, { claimed: new Set([A, B]) }),
      B,
    ],
    ['no promoted one when the history is unknown', view({ [B]: promoted }, { replicationId: null }), null],
  ])('is %s', (_which, seen, expected) => {
    expect(decidePrimary(seen).outcome).toBe(expected);
  });
});

describe('a primary in use', () => {
  it.each<[string, PrimaryInUseView, boolean]>([
    ['stays while nothing is said', inUse({}), false],
    ['stays beside a replica that was promoted by mistake', inUse({ [A]: primary, [B]: promoted }), false],
    ['is left once it is a replica', inUse({ [A]: replicaOf(B) }), true],
    [
      'stays when it was a replica before it was chosen',
      inUse({ [A]: replicaOf(B) }, { isCurrentFresh: false }),
      false,
    ],
    ['is left when another one is named', inUse({ [A]: primary }, { named: B, isNamedSince: true }), true],
    [
      'is left when the other one was its replica before it was named, and has not been asked since',
      inUse({ [A]: primary, [B]: replicaOf(A) }, { named: B, isNamedSince: true, isNamedFresh: false }),
      true,
    ],
    [
      'stays when the other one is its replica',
      inUse({ [A]: primary, [B]: replicaOf(A) }, { named: B, isNamedSince: true }),
      false,
    ],
    ['stays when the other one was named before', inUse({ [A]: primary }, { named: B }), false],
    [
      'is left for one that Sentinel promotes',
      inUse({ [A]: primary, [B]: promoted }, { isFailoverInProgress: true }),
      true,
    ],
  ])('%s', (_what, seen, expected) => {
    expect(decideLeaving(seen).outcome).toBe(expected);
  });
});
