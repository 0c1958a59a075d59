import type * as OpenTelemetry from '@opentelemetry/api';
import type { ObservedEnd, ObservedOperation, SessionObserver } from '../core/session-observer.js';
import { PULLED } from './metric-catalog.js';
import type { MetricStateReader } from './metric-state.js';
import { RECORDED } from './recorded-metrics.js';
import type { RecordedMetric } from './recorded-metrics.js';

type Api = typeof OpenTelemetry;

/** Name of the instrumentation. */
const SCOPE = 'nestjs-ha-session';

/** Operations that a request waits for and that are worth a span. */
const TRACED = new Set(['load', 'create', 'commit']);

/** Names of labels by the semantic conventions, where these have one. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  operation: 'db.operation.name',
  outcome: 'session.outcome',
  result: 'redis.client.csc.result',
};

/** The metrics and spans by the OpenTelemetry API; without an SDK of the application's all of it does nothing. @internal */
export class OpenTelemetryWindow implements SessionObserver {
  readonly #duration: OpenTelemetry.Histogram;
  readonly #payload: OpenTelemetry.Histogram;
  readonly #lockWait: OpenTelemetry.Histogram;
  readonly #failover: OpenTelemetry.Histogram;
  readonly #tracer: OpenTelemetry.Tracer;
  readonly #meter: OpenTelemetry.Meter;
  readonly #attributes = new Map<string, OpenTelemetry.Attributes>();
  readonly #stops: (() => void)[] = [];

  constructor(
    private readonly api: Api,
    private readonly application: string,
    reader: MetricStateReader,
  ) {
    this.#tracer = api.trace.getTracer(SCOPE);
    this.#meter = api.metrics.getMeter(SCOPE);
    this.#duration = this.#histogram(RECORDED.duration);
    this.#payload = this.#histogram(RECORDED.payload);
    this.#lockWait = this.#histogram(RECORDED.lockWait);
    this.#failover = this.#histogram(RECORDED.failover);
    this.#pullAll(reader);
  }

  begin({ kind, isWrite }: ObservedOperation): (end: ObservedEnd) => void {
    const span = TRACED.has(kind) ? this.#startSpan(kind) : undefined;
    return ({ outcome, durationMs, payloadBytes }) => {
      this.#duration.record(durationMs / 1000, this.#attributesOf({ operation: kind, outcome }));
      if (outcome === 'ok' && (isWrite || kind === 'load')) {
        this.#payload.record(payloadBytes, this.#attributesOf({ operation: kind }));
      }
      span?.setAttribute('session.outcome', outcome);
      span?.end();
    };
  }

  locked(waitedMs: number, isTaken: boolean): void {
    this.#lockWait.record(waitedMs / 1000, this.#attributesOf({ outcome: isTaken ? 'taken' : 'timeout' }));
  }

  /** A failover is over. */
  failedOver(pauseMs: number): void {
    this.#failover.record(pauseMs / 1000, this.#attributesOf({}));
  }

  /** Stops answering the application's SDK. */
  close(): void {
    for (const stop of this.#stops) stop();
  }

  /** Only within a span that is recorded: a root span for each load would tell nobody anything. */
  #startSpan(kind: string): OpenTelemetry.Span | undefined {
    const { trace, SpanKind } = this.api;
    if (!trace.getActiveSpan()?.isRecording()) return undefined;
    const attributes = {
      'db.system.name': 'redis',
      'db.operation.name': kind,
      'session.application': this.application,
    };
    return this.#tracer.startSpan(`session ${kind}`, { kind: SpanKind.CLIENT, attributes });
  }

  /** The same object for the same labels: nothing is allocated for each operation. */
  #attributesOf(labels: Readonly<Record<string, string>>): OpenTelemetry.Attributes {
    const key = Object.entries(labels).join(' ');
    let attributes = this.#attributes.get(key);
    if (!attributes) {
      const entries = Object.entries(labels).map(([name, value]) => [ATTRIBUTES[name] ?? `session.${name}`, value]);
      attributes = {
        'db.system.name': 'redis',
        'session.application': this.application,
        ...(Object.fromEntries(entries) as Record<string, string>),
      };
      this.#attributes.set(key, attributes);
    }
    return attributes;
  }

  #histogram({ otelName, help, unit, buckets }: RecordedMetric): OpenTelemetry.Histogram {
    const advice = { explicitBucketBoundaries: [...buckets] };
    return this.#meter.createHistogram(otelName, { description: help, unit, advice });
  }

  /** One look for all metrics, so that they fit together. */
  #pullAll(reader: MetricStateReader): void {
    const instruments = PULLED.map(({ kind, otelName, help, unit }) => {
      const options = { description: help, unit };
      return kind === 'gauge'
        ? this.#meter.createObservableGauge(otelName, options)
        : this.#meter.createObservableCounter(otelName, options);
    });
    const observe: OpenTelemetry.BatchObservableCallback = async (result) => {
      const state = await reader.read();
      for (const [index, metric] of PULLED.entries()) {
        const instrument = instruments[index];
        if (!instrument) continue;
        for (const { value, labels = {} } of metric.read(state)) {
          result.observe(instrument, value, this.#attributesOf(labels));
        }
      }
    };
    this.#meter.addBatchObservableCallback(observe, instruments);
    this.#stops.push(() => {
      this.#meter.removeBatchObservableCallback(observe, instruments);
    });
  }
}
