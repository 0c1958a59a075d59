/** A metric that takes a value for each happening. @internal */
export interface RecordedMetric {
  readonly name: string;
  readonly otelName: string;
  readonly unit: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper ends of its histogram. */
  readonly buckets: readonly number[];
}

/** Half a millisecond to ten seconds: from a round trip within a machine to the operation's deadline. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** 256 bytes to 4 MiB: the largest session by default. */
const BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304];

/** What is recorded as it happens. @internal */
export const RECORDED = {
  duration: {
    name: 'session_operation_duration_seconds',
    otelName: 'db.client.operation.duration',
    unit: 's',
    help: 'Time of an operation from the request to its outcome, waiting and repetitions included.',
    labels: ['operation', 'outcome'],
    buckets: SECONDS,
  },
  payload: {
    name: 'session_payload_bytes',
    otelName: 'session.payload.size',
    unit: 'By',
    help: 'Bytes sent for a change of a session, or read for a load of one.',
    labels: ['operation'],
    buckets: BYTES,
  },
  lockWait: {
    name: 'session_lock_wait_seconds',
    otelName: 'session.lock.wait',
    unit: 's',
    help: 'Time that requests waited for the exclusive lock of a session, by whether they had it.',
    labels: ['outcome'],
    buckets: SECONDS,
  },
  failover: {
    name: 'session_failover_pause_seconds',
    otelName: 'session.failover.pause',
    unit: 's',
    help: 'Pause of a failover: from the last good answer of the old primary until the new one was usable.',
    labels: [],
    buckets: [0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 30, 60],
  },
} as const satisfies Record<string, RecordedMetric>;
