import { END_REASONS } from '../stats/session-counts.js';
import type { MetricState } from './metric-state.js';

/** One value of a metric. @internal */
export interface MetricReading {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** A metric that is read when somebody scrapes. @internal */
export interface PulledMetric {
  /** Name in Prometheus. */
  readonly name: string;
  /** Name in OpenTelemetry. */
  readonly otelName: string;
  readonly kind: 'gauge' | 'counter';
  /** OpenTelemetry's unit (UCUM). */
  readonly unit: string;
  readonly help: string;
  /** Names of its labels, beside `application`. */
  readonly labels: readonly string[];
  /** Its values; none when nobody knows. */
  readonly read: (state: MetricState) => readonly MetricReading[];
}

const one = (value: number | null | undefined): readonly MetricReading[] => (value == null ? [] : [{ value }]);

const STATES = ['connecting', 'ready', 'degraded', 'lost', 'closed'] as const;

type Entry = Omit<PulledMetric, 'otelName' | 'labels' | 'unit'> & Partial<PulledMetric>;

/** `session_created_total` is `session.created` to OpenTelemetry, unless a convention has a name for it. */
function metric(entry: Entry): PulledMetric {
  const otelName = entry.name.replace(/_total$/, '').replace('_', '.');
  return { otelName, labels: [], unit: '1', ...entry };
}

/** What is read at a scrape. @internal */
export const PULLED: readonly PulledMetric[] = [
  metric({
    name: 'session_live',
    kind: 'gauge',
    labels: ['user'],
    help: 'Live sessions of the installation, exactly; the same from every instance.',
    read: ({ snapshot }) =>
      snapshot
        ? [
            { value: snapshot.authenticated, labels: { user: 'authenticated' } },
            { value: snapshot.anonymous, labels: { user: 'anonymous' } },
          ]
        : [],
  }),
  metric({
    name: 'session_active',
    kind: 'gauge',
    help: 'Sessions of the installation with a request in the last five minutes.',
    read: ({ snapshot }) => one(snapshot?.active),
  }),
  metric({
    name: 'session_users',
    kind: 'gauge',
    help: 'Distinct users with a live session in the installation, surveyed every five minutes.',
    read: ({ snapshot }) => one(snapshot?.users?.count),
  }),
  metric({
    name: 'session_created_total',
    kind: 'counter',
    help: 'Sessions of the installation that began; the same from every instance.',
    read: ({ snapshot }) => one(snapshot?.total.created),
  }),
  metric({
    name: 'session_ended_total',
    kind: 'counter',
    labels: ['reason'],
    help: 'Sessions of the installation that ended, by reason; the same from every instance.',
    read: ({ snapshot }) =>
      snapshot ? END_REASONS.map((reason) => ({ value: snapshot.total.ended[reason], labels: { reason } })) : [],
  }),
  metric({
    name: 'session_bytes',
    kind: 'gauge',
    unit: 'By',
    help: 'Mean memory of a session in Redis, by a sample.',
    read: ({ capacity }) => one(capacity?.memory.sessionBytes),
  }),
  metric({
    name: 'session_room',
    kind: 'gauge',
    help: 'Sessions that would still fit into maxmemory.',
    read: ({ capacity }) => one(capacity?.room),
  }),
  metric({
    name: 'session_memory_full_timestamp_seconds',
    kind: 'gauge',
    unit: 's',
    help: 'When memory will be full at the present growth, at the daily peak; missing unless it grows.',
    read: ({ capacity }) => one(capacity?.forecast.fullAtMs && capacity.forecast.fullAtMs / 1000),
  }),
  metric({
    name: 'session_redis_memory_used_bytes',
    kind: 'gauge',
    unit: 'By',
    help: 'used_memory of the primary.',
    read: ({ inspection }) => one(inspection?.usedMemoryBytes),
  }),
  metric({
    name: 'session_redis_memory_max_bytes',
    kind: 'gauge',
    unit: 'By',
    help: 'maxmemory of the primary; missing without a limit.',
    read: ({ inspection }) => one(inspection?.maxMemoryBytes),
  }),
  metric({
    name: 'session_redis_state',
    kind: 'gauge',
    labels: ['state'],
    help: 'Where the connection to Redis stands: 1 for the present state, 0 for the others.',
    read: ({ status }) =>
      status ? STATES.map((state) => ({ value: Number(status.state === state), labels: { state } })) : [],
  }),
  metric({
    name: 'session_redis_replicas',
    kind: 'gauge',
    help: 'Replicas that the primary knows and that are online.',
    read: ({ inspection }) => one(inspection?.replicas.filter(({ online }) => online).length),
  }),
  metric({
    name: 'session_redis_replica_lag_bytes',
    kind: 'gauge',
    unit: 'By',
    help: 'How far the replica that is furthest behind lags; missing without a replica.',
    read: ({ inspection }) => {
      const lags = inspection?.replicas.map(({ lagBytes }) => lagBytes) ?? [];
      return lags.length > 0 ? one(Math.max(...lags)) : [];
    },
  }),
  metric({
    name: 'session_redis_sentinels',
    kind: 'gauge',
    labels: ['state'],
    help: 'Sentinels that are known, and those that answer.',
    read: ({ inspection }) => {
      const sentinels = inspection?.sentinels;
      if (!sentinels) return [];
      return [
        { value: sentinels.known, labels: { state: 'known' } },
        { value: sentinels.reachable, labels: { state: 'reachable' } },
      ];
    },
  }),
  metric({
    name: 'session_redis_sentinel_quorum',
    kind: 'gauge',
    help: 'Whether enough Sentinels are there to agree on a failover: 1 or 0; missing when nobody says.',
    read: ({ inspection }) => one(inspection?.sentinels?.quorum == null ? null : Number(inspection.sentinels.quorum)),
  }),
  metric({
    name: 'session_redis_waiting',
    kind: 'gauge',
    help: 'Operations of this instance that wait for a primary or for a replica.',
    read: ({ status }) => one(status?.waiting),
  }),
  metric({
    name: 'session_redis_oldest_seconds',
    kind: 'gauge',
    unit: 's',
    help: 'Age of the oldest operation of this instance that is not answered; 0 without one.',
    read: ({ status }) => one(status && status.oldestMs / 1000),
  }),
  metric({
    name: 'session_redis_held_total',
    kind: 'counter',
    help: 'Operations of this instance that had to wait for a usable primary.',
    read: ({ status }) => one(status?.totals.held),
  }),
  metric({
    name: 'session_redis_resent_total',
    kind: 'counter',
    help: 'Operations of this instance that were sent again, since nobody knew whether they had been executed.',
    read: ({ status }) => one(status?.totals.resent),
  }),
  metric({
    name: 'session_redis_acknowledged_alone_total',
    kind: 'counter',
    help: 'Changes that were acknowledged although only the primary had them.',
    read: ({ status }) => one(status?.totals.acknowledgedAlone),
  }),
  metric({
    name: 'session_redis_failovers_total',
    kind: 'counter',
    help: 'Changes of the primary that this instance saw.',
    read: ({ status, tally }) => one(status && tally.failovers),
  }),
  metric({
    name: 'session_redis_degraded_seconds_total',
    kind: 'counter',
    unit: 's',
    help: 'Time in which changes were acknowledged by a lone primary.',
    read: ({ status, tally }) => one(status && tally.degradedMs / 1000),
  }),
  metric({
    name: 'session_redis_lost_seconds_total',
    kind: 'counter',
    unit: 's',
    help: 'Time without a usable primary.',
    read: ({ status, tally }) => one(status && tally.lostMs / 1000),
  }),
  metric({
    name: 'session_lost_writes_total',
    kind: 'counter',
    labels: ['reason'],
    help: 'Changes of requests that were not stored: the session was gone, or its lock was lost.',
    read: ({ tally }) => [
      { value: tally.lostWrites.gone, labels: { reason: 'gone' } },
      { value: tally.lostWrites.lock, labels: { reason: 'lock' } },
    ],
  }),
  metric({
    name: 'session_undecodable_total',
    kind: 'counter',
    help: 'Stored sessions that could not be read.',
    read: ({ tally }) => one(tally.undecodable),
  }),
  metric({
    name: 'session_near_cache_requests_total',
    otelName: 'redis.client.csc.requests',
    kind: 'counter',
    labels: ['result'],
    help: 'Loads that the near cache answered (hit), and those that went to Redis (miss).',
    read: ({ nearCache }) =>
      nearCache
        ? [
            { value: nearCache.hits, labels: { result: 'hit' } },
            { value: nearCache.misses, labels: { result: 'miss' } },
          ]
        : [],
  }),
  metric({
    name: 'session_near_cache_items',
    otelName: 'redis.client.csc.items',
    kind: 'gauge',
    help: 'Sessions in the near cache.',
    read: ({ nearCache }) => one(nearCache?.entries),
  }),
  metric({
    name: 'session_near_cache_bytes',
    kind: 'gauge',
    unit: 'By',
    help: 'What the near cache holds, by estimate.',
    read: ({ nearCache }) => one(nearCache?.bytes),
  }),
  metric({
    name: 'session_near_cache_invalidations_total',
    kind: 'counter',
    help: 'Changes of sessions that the near cache was told of.',
    read: ({ nearCache }) => one(nearCache?.invalidations),
  }),
  metric({
    name: 'session_event_loop_delay_seconds',
    kind: 'gauge',
    unit: 's',
    labels: ['quantile'],
    help: 'How late the event loop of this instance runs, since the scrape before.',
    read: ({ loop }) => [
      { value: loop.median, labels: { quantile: '0.5' } },
      { value: loop.p99, labels: { quantile: '0.99' } },
      { value: loop.highest, labels: { quantile: '1' } },
    ],
  }),
];
