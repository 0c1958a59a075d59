import type { HttpResults, HttpSample } from '../http/http-bench.js';
import type { Cell } from '../http/plan.js';
import { KNOWN_VARIANTS } from '../http/variants.js';
import type { RoundValue, Spread } from './statistics.js';
import { pairwiseRatio, spreadOf } from './statistics.js';

/** All that was measured of one variant on one cell. */
export interface SummaryRow extends Cell {
  readonly variant: string;
  readonly label: string;
  readonly rounds: number;
  readonly requestsPerSecond: Spread;
  /** @unit microseconds */
  readonly cpuMicros: Spread;
  /** CPU per request over that of `bound`, in the same round. */
  readonly cpuToBound: Spread | null;
  /** CPU per request over that of the better connect-redis, in the same round. */
  readonly cpuToPeer: Spread | null;
  /** CPU per request over that of `ours`, in the same round. */
  readonly cpuToOurs: Spread | null;
  readonly p50Ms: Spread;
  readonly p50ToPeer: Spread | null;
  readonly throughputToPeer: Spread | null;
  readonly p99Ms: Spread;
  readonly redisCommands: Spread | null;
  readonly redisBytesIn: Spread | null;
  readonly redisBytesOut: Spread | null;
  /** @unit microseconds */
  readonly redisCpuMicros: Spread | null;
  readonly redisCpuToPeer: Spread | null;
  readonly failures: number;
  /** The highest share of its core that the load generator used. */
  readonly loadShare: number;
}

const PEERS = ['connect-redis-8', 'connect-redis-9'];

/** Medians and pairwise ratios, cell by cell, in the order of the variants. */
export function summarise({ samples }: HttpResults): SummaryRow[] {
  const cells = new Map<string, HttpSample[]>();
  for (const sample of samples) {
    const key = `${sample.isDelayed} ${sample.bytes} ${sample.operation} ${sample.connections}`;
    cells.set(key, [...(cells.get(key) ?? []), sample]);
  }
  return [...cells.values()].flatMap(summariseCell);
}

function summariseCell(samples: readonly HttpSample[]): SummaryRow[] {
  const of = (variant: string): HttpSample[] => samples.filter((sample) => sample.variant === variant);
  const cpu = (sample: HttpSample): number => sample.cpuMicros;
  const bound = of('bound');
  const best = (figure: (sample: HttpSample) => number, isBetter: (a: number, b: number) => boolean): HttpSample[] => {
    const candidates = PEERS.map(of).filter((peer) => peer.length > 0);
    return candidates.reduce<HttpSample[]>((chosen, peer) => {
      if (chosen.length === 0) return peer;
      return isBetter(spreadOf(peer.map(figure)).median, spreadOf(chosen.map(figure)).median) ? peer : chosen;
    }, []);
  };
  const lower = (a: number, b: number): boolean => a < b;
  const redisCpu = (sample: HttpSample): number => sample.redis?.cpuMicros ?? Number.NaN;
  return KNOWN_VARIANTS.flatMap(({ name, label }) => {
    const own = of(name);
    const first = own[0];
    if (!first) return [];
    const redis = (figure: (sample: NonNullable<HttpSample['redis']>) => number): Spread | null =>
      first.redis ? spreadOf(own.flatMap((sample) => (sample.redis ? [figure(sample.redis)] : []))) : null;
    const { operation, bytes, connections, isDelayed } = first;
    return [
      {
        operation,
        bytes,
        connections,
        isDelayed,
        variant: name,
        label,
        rounds: own.length,
        requestsPerSecond: spreadOf(own.map((sample) => sample.requestsPerSecond)),
        cpuMicros: spreadOf(own.map(cpu)),
        cpuToBound: ratio(own, bound, cpu),
        cpuToPeer: ratio(own, best(cpu, lower), cpu),
        cpuToOurs: ratio(own, of('ours'), cpu),
        p50Ms: spreadOf(own.map((sample) => sample.p50Ms)),
        p50ToPeer: ratio(
          own,
          best((sample) => sample.p50Ms, lower),
          (sample) => sample.p50Ms,
        ),
        throughputToPeer: ratio(
          own,
          best(
            (sample) => sample.requestsPerSecond,
            (a, b) => a > b,
          ),
          (sample) => sample.requestsPerSecond,
        ),
        p99Ms: spreadOf(own.map((sample) => sample.p99Ms)),
        redisCommands: redis((used) => used.commands),
        redisBytesIn: redis((used) => used.bytesIn),
        redisBytesOut: redis((used) => used.bytesOut),
        redisCpuMicros: redis((used) => used.cpuMicros),
        redisCpuToPeer: first.redis ? ratio(own, best(redisCpu, lower), redisCpu) : null,
        failures: own.reduce((sum, sample) => sum + sample.failures, 0),
        loadShare: Math.max(...own.map((sample) => sample.loadShare)),
      },
    ];
  });
}

function ratio(
  these: readonly HttpSample[],
  those: readonly HttpSample[],
  figure: (sample: HttpSample) => number,
): Spread | null {
  const values = (samples: readonly HttpSample[]): RoundValue[] =>
    samples.map((sample) => ({ round: sample.round, value: figure(sample) }));
  return pairwiseRatio(values(these), values(those));
}
