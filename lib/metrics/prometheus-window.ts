import type * as PromClient from 'prom-client';
import type { ObservedEnd, ObservedOperation, SessionObserver } from '../core/session-observer.js';
import { PULLED } from './metric-catalog.js';
import type { PulledMetric } from './metric-catalog.js';
import type { MetricStateReader } from './metric-state.js';
import { RECORDED } from './recorded-metrics.js';
import type { RecordedMetric } from './recorded-metrics.js';

type Prom = typeof PromClient;
type Child = PromClient.Histogram.Internal<string>;

/** The metrics in a registry of prom-client. @internal */
export class PrometheusWindow implements SessionObserver {
  readonly #duration: PromClient.Histogram;
  readonly #payload: PromClient.Histogram;
  readonly #lockWait: PromClient.Histogram;
  readonly #failover: PromClient.Histogram;
  /** Histograms by their labels: to put labels together costs more than to count. */
  readonly #children = new Map<string, Child>();
  readonly #names: string[] = [];

  constructor(
    private readonly prom: Prom,
    private readonly registry: PromClient.Registry,
    private readonly application: string,
    reader: MetricStateReader,
  ) {
    this.#duration = this.#histogram(RECORDED.duration);
    this.#payload = this.#histogram(RECORDED.payload);
    this.#lockWait = this.#histogram(RECORDED.lockWait);
    this.#failover = this.#histogram(RECORDED.failover);
    this.#begin();
    for (const metric of PULLED) this.#pull(metric, reader);
  }

  begin({ kind, isWrite }: ObservedOperation): (end: ObservedEnd) => void {
    return ({ outcome, durationMs, payloadBytes }) => {
      this.#child(this.#duration, kind, outcome).observe(durationMs / 1000);
      if (outcome === 'ok' && (isWrite || kind === 'load')) this.#child(this.#payload, kind).observe(payloadBytes);
    };
  }

  locked(waitedMs: number, isTaken: boolean): void {
    this.#lockWait.observe(this.#labels({ outcome: isTaken ? 'taken' : 'timeout' }), waitedMs / 1000);
  }

  /** A failover is over. */
  failedOver(pauseMs: number): void {
    this.#failover.observe(this.#labels({}), pauseMs / 1000);
  }

  /** Takes the metrics out of the registry. */
  close(): void {
    for (const name of this.#names) this.registry.removeSingleMetric(name);
  }

  /** A rate needs a value before the first one: what an alert asks for is there from the start. */
  #begin(): void {
    this.#failover.zero(this.#labels({}));
    for (const outcome of ['taken', 'timeout']) this.#lockWait.zero(this.#labels({ outcome }));
    for (const operation of ['load', 'create', 'commit']) {
      for (const outcome of ['ok', 'deadline', 'overload', 'error']) {
        this.#duration.zero(this.#labels({ operation, outcome }));
      }
    }
  }

  #child(histogram: PromClient.Histogram, operation: string, outcome?: string): Child {
    const key = outcome === undefined ? operation : `${operation} ${outcome}`;
    let child = this.#children.get(key);
    if (!child) {
      child = histogram.labels(this.#labels(outcome === undefined ? { operation } : { operation, outcome }));
      this.#children.set(key, child);
    }
    return child;
  }

  #labels(labels: Readonly<Record<string, string>>): Record<string, string> {
    return { application: this.application, ...labels };
  }

  #histogram({ name, help, labels, buckets }: RecordedMetric): PromClient.Histogram {
    this.#names.push(name);
    const labelNames = ['application', ...labels];
    return new this.prom.Histogram({ name, help, labelNames, buckets: [...buckets], registers: [this.registry] });
  }

  #pull({ name, help, kind, labels, read }: PulledMetric, reader: MetricStateReader): void {
    this.#names.push(name);
    const labelsOf = (own: Readonly<Record<string, string>> = {}): Record<string, string> => this.#labels(own);
    const settings = { name, help, labelNames: ['application', ...labels], registers: [this.registry] };
    if (kind === 'gauge') {
      new this.prom.Gauge({
        ...settings,
        async collect() {
          const readings = read(await reader.read());
          this.reset();
          for (const reading of readings) this.set(labelsOf(reading.labels), reading.value);
        },
      });
      return;
    }
    new this.prom.Counter({
      ...settings,
      async collect() {
        const readings = read(await reader.read());
        this.reset();
        for (const reading of readings) this.inc(labelsOf(reading.labels), reading.value);
      },
    });
  }
}
