import type { SessionTruth } from './truth.js';

/** What is known of one field: the changes are numbered, and one is on its way at a time. */
interface FieldLedger {
  /** The last value that was acknowledged; 0 = none. */
  acknowledged: number;
  /** The last one that was acknowledged as replicated. */
  replicated: number;
  /** Values refused since then: stored or not, nobody knows. */
  uncertain: number[];
}

/** Everything the workload knows of one session. */
export class SessionLedger {
  readonly fields = new Map<string, FieldLedger>();
  /** `acknowledged`: a logout, or a login that replaced it, was confirmed; `uncertain`: that was refused. */
  end: 'none' | 'uncertain' | 'acknowledged' = 'none';
  /** Whether its instance was degraded when it acknowledged the login, and the end. */
  isBeginDegraded = false;
  isEndDegraded = false;

  constructor(
    readonly user: string,
    /** `name=value`, as the browser sends it. */
    readonly cookie: string,
  ) {}

  /** @param isDegraded - whether the instance says that it acknowledges what not every replica has */
  acknowledge(field: string, value: number, isDegraded: boolean): void {
    const replicated = isDegraded ? (this.fields.get(field)?.replicated ?? 0) : value;
    this.fields.set(field, { acknowledged: value, replicated, uncertain: [] });
  }

  refuse(field: string, value: number): void {
    const ledger = this.fields.get(field) ?? { acknowledged: 0, replicated: 0, uncertain: [] };
    ledger.uncertain.push(value);
    this.fields.set(field, ledger);
  }

  acknowledged(field: string): number {
    return this.fields.get(field)?.acknowledged ?? 0;
  }
}

/** What is wrong with the stored sessions. Zero everywhere is the promise. */
export interface Verdict {
  /** Acknowledged changes that the primary does not have. */
  readonly changesLost: number;
  /** Sessions whose end was acknowledged and that are there. */
  readonly logoutsUndone: number;
  /** Changes and ends that were acknowledged while degraded, and are lost or undone. */
  readonly degradedLost: number;
  /** Values that are there although nobody sent them, or that came after their refusal. */
  readonly ghosts: number;
  /** The first few, in words. */
  readonly examples: readonly string[];
}

/** Compares what was acknowledged with the truth: `truth(session)` is what is stored, `null` when there is no such session. */
export function check(
  ledgers: readonly SessionLedger[],
  truth: (session: SessionLedger) => SessionTruth | null,
): Verdict {
  let [changesLost, logoutsUndone, degradedLost, ghosts] = [0, 0, 0, 0];
  const examples: string[] = [];
  const note = (session: SessionLedger, what: string): void => {
    if (examples.length < 8) examples.push(`${session.user}: ${what}`);
  };
  for (const session of ledgers) {
    const stored = truth(session);
    if (session.end === 'acknowledged') {
      if (stored && session.isEndDegraded) degradedLost++;
      else if (stored) {
        logoutsUndone++;
        note(session, 'the acknowledged logout was undone');
      }
      continue;
    }
    if (session.end === 'uncertain' && !stored) continue;
    if (stored?.['user'] !== session.user && session.isBeginDegraded) {
      degradedLost += 1 + session.fields.size;
      continue;
    }
    if (stored?.['user'] !== session.user) {
      // The login itself was an acknowledged change.
      changesLost += 1 + session.fields.size;
      note(session, `the session is gone (${JSON.stringify(stored)})`);
      continue;
    }
    for (const [field, ledger] of session.fields) {
      const value = Number(stored[field] ?? 0);
      if (value === ledger.acknowledged || ledger.uncertain.includes(value)) continue;
      if (value < ledger.acknowledged && value >= ledger.replicated) {
        degradedLost++;
        continue;
      }
      if (value < ledger.acknowledged) changesLost++;
      else ghosts++;
      note(
        session,
        `${field} is ${value}, acknowledged was ${ledger.acknowledged}, refused ${ledger.uncertain.join()}`,
      );
    }
  }
  return { changesLost, logoutsUndone, degradedLost, ghosts, examples };
}

/** How many sessions differ between two looks at the truth while nobody changed anything. */
export function countDifferences(
  ledgers: readonly SessionLedger[],
  before: (session: SessionLedger) => SessionTruth | null,
  after: (session: SessionLedger) => SessionTruth | null,
): number {
  return ledgers.filter((session) => JSON.stringify(before(session)) !== JSON.stringify(after(session))).length;
}
