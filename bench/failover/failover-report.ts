import { variantNamed } from '../http/variants.js';
import type { Spread } from '../report/statistics.js';
import { spreadOf } from '../report/statistics.js';
import { markdownTable, short, textTable } from '../report/text-table.js';
import type { FailoverSample } from './failover-bench.js';
import { FAILOVER_VARIANTS } from './failover-bench.js';
import { FAULTS } from './faults.js';

const HEADER = [
  'fault',
  'application',
  'runs',
  "Sentinel's own time",
  'pause, median',
  'pause, longest',
  'pause / Sentinel',
  'failed',
  'acknowledged',
  'lost',
  'goal',
];

/** The failover bench as a table. */
export function failoverReport(samples: readonly FailoverSample[], format: 'text' | 'markdown'): string {
  const rows = FAULTS.flatMap(({ name, goal }) =>
    FAILOVER_VARIANTS.flatMap((variant) => {
      const own = samples.filter((sample) => sample.fault === name && sample.variant === variant);
      if (own.length === 0) return [];
      const sum = (figure: (sample: FailoverSample) => number): number =>
        own.reduce((total, sample) => total + figure(sample), 0);
      const pause = spreadOf(own.map(({ pauseMs }) => pauseMs));
      const stuck = own.filter(({ hasRecovered }) => !hasRecovered).length;
      // Of the medians; the longest pause stands beside it.
      const isInTime =
        spreadOf(own.map((sample) => sample.pauseMs - goal.ratio * sample.sentinelMs)).median <= goal.extraMs;
      const goalText = `<= ${goal.ratio === 0 ? '' : `${goal.ratio} x + `}${goal.extraMs} ms`;
      return [
        [
          name,
          variantNamed(variant).label,
          String(own.length),
          milliseconds(spreadOf(own.map(({ sentinelMs }) => sentinelMs))),
          stuck > 0 ? `${short(pause.median)} ms, ${stuck} never recovered` : `${short(pause.median)} ms`,
          `${short(pause.max)} ms`,
          short(spreadOf(own.map(({ pauseMs, sentinelMs }) => pauseMs / sentinelMs)).median, 2),
          short(sum(({ failures }) => failures)),
          short(sum(({ acknowledged }) => acknowledged)),
          short(sum(({ lost }) => lost)),
          variant.startsWith('ours') ? `median ${goalText}: ${isInTime ? 'reached' : 'MISSED'}` : '',
        ],
      ];
    }),
  );
  return (format === 'text' ? textTable : markdownTable)(HEADER, rows);
}

function milliseconds({ median, min, max }: Spread): string {
  return `${short(median)} ms (${short(min)}-${short(max)})`;
}
