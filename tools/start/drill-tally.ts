import type { DrillFigures } from './drill-report.js';

const KEPT_ERRORS = 10;

/** Counts what users see, in the current phase and in all. */
export class DrillTally {
  /** What went wrong, the first few. */
  readonly errors: string[] = [];
  readonly #total = new Counts();
  #phase = new Counts();

  answered(tookMs: number): void {
    this.#both((counts) => {
      counts.ok += 1;
      counts.longestPauseMs = Math.max(counts.longestPauseMs, tookMs);
    });
  }

  failed(tookMs: number, why: string): void {
    if (this.errors.length < KEPT_ERRORS) this.errors.push(why);
    this.#both((counts) => {
      counts.failed += 1;
      counts.longestPauseMs = Math.max(counts.longestPauseMs, tookMs);
    });
  }

  count(what: 'acknowledged' | 'lost' | 'stale' | 'logins' | 'logouts' | 'undone', number = 1): void {
    this.#both((counts) => (counts[what] += number));
  }

  /** Figures of the phase that ends, and a fresh start. */
  endPhase(): DrillFigures {
    const figures = this.#phase.figures();
    this.#phase = new Counts();
    return figures;
  }

  total(): DrillFigures {
    return this.#total.figures();
  }

  #both(change: (counts: Counts) => void): void {
    change(this.#phase);
    change(this.#total);
  }
}

class Counts {
  ok = 0;
  failed = 0;
  longestPauseMs = 0;
  acknowledged = 0;
  lost = 0;
  stale = 0;
  logins = 0;
  logouts = 0;
  undone = 0;

  figures(): DrillFigures {
    return {
      requests: { ok: this.ok, failed: this.failed },
      longestPauseMs: Math.round(this.longestPauseMs),
      changes: { acknowledged: this.acknowledged, lost: this.lost, stale: this.stale },
      logins: this.logins,
      logouts: { acknowledged: this.logouts, undone: this.undone },
    };
  }
}
